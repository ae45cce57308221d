// Reads the conformance cases: Markdown that people read, in which three kinds of blocks mean something.
//
//     ## ID: what it is about                     starts a case
//     ```http                                     the bytes of a request's head (or ```chunked: of a chunked body);
//     GET / HTTP/1.1\r\n                          line breaks of the Markdown do not count, only escapes do:
//     \r\n                                        \r \n \t \\ \xHH, and \*count*text* for repetition
//     ```
//     ```limits                                   optional: limits that differ from the defaults
//     ```expect                                   `error NAME STATUS`, `incomplete`, or facts, one on each line

import Glibc
import MartletHTTP
import Testing

struct CorpusCase: CustomTestStringConvertible, Sendable {
    enum Kind: String { case http, chunked }

    var id: String
    var file: String
    var kind: Kind
    var bytes: [UInt8]
    var limits = Limits()
    var expectations: [Fact]

    var testDescription: String { id }
}

struct CorpusError: Error, CustomStringConvertible {
    var description: String
}

enum Corpus {
    /// All cases of all files, in the order of their names.
    static func load() throws -> [CorpusCase] {
        let tests = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/")
        let directory = tests + "/corpus/http1"
        var cases: [CorpusCase] = []
        for name in try names(of: directory) where name.hasSuffix(".md") {
            cases += try parse(try contents(of: directory + "/" + name), file: name)
        }
        return cases
    }

    private static func names(of directory: String) throws -> [String] {
        guard let handle = unsafe opendir(directory) else { throw CorpusError(description: "no \(directory)") }
        defer { _ = unsafe closedir(handle) }
        var names: [String] = []
        while let entry = unsafe readdir(handle) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { buffer in
                unsafe String(decoding: buffer.prefix { $0 != 0 }, as: UTF8.self)
            }
            names.append(name)
        }
        return names.sorted()
    }

    private static func contents(of path: String) throws -> String {
        guard let file = unsafe fopen(path, "r") else { throw CorpusError(description: "no \(path)") }
        defer { _ = unsafe fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes { buffer in
                unsafe fread(buffer.baseAddress, 1, buffer.count, file)
            }
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes += chunk[0..<count]
        }
    }

    private static func parse(_ text: String, file: String) throws -> [CorpusCase] {
        var cases: [CorpusCase] = []
        var current: CorpusCase?
        var block: (language: String, lines: [Substring])?
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if let open = block {
                if line == "```" {
                    try close(open.language, open.lines, into: &current, file: file)
                    block = nil
                } else {
                    block = (open.language, open.lines + [line])
                }
            } else if line.hasPrefix("```") {
                block = (String(line.dropFirst(3)), [])
            } else if line.hasPrefix("## ") {
                if let current { cases.append(try checked(current)) }
                let id = line.dropFirst(3).prefix { $0 != ":" }
                current = CorpusCase(id: String(id), file: file, kind: .http, bytes: [], expectations: [])
            }
        }
        if let current { cases.append(try checked(current)) }
        return cases
    }

    private static func checked(_ candidate: CorpusCase) throws -> CorpusCase {
        if candidate.expectations.isEmpty { throw CorpusError(description: "\(candidate.id) expects nothing") }
        return candidate
    }

    private static func close(
        _ language: String, _ lines: [Substring], into current: inout CorpusCase?, file: String
    ) throws {
        guard current != nil else { return }
        switch language {
        case "http", "chunked":
            current?.kind = language == "http" ? .http : .chunked
            current?.bytes = try unescaped(lines.joined())
        case "limits":
            for line in lines { try set(line, in: &current) }
        case "expect":
            current?.expectations = lines.map { line in
                let key = line.prefix { $0 != " " }
                return Fact(String(key), String(line.dropFirst(key.count + 1)))
            }
        default:
            throw CorpusError(description: "\(file) has a block of \(language)")
        }
    }

    private static func set(_ line: Substring, in current: inout CorpusCase?) throws {
        let words = line.split(separator: " ")
        guard words.count == 2, let value = Int(words[1]) else { throw CorpusError(description: "limit \(line)") }
        switch words[0] {
        case "requestLineBytesMax": current?.limits.requestLineBytesMax = value
        case "headBytesMax": current?.limits.headBytesMax = value
        case "fieldCountMax": current?.limits.fieldCountMax = value
        case "bodyBytesMax": current?.limits.bodyBytesMax = UInt64(value)
        case "chunkLineBytesMax": current?.limits.chunkLineBytesMax = value
        case "chunkExtensionBytesMax": current?.limits.chunkExtensionBytesMax = value
        case "chunkOverheadBytesMax": current?.limits.chunkOverheadBytesMax = value
        case "trailerBytesMax": current?.limits.trailerBytesMax = value
        case "trailerCountMax": current?.limits.trailerCountMax = value
        case "leadingEmptyLinesMax": current?.limits.leadingEmptyLinesMax = value
        default: throw CorpusError(description: "there is no limit \(words[0])")
        }
    }

    /// Resolves the escapes of a block.
    static func unescaped(_ text: String) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = Substring(text)
        while let character = rest.popFirst() {
            guard character == "\\" else {
                bytes += Array(String(character).utf8)
                continue
            }
            switch rest.popFirst() {
            case "r": bytes.append(0x0D)
            case "n": bytes.append(0x0A)
            case "t": bytes.append(0x09)
            case "\\": bytes.append(0x5C)
            case "x":
                guard let byte = UInt8(rest.prefix(2), radix: 16) else { throw CorpusError(description: "\\x\(rest)") }
                bytes.append(byte)
                rest = rest.dropFirst(2)
            case "*":
                let parts = rest.split(separator: "*", maxSplits: 2, omittingEmptySubsequences: false)
                guard parts.count == 3, let count = Int(parts[0]) else { throw CorpusError(description: "\\*\(rest)") }
                let repeated = try unescaped(String(parts[1]))
                for _ in 0..<count { bytes += repeated }
                rest = parts[2]
            default:
                throw CorpusError(description: "an unknown escape before \(rest)")
            }
        }
        return bytes
    }
}
