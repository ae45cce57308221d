// Gives back the code pages that only starting needed.
//
// A start touches most of the runtime (metadata, string tables, argument parsing), and the kernel maps sixteen pages around each one that is touched: four
// megabytes that a serving process never looks at again. Dropping the mapped pages of code costs nothing but a soft fault for each of those that serve.

internal import Glibc

enum StartupCode {
    /// Unmaps the resident pages of all code of files. They are clean and private, so that the kernel finds them in its page cache again.
    static func release() {
        guard let maps = SmallFile.text(at: "/proc/self/maps") else { return }
        for line in maps.split(separator: "\n") {
            // 55d0c0a00000-55d0c1020000 r-xp 00200000 fe:00 1234   /usr/bin/program
            let fields = line.split(separator: " ", omittingEmptySubsequences: true)
            guard fields.count >= 6, fields[1] == "r-xp", fields[5].hasPrefix("/") else { continue }
            let bounds = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            guard bounds.count == 2, bounds[0] < bounds[1] else { continue }
            _ = unsafe madvise(UnsafeMutableRawPointer(bitPattern: bounds[0]), Int(bounds[1] - bounds[0]), MADV_DONTNEED)
        }
    }
}
