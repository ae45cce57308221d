// Real files: those that are sent, and the list of seeds that ever failed.

internal import Glibc

/// Nil when the file cannot be read; fewer bytes at its end.
func readFile(_ descriptor: Int32, _ offset: Int64, _ count: Int) -> [UInt8]? {
    var failed = false
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
        let got = unsafe pread(descriptor, buffer.baseAddress, count, off_t(offset))
        failed = got < 0
        initialized = max(got, 0)
    }
    return failed ? nil : bytes
}

package enum SimulationSeeds {
    /// The seeds of a corpus file (one number per line; `#` begins a comment), then as many new ones.
    package static func from(corpus path: String, then range: Range<UInt64>) -> [UInt64] {
        corpus(path) + range
    }

    private static let corpusBytesMax = 1 << 20

    private static func corpus(_ path: String) -> [UInt64] {
        let descriptor = unsafe open(path, O_RDONLY)
        guard descriptor >= 0 else { preconditionFailure("no corpus of seeds at \(path)") }
        defer { _ = close(descriptor) }
        let text = String(decoding: readFile(descriptor, 0, corpusBytesMax) ?? [], as: UTF8.self)
        return text.split(separator: "\n").compactMap { line in
            UInt64(line.prefix { $0 != "#" }.filter { !$0.isWhitespace })
        }
    }
}
