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

    private let channel: Channel
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
        switch channel {
        case .message(let ring, let userData):
            _ = martlet_post_message(ring, userData)
        case .event(let descriptor):
            var one: UInt64 = 1
            _ = unsafe write(descriptor, &one, 8)
        case .none:
            break
        }
    }

    package var isSignaled: Bool { signaled.load(ordering: .acquiring) }

    /// The core calls it before it looks at what it was woken for, so that a later `wake` signals again.
    package func acknowledge() { _ = signaled.exchange(false, ordering: .acquiringAndReleasing) }

    deinit {
        if descriptor >= 0 { _ = close(descriptor) }
    }
}
