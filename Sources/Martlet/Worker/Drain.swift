// The steps of a drain, by time.

internal import MartletEngine

struct Drain {
    enum Step {
        case nothing, closeListeners, closeIdle, cut
    }

    /// Connections that the kernel has finished for us when the drain begins are still taken in.
    private static let settleNanoseconds: Nanoseconds = 30_000_000

    private var listenersEnd: Nanoseconds?
    /// What was accepted up to the end of the listeners has been seen by then.
    private var settled: Nanoseconds
    private var graceEnd: Nanoseconds?
    private var end: Nanoseconds?

    init(_ now: Nanoseconds, bound: Nanoseconds, grace: Nanoseconds) {
        listenersEnd = now + min(Self.settleNanoseconds, bound)
        settled = now + min(2 * Self.settleNanoseconds, bound)
        graceEnd = now + min(grace, bound)
        end = now + bound
    }

    private init() { settled = 0 }

    /// Everything was closed; only the engine's last completions are waited for.
    static var stopping: Drain { Drain() }

    /// What is to be done now; call `advance` after it.
    func due(_ now: Nanoseconds) -> Step {
        if let end, now >= end { return .cut }
        if let listenersEnd, now >= listenersEnd { return .closeListeners }
        if let graceEnd, now >= graceEnd { return .closeIdle }
        return .nothing
    }

    mutating func advance(_ now: Nanoseconds) {
        if let end, now >= end { self.end = nil }
        if let listenersEnd, now >= listenersEnd { self.listenersEnd = nil } else if let graceEnd, now >= graceEnd { self.graceEnd = nil }
    }

    func mayEnd(_ now: Nanoseconds) -> Bool { listenersEnd == nil && now >= settled }

    /// When the next step is due.
    func nextDue(_ now: Nanoseconds) -> Nanoseconds? {
        var earliest = end
        if let listenersEnd { earliest = min(earliest ?? listenersEnd, listenersEnd) }
        if let graceEnd { earliest = min(earliest ?? graceEnd, graceEnd) }
        if now < settled { earliest = min(earliest ?? settled, settled) }
        return earliest
    }
}
