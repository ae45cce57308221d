// A worker whose turns somebody else's loop drives: it waits when it is told to, and serves one service after another.

internal import MartletEngine

extension Worker where E: ~Copyable {
    /// Waits at most until the host's deadline (0: not at all), and no longer than the core's own deadlines allow.
    mutating func wait(until deadline: Nanoseconds?) {
        let own = nextDeadline()
        endTurn(deadline.map { min($0, own ?? $0) } ?? own)
    }

    mutating func takeReadiness() -> Bool {
        defer { hasReadiness = false }
        return hasReadiness
    }

    /// Begins to accept from these descriptors, which stay the host's.
    mutating func beginService(_ listeners: [Int32], _ control: CoreControl) {
        precondition(self.listeners.isEmpty && drain == nil, "a hosted core serves one service at a time")
        accepting = false
        self.listeners = listeners
        self.control = control
        control.attach(engine.waker)
        resumeAccepting()
    }

    /// After `.stopped`: ready for the next service.
    mutating func endService() {
        listeners = []
        drain = nil
        isStopped = false
        unsafe core.pointee.isDraining = false
    }
}
