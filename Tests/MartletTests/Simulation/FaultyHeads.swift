// The heads of the conformance corpus that parse under the default limits or fail, as bytes.

import Glibc

enum FaultyHeads {
    static let tests = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
    static let seeds = tests + "/corpus/simulation/server.txt"

    static let all: [[UInt8]] = {
        var heads: [[UInt8]] = []
        for number in 1...12 {
            let pattern = "\(tests)/corpus/http1/\(number < 10 ? "0" : "")\(number)-*.md"
            var found = unsafe glob_t()
            defer { unsafe globfree(&found) }
            guard unsafe glob(pattern, 0, nil, &found) == 0, let path = unsafe found.gl_pathv[0] else { continue }
            heads += blocks(contents(unsafe String(cString: path)))
        }
        precondition(heads.count > 200, "the corpus of heads is where it was")
        return heads.filter { $0.count <= 5000 }
    }()

    private static func contents(_ path: String) -> String {
        guard let file = unsafe fopen(path, "r") else { return "" }
        defer { _ = unsafe fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe fread($0.baseAddress, 1, $0.count, file) }
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    private static func blocks(_ text: String) -> [[UInt8]] {
        var heads: [[UInt8]] = []
        var block: String?
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line == "```http" {
                block = ""
            } else if line.hasPrefix("```") {
                if let block { heads.append(unescaped(Substring(block))) }
                block = nil
            } else {
                block?.append(contentsOf: line)
            }
        }
        return heads
    }

    /// The escapes of the corpus: \r \n \t \\ \xHH, and \*count*text*.
    private static func unescaped(_ text: Substring) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = text
        while let character = rest.popFirst() {
            guard character == "\\" else { bytes += Array(String(character).utf8); continue }
            switch rest.popFirst() {
            case "r": bytes.append(13)
            case "n": bytes.append(10)
            case "t": bytes.append(9)
            case "x":
                bytes.append(UInt8(rest.prefix(2), radix: 16) ?? 0)
                rest = rest.dropFirst(2)
            case "*":
                let parts = rest.split(separator: "*", maxSplits: 2, omittingEmptySubsequences: false)
                let piece = unescaped(parts[1])
                for _ in 0..<(Int(parts[0]) ?? 0) { bytes += piece }
                rest = parts[2]
            default: bytes.append(0x5C)
            }
        }
        return bytes
    }
}
