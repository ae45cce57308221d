// Owns reading the kernel's small text files (/proc, /sys) whole. Used at start only; never on the data path.

internal import Glibc

package enum SmallFile {
    /// A host with thousands of container mounts has a mountinfo of about a megabyte; the rest are a few bytes.
    static let sizeBytesMax = 4 << 20
    private static let chunkBytes = 4096

    /// The file's text, or nil when it cannot be read whole: for what is asked here, a file that is absent, forbidden or
    /// absurdly large all mean the same, that the kernel states no limit there.
    package static func text(at path: String) -> String? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: chunkBytes)
        while bytes.count <= sizeBytesMax {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                return nil
            }
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes.append(contentsOf: chunk[..<count])
        }
        return nil
    }
}
