// The vector of a gathering send, as the kernel takes it piece by piece.

internal import CUring
internal import Glibc

extension msghdr {
    /// The pieces become the kernel's: the two types have one layout.
    mutating func setPieces(_ pieces: UnsafeMutableBufferPointer<IOVector>) {
        unsafe msg_iov = UnsafeMutableRawPointer(pieces.baseAddress)?.assumingMemoryBound(to: iovec.self)
        unsafe msg_iovlen = pieces.count
    }

    /// Drops what the kernel took from the front of the vector; what is left is the next call's. Empty pieces at the front go with it.
    mutating func advance(by taken: Int) {
        var left = taken
        while unsafe msg_iovlen > 0 {
            let piece = unsafe msg_iov!
            let count = unsafe min(left, piece.pointee.iov_len)
            unsafe piece.pointee.iov_base += count
            unsafe piece.pointee.iov_len -= count
            left -= count
            if unsafe piece.pointee.iov_len > 0 { return }
            unsafe msg_iov = unsafe piece + 1
            unsafe msg_iovlen -= 1
        }
    }
}
