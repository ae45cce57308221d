// Gives back the file pages that only starting needed.
//
// A start touches most of the runtime (metadata, symbol and string tables, argument parsing), and the kernel maps sixteen pages around each one that is
// touched: four megabytes that a serving process never looks at again. Dropping the mapped pages costs nothing but a soft fault for each of those that serve.

internal import Glibc

enum StartupCode {
    /// Unmaps the resident pages of code and constants: private mappings of files that nobody can write to and that hold no page of our own
    /// (relocated constants do). The kernel finds them in its page cache again.
    static func release() {
        guard let mappings = SmallFile.text(at: "/proc/self/smaps") else { return }
        var candidate: Range<UInt>?
        var rest = mappings[...]
        // Line by line: an array of them all would be memory that starting needs.
        while let end = rest.firstIndex(of: "\n") {
            let line = rest[..<end]
            rest = rest[rest.index(after: end)...]
            if let mapping = Mapping(line) {
                candidate = mapping.isOfFile && mapping.isConstant ? mapping.addresses : nil
            } else if let addresses = candidate, line.hasPrefix("Anonymous:") {
                candidate = nil
                guard line.split(separator: " ").dropFirst().first == "0" else { continue }
                _ = unsafe madvise(UnsafeMutableRawPointer(bitPattern: addresses.lowerBound), addresses.count, MADV_DONTNEED)
            }
        }
    }

    /// The first line of an entry, as in `55d0c0a00000-55d0c1020000 r-xp 00200000 fe:00 1234   /usr/bin/program`.
    private struct Mapping {
        let addresses: Range<UInt>
        let isConstant: Bool
        let isOfFile: Bool

        init?(_ line: Substring) {
            let fields = line.split(separator: " ", omittingEmptySubsequences: true)
            guard fields.count >= 5 else { return nil }
            let bounds = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            guard bounds.count == 2, bounds[0] < bounds[1] else { return nil }
            addresses = bounds[0]..<bounds[1]
            isConstant = fields[1] == "r-xp" || fields[1] == "r--p"
            isOfFile = fields.count > 5 && fields[5].hasPrefix("/")
        }
    }
}
