// One core of a server over the simulated engine: the real worker, the real loop around the handler, virtual time.

import MartletEngine
import MartletSimulation

@testable import Martlet

@safe final class SimulatedPump: Pump {
    private let worker: UnsafeMutablePointer<Worker<SimulatedEngine>>
    let core: UnsafeMutablePointer<Core>

    init(_ worker: consuming Worker<SimulatedEngine>) {
        unsafe core = unsafe worker.core
        unsafe self.worker = .allocate(capacity: 1)
        unsafe self.worker.initialize(to: worker)
    }

    func next() -> Work { unsafe worker.pointee.next() }
    func chose(_ handling: BodyHandling?) { unsafe worker.pointee.choice = handling }
    var slotInHand: UInt32 { unsafe worker.pointee.input.slot ?? 0 }

    var waker: Waker { unsafe worker.pointee.engine.waker }
    var lentCount: Int { unsafe worker.pointee.engine.lentCount }
    var openCount: Int { unsafe worker.pointee.engine.openCount }

    deinit {
        unsafe worker.deinitialize(count: 1)
        unsafe worker.deallocate()
    }
}

@safe final class SimulatedServer {
    let network: SimulatedNetwork
    let control: CoreControl
    let pump: SimulatedPump
    let ledger = Ledger()
    /// The loop was ended from outside, because a connection neither lived nor died.
    private(set) var hung = false
    /// Virtual seconds after which a run that has not ended never will.
    static let secondsMax: UInt64 = 3000
    private var hasEnded = false
    private let core: UnsafeMutablePointer<Core>
    private let startTime: Nanoseconds

    init(_ network: SimulatedNetwork, _ options: SimulatedOptions, _ configuration: Configuration) throws {
        self.network = network
        startTime = network.clock.now
        control = CoreControl(index: 0, board: CoreBoard(coreCount: 1, sharesListeners: false) {})
        let settings = CoreSettings(configuration, memoryLimitBytes: nil, coreCount: 1, descriptorsMax: 4096)
        let mailbox = try Mailbox(capacity: settings.mailboxCapacity)
        unsafe core = .allocate(capacity: 1)
        unsafe core.initialize(to: try Core(index: 0, settings: settings, mailbox: mailbox, now: 0))
        pump = SimulatedPump(unsafe try Worker(engine: SimulatedEngine(network, options), core: core, listeners: [-1], control: control))
    }

    deinit {
        unsafe core.deinitialize(count: 1)
        unsafe core.deallocate()
    }

    var counters: CoreCounters { unsafe core.pointee.counters }
    var bytesLent: Int { unsafe core.pointee.blocks.bytesLent }
    var lentCount: Int { pump.lentCount }
    var openCount: Int { pump.openCount }

    /// Runs until the core has stopped; without a drain in the plan that is when all clients are done and all connections have ended.
    func run(stopsWhenDone: Bool = true) {
        run(stopsWhenDone: stopsWhenDone) { AnsweringHandler(later, ledger, $0) }
    }

    func run<H: Handler>(stopsWhenDone: Bool = true, _ makeHandler: (CoreExecutor) -> H) {
        watch(stopsWhenDone)
        let executor = unsafe core.pointee.executor
        serveUntilStopped(makeHandler(executor))
        executor.runLastJobs()
        hasEnded = true
    }

    /// A function of its own: the handler is gone when it returns.
    private func serveUntilStopped(_ handler: consuming some Handler) {
        var handler = handler
        serve(pump, &handler)
    }

    /// The server has ended; what its kernel has taken still reaches the clients.
    func deliverWhatIsUnderWay() {
        let clock = network.clock
        let end = clock.now + Self.secondsMax * 1_000_000_000
        while !network.clients.allSatisfy({ $0.isFinished }), let next = clock.nextTime, next < end {
            clock.advance(to: next)
            clock.runDue()
        }
    }

    /// Runs an action at a moment of virtual time, as another thread would ask for it.
    func plan(after delay: Nanoseconds, _ action: @escaping () -> Void) {
        network.clock.plan(after: delay) { [pump] in
            action()
            pump.waker.wake()
        }
    }

    private var later: Later {
        let after: (Nanoseconds, @escaping () -> Void) -> Void = { [unowned self] in plan(after: $0, $1) }
        return Later(onCore: after, anywhere: after)
    }

    private func watch(_ stopsWhenDone: Bool) {
        network.clock.plan(after: 1_000_000_000) { [unowned self] in
            if hasEnded { return }
            if network.clock.now - startTime > Self.secondsMax * 1_000_000_000 {
                hung = true
                control.askToStop()
            } else if stopsWhenDone, network.isFinished, counters.open == 0 {
                control.askToStop()
            }
            watch(stopsWhenDone)
        }
    }
}

extension Configuration {
    /// No deadline and no name or time in the answers, so that they depend on the requests alone.
    static func simulated(highWaterBytes: Int = 4096) -> Configuration {
        var configuration = Configuration()
        configuration.deadlines.head = 0
        configuration.deadlines.keepAlive = 0
        configuration.deadlines.bodyWindow = 0
        configuration.deadlines.write = 0
        configuration.deadlines.linger = 0
        configuration.drainTimeout = 0
        configuration.outputHighWaterBytes = highWaterBytes
        configuration.connectionsMax = 32
        configuration.mailboxCapacity = 64
        configuration.sendsDate = false
        configuration.wholeBodyBytesMax = 30_000
        configuration.handlesSignals = false
        configuration.pinsThreads = false
        configuration.log = { _ in }
        return configuration
    }
}
