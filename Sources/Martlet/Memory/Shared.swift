// What answers send without copying it: immutable bytes, and files.

internal import Glibc

/// Bytes made once and sent any number of times, from any core, without being copied.
///
/// Immutable and reference-counted: an answer that is being sent keeps its bytes alive.
@safe public final class SharedBytes: @unchecked Sendable {
    let storage: UnsafeMutableRawBufferPointer

    /// Copies the bytes once.
    public init(_ bytes: Span<UInt8>) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(bytes.count, 1), alignment: 16)
        unsafe bytes.withUnsafeBytes { unsafe copy.copyMemory(from: $0) }
        unsafe storage = unsafe copy
        count = bytes.count
    }

    /// Copies the bytes once.
    public convenience init(_ bytes: [UInt8]) { self.init(bytes.span) }

    /// Size in bytes.
    public let count: Int

    deinit { unsafe storage.deallocate() }
}

/// An open file that answers are sent from; closed when the last answer is out.
public final class SharedFile: Sendable {
    /// The descriptor, open for reading.
    public let descriptor: Int32
    /// Size in bytes when it was opened.
    public let byteCount: Int

    /// Takes an open descriptor over, which is closed with the last use of it; nil, and closed at once, when it is not a plain file.
    public init?(owning descriptor: Int32) {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            _ = close(descriptor)
            return nil
        }
        self.descriptor = descriptor
        byteCount = Int(status.st_size)
    }

    deinit { _ = close(descriptor) }
}
