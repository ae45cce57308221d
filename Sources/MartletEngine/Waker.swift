// Wakes one core's wait from any thread. Many calls before the core looks cost one signal.

internal import CUring
internal import Glibc
internal import Synchronization

public final class Waker: Sendable {
    /// How the signal reaches the core's wait.
    enum Channel: Sendable {
        /// A completion posted to the core's ring (Linux 6.13).
        case message(ring: Int32, userData: UInt64)
        /// A counter that the core's ring reads or its epoll watches. It is the waker's: a thread may still call it when the engine has gone.
        case event(descriptor: Int32)
        /// Nobody sleeps: the simulation asks `isSignaled`.
        case none
    }

    let channel: Channel
    private let signaled = Atomic<Bool>(false)

    init(_ channel: Channel) { self.channel = channel }

    /// A waker that signals by a counter of its own.
    static func event() throws(SystemError) -> Waker {
        let descriptor = martlet_eventfd()
        guard descriptor >= 0 else { throw SystemError(errno, .eventfd) }
        return Waker(.event(descriptor: descriptor))
    }

    /// The counter's descriptor; -1 when the waker has none.
    var descriptor: Int32 {
        if case .event(let descriptor) = channel { descriptor } else { -1 }
    }

    /// A waker for an engine without a kernel: the engine asks `isSignaled` when it would wait.
    package static func simulated() -> Waker { Waker(.none) }

    /// Callable from any thread, and from a signal handler. Ordering: what was written before is seen by the core after it woke.
    public func wake() {
        guard !signaled.exchange(true, ordering: .acquiringAndReleasing) else { return }
        // A signal that did not get through must not stand in the way of the next one.
        if !signal() { _ = signaled.exchange(false, ordering: .acquiringAndReleasing) }
    }

    private func signal() -> Bool {
        switch channel {
        case .message(let ring, let userData):
            return Self.post { -martlet_post_message(ring, userData) }
        case .event(let descriptor):
            var one: UInt64 = 1
            // The only refusal is a full counter, and a full counter wakes.
            _ = unsafe write(descriptor, &one, 8)
            return true
        case .none:
            return true
        }
    }

    /// A kernel that is out of memory for the message has some soon: tried again each millisecond, so many times at most.
    static let attemptsMax = 100

    /// - Parameter message: posts the message; returns zero or the error's number.
    static func post(_ message: () -> Int32) -> Bool {
        var attempts = 0
        while attempts < attemptsMax {
            switch message() {
            case 0: return true
            case ENOMEM, EAGAIN, EBUSY, EOVERFLOW, EINTR: break
            // Nobody sleeps there: the ring is gone, or not begun.
            default: return false
            }
            attempts += 1
            // Sleeps in a way that a signal handler may.
            _ = poll(nil, 0, 1)
        }
        return false
    }

    package var isSignaled: Bool { signaled.load(ordering: .acquiring) }

    /// The core calls it before it looks at what it was woken for, so that a later `wake` signals again.
    package func acknowledge() { _ = signaled.exchange(false, ordering: .acquiringAndReleasing) }

    deinit {
        if descriptor >= 0 { _ = close(descriptor) }
    }
}
