// Signals as a queue: blocked in every thread, taken one by one by the thread that started the server.

internal import Glibc

enum Signals {
    enum Arrival { case end, coresEnded }

    private static func awaited() -> sigset_t {
        var set = sigset_t()
        _ = unsafe sigemptyset(&set)
        _ = unsafe sigaddset(&set, SIGTERM)
        _ = unsafe sigaddset(&set, SIGINT)
        // Ignored by everybody else: with it the last core ends the wait.
        _ = unsafe sigaddset(&set, SIGURG)
        return set
    }

    /// Blocks them in this thread and in those that it starts.
    static func block() {
        var set = awaited()
        _ = unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    static func unblock() {
        var set = awaited()
        _ = unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
    }

    /// In the calling thread: writing to a peer that has left is an error, not a signal.
    static func blockBrokenPipe() {
        var set = sigset_t()
        _ = unsafe sigemptyset(&set)
        _ = unsafe sigaddset(&set, SIGPIPE)
        _ = unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    static func wait() -> Arrival {
        var set = awaited()
        var signal: Int32 = 0
        while unsafe sigwait(&set, &signal) != 0 {}
        return signal == SIGURG ? .coresEnded : .end
    }

    /// Callable from any thread.
    static func tellCoresEnded(_ waiting: pthread_t) { _ = pthread_kill(waiting, SIGURG) }
}
