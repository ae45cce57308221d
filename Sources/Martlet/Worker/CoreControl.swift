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

    func attach(_ waker: Waker) {
        self.waker.withLock { $0 = waker }
        board.attach(waker, core: index)
    }

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
    private struct Place {
        var open = 0
        /// Leaves a shared listener to the others, and sleeps; it is woken when it need not any more.
        var isResting = false
        var waker: Waker?
    }

    private let places: Mutex<[Place]>
    private let accepting: Atomic<Int>
    private let closeListeners: @Sendable () -> Void
    let sharesListeners: Bool

    init(coreCount: Int, sharesListeners: Bool, closeListeners: @escaping @Sendable () -> Void) {
        accepting = Atomic(coreCount)
        self.closeListeners = closeListeners
        places = Mutex([Place](repeating: Place(), count: coreCount))
        self.sharesListeners = sharesListeners && coreCount > 1
    }

    func attach(_ waker: Waker, core: Int) { places.withLock { $0[core].waker = waker } }

    func coreStoppedAccepting() {
        if accepting.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { closeListeners() }
    }

    /// Says how many this core has; true when that is far more than the mean (half as much again, and 8), so that others should accept.
    /// Cores that rested for this reason and have no more of it are woken: one of them at least accepts at any time.
    func publish(_ count: Int, core: Int) -> Bool {
        places.withLock { places in
            places[core].open = count
            let mean = places.reduce(0) { $0 + $1.open } / places.count
            for index in places.indices where index == core || places[index].isResting {
                let rests = places[index].open > mean + mean / 2 + 8
                if !rests, index != core { places[index].waker?.wake() }
                places[index].isResting = rests
            }
            return places[core].isResting
        }
    }
}
