// Which thread of which process runs: a number that no other thread has had, nor the same thread in a forked child.
//
// An engine belongs to the thread that made it. Kernel thread numbers and pthread_self() are given again to later threads, so neither tells.

internal import Glibc
internal import Synchronization

package enum ThreadIdentity {
    private static let last = Atomic<UInt>(0)

    /// Holds the number of each thread that was asked; the child of a fork gets a new one, since it inherits memory and no rings.
    private static let key: pthread_key_t = {
        var made = pthread_key_t()
        let code = unsafe pthread_key_create(&made, nil)
        precondition(code == 0, "the process has no thread-specific keys left")
        pthread_atfork(nil, nil) { _ = pthread_setspecific(ThreadIdentity.key, nil) }
        return made
    }()

    package static var current: UInt {
        if let known = unsafe pthread_getspecific(key) { return UInt(bitPattern: known) }
        let new = last.add(1, ordering: .relaxed).newValue
        _ = unsafe pthread_setspecific(key, UnsafeRawPointer(bitPattern: new))
        return new
    }
}
