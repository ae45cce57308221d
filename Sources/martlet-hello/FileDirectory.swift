// Files of one directory, opened by name without leaving it.

import Glibc
import Martlet

final class FileDirectory: Sendable {
    private let descriptor: Int32

    init(_ path: String) throws(OptionError) {
        descriptor = unsafe Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw OptionError("--root \(path) is not a directory that can be read; name one that exists.")
        }
    }

    /// A plain file right in the directory; names with a slash, hidden ones, links and directories are refused.
    func open(_ name: Span<UInt8>) -> SharedFile? {
        guard name.count > 0, name.count < 255, name[0] != UInt8(ascii: ".") else { return nil }
        var text = InlineArray<256, CChar>(repeating: 0)
        for index in name.indices {
            guard name[index] != UInt8(ascii: "/"), name[index] != UInt8(ascii: "%"), name[index] != 0 else { return nil }
            text[index] = CChar(bitPattern: name[index])
        }
        let span = text.span
        let file = unsafe span.withUnsafeBufferPointer { unsafe openat(descriptor, $0.baseAddress!, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK) }
        return file >= 0 ? SharedFile(owning: file) : nil
    }

    deinit { _ = close(descriptor) }
}
