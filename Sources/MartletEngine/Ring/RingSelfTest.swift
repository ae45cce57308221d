// Tries on a pair of sockets what the engine relies on, before the first connection does.
//
// A probe lists operations, not what their flags do: multishot receive shares its operation with the single one.

internal import CUring
internal import Glibc

enum RingSelfTest {
    /// Steps `features` down to what works; throws when not even single receives into the buffers do.
    static func run(_ ring: UnsafeMutablePointer<io_uring>, _ features: inout RingFeatures, _ buffers: inout ReceiveBuffers) throws {
        if features.multishotReceive {
            features.multishotReceive = try unsafe receives(ring, features, &buffers, multishot: true)
        }
        if !features.multishotReceive {
            guard try unsafe receives(ring, features, &buffers, multishot: false) else {
                throw RingUnavailable(description: "io_uring's buffer rings do not work on this kernel: use --engine epoll")
            }
        }
        if features.silentSend { features.silentSend = try unsafe sendsSilently(ring, features) }
        unsafe testMessages(ring, &features)
    }

    private static func receives(
        _ ring: UnsafeMutablePointer<io_uring>, _ features: RingFeatures, _ buffers: inout ReceiveBuffers, multishot: Bool
    ) throws -> Bool {
        let pair = try socketPair()
        defer { _ = Glibc.close(pair.0) }
        guard let entry = unsafe io_uring_get_sqe(ring) else { return false }
        unsafe martlet_prepare_recv(entry, pair.0, ReceiveBuffers.group, multishot ? 1 : 0, 0)
        var byte: UInt8 = 42
        _ = unsafe write(pair.1, &byte, 1)
        let first = unsafe take(ring, features)
        let delivered = first.res == 1 && first.flags & MARTLET_CQE_F_BUFFER != 0
        let stays = first.flags & MARTLET_CQE_F_MORE != 0
        if delivered {
            buffers.markLent()
            buffers.giveBack(UInt16(truncatingIfNeeded: first.flags >> 16))
        }
        _ = Glibc.close(pair.1)
        // The end of the stream is the armed receive's last completion; nothing of the test stays in the ring.
        if stays { _ = unsafe take(ring, features) }
        buffers.publish()
        return delivered && stays == multishot
    }

    private static func socketPair() throws(SystemError) -> (Int32, Int32) {
        var pair: (Int32, Int32) = (-1, -1)
        let made = unsafe withUnsafeMutableBytes(of: &pair) {
            unsafe socketpair(AF_UNIX, MARTLET_SOCK_STREAM, 0, $0.baseAddress!.assumingMemoryBound(to: Int32.self))
        }
        guard made == 0 else { throw SystemError(errno, .socketpair) }
        return pair
    }

    /// Is a send that fits silent, and does one that does not fit say inside the same enter how much was taken? (Linux 5.19 and 6.0 say only that it was
    /// refused, and forget the part that was sent.)
    private static func sendsSilently(_ ring: UnsafeMutablePointer<io_uring>, _ features: RingFeatures) throws -> Bool {
        let pair = try socketPair()
        defer {
            _ = Glibc.close(pair.0)
            _ = Glibc.close(pair.1)
        }
        // More than a socket holds; pages that are only read cost nothing.
        let memory = try PageMemory(byteCount: 4 << 20)
        let head = unsafe martlet_completions_head(ring)
        for byteCount in [1, memory.byteCount] {
            guard let entry = unsafe io_uring_get_sqe(ring) else { return false }
            unsafe martlet_prepare_silent_send(entry, pair.0, memory.base, byteCount)
        }
        guard unsafe martlet_enter(ring, 0, features.registeredDescriptor ? 1 : 0) >= 0 else { return false }
        // The first has none, the second's is there already: anything else is not what the engine relies on.
        guard unsafe martlet_completions_tail(ring) == head &+ 1 else {
            while unsafe martlet_completions_head(ring) != martlet_completions_tail(ring) { _ = unsafe take(ring, features) }
            return false
        }
        let taken = unsafe take(ring, features).res
        var queued: Int32 = 0
        guard unsafe ioctl(pair.1, UInt(FIONREAD), &queued) == 0 else { return false }
        return taken > 0 && Int(taken) < memory.byteCount && queued == taken + 1
    }

    private static func take(_ ring: UnsafeMutablePointer<io_uring>, _ features: RingFeatures) -> io_uring_cqe {
        let head = unsafe martlet_completions_head(ring)
        while unsafe martlet_completions_tail(ring) == head {
            let code = unsafe martlet_enter(ring, 1, features.registeredDescriptor ? 1 : 0)
            guard code >= 0 || code == -EINTR else { return io_uring_cqe() }
        }
        let entry = unsafe ring.pointee.cq.cqes[Int(head & martlet_completions_mask(ring))]
        unsafe martlet_completions_release(ring, head &+ 1)
        return entry
    }

    /// Can a thread without a ring post a completion here (Linux 6.13)?
    private static func testMessages(_ ring: UnsafeMutablePointer<io_uring>, _ features: inout RingFeatures) {
        guard features.messageWake else { return }
        guard unsafe martlet_post_message(ring.pointee.ring_fd, Operation.ignored.userData) == 0 else {
            features.messageWake = false
            return
        }
        features.messageWake = unsafe take(ring, features).res == 0
    }
}
