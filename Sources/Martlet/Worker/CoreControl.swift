// What the outside says to a core and asks of it, from any thread: drain, stop, counters.

internal import MartletEngine
internal import Synchronization

/// One core as the other threads see it.
final class CoreControl: Sendable {
    private let asked = Atomic<Bool>(false)
    private let drain = Atomic<Bool>(false)
    private let stop = Atomic<Bool>(false)
    private let waker = Mutex<Waker?>(nil)
    private let published = Mutex<CoreCounters>(CoreCounters())
    private let publication = Atomic<UInt64>(0)
    private let hasStoppedAccepting = Atomic<Bool>(false)
    let index: Int
    let board: CoreBoard

    init(index: Int, board: CoreBoard) {
        self.index = index
        self.board = board
    }

    // MARK: Outside

    func askToDrain() { drain.store(true, ordering: .releasing); ask() }
    func askToStop() { stop.store(true, ordering: .releasing); ask() }

    /// The counters as of now: the core publishes them in its next turn. Waits at most a tenth of a second for a busy core.
    func counters() -> CoreCounters {
        let before = publication.load(ordering: .acquiring)
        ask()
        var waited = 0
        while publication.load(ordering: .acquiring) == before, waited < 100 {
            Pause.milliseconds(1)
            waited += 1
        }
        return published.withLock { $0 }
    }

    private func ask() {
        asked.store(true, ordering: .releasing)
        waker.withLock { $0 }?.wake()
    }

    // MARK: The core

    func attach(_ waker: Waker) { self.waker.withLock { $0 = waker } }

    var isAsked: Bool { asked.load(ordering: .acquiring) }
    var mustDrain: Bool { drain.load(ordering: .acquiring) }
    var mustStop: Bool { stop.load(ordering: .acquiring) }

    /// In a drain, once: the last core to say so closes the listeners, so that a client that comes now is told at once.
    func stoppedAccepting() {
        if !hasStoppedAccepting.exchange(true, ordering: .acquiringAndReleasing) { board.coreStoppedAccepting() }
    }

    func publish(_ counters: CoreCounters, _ engine: EngineCounters) {
        asked.store(false, ordering: .sequentiallyConsistent)
        var complete = counters
        complete.waits = engine.enters
        complete.completions = engine.completions
        complete.receivesStarved = engine.receivesStarved
        complete.acceptsPaused = engine.acceptsPaused
        published.withLock { $0 = complete }
        publication.add(1, ordering: .releasing)
    }
}

/// What the cores of one server know of each other: how many connections each has, and which still accept.
final class CoreBoard: Sendable {
    private let open: Mutex<[Int]>
    private let accepting: Atomic<Int>
    private let closeListeners: @Sendable () -> Void
    let sharesListeners: Bool

    init(coreCount: Int, sharesListeners: Bool, closeListeners: @escaping @Sendable () -> Void) {
        accepting = Atomic(coreCount)
        self.closeListeners = closeListeners
        open = Mutex([Int](repeating: 0, count: coreCount))
        self.sharesListeners = sharesListeners && coreCount > 1
    }

    func coreStoppedAccepting() {
        if accepting.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { closeListeners() }
    }

    /// Says how many this core has; true when that is far more than the mean (half as much again, and 8), so that others should accept.
    func publish(_ count: Int, core: Int) -> Bool {
        open.withLock { open in
            open[core] = count
            let mean = open.reduce(0, +) / open.count
            return count > mean + mean / 2 + 8
        }
    }
}
