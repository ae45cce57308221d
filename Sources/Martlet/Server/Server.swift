// Starts a server, runs its cores, and ends it.

internal import Glibc
public import MartletEngine
internal import Synchronization

/// What a handler is made with: which core it serves, and that core's executor.
public struct CoreContext: Sendable {
    /// Index into the server's cores, from 0.
    public let index: Int
    /// For `AsyncResponder`, and for tasks of the program's own that belong to this core.
    public let executor: CoreExecutor
}

/// A server. Making it opens the listeners and tries the engine; running it blocks until it has drained or was stopped.
public final class Server: Sendable {
    public let configuration: Configuration
    private let listeners: Listeners
    private let resources: Resources
    private let cores: [Int]
    private let pins: Bool
    private let controls: [CoreControl]
    private let engine: SelectedEngine
    private let descriptorsMax: Int

    /// - Throws: whatever keeps the server from starting, in a sentence that names the cause and the fix.
    public init(_ configuration: Configuration) throws(ServerError) {
        self.configuration = configuration
        (resources, cores, pins) = try CoreSelection.resources(configuration)
        descriptorsMax = try CoreSelection.descriptorLimit(coreCount: cores.count)
        let listeners = try Listeners(configuration, coreCount: cores.count)
        self.listeners = listeners
        let (engine, reason) = try EngineSelection.choose(configuration, coreCount: cores.count)
        self.engine = engine
        let board = CoreBoard(coreCount: cores.count, sharesListeners: listeners.isShared) { listeners.close() }
        controls = cores.indices.map { CoreControl(index: $0, board: board) }
        configuration.log("\(reason), \(cores.count) \(cores.count == 1 ? "core" : "cores")")
    }

    /// Where the server listens in fact: port 0 is replaced by the one that the kernel chose.
    public var addresses: [SocketAddress] { listeners.addresses }

    /// The counters of each core. From any thread; asks the cores, which takes up to a turn of theirs.
    public func counters() -> [CoreCounters] { controls.map { $0.counters() } }

    /// Begins to drain: requests in hand are answered, idle connections closed, within `drainTimeout`. From any thread.
    public func drain() { for control in controls { control.askToDrain() } }

    /// Ends at once: what is under way is cut. From any thread.
    public func stop() { for control in controls { control.askToStop() } }

    /// Serves until the server has drained or was stopped. Each core gets a thread and a handler of its own, made and used on that thread only.
    ///
    /// - Throws: when a core cannot start; the others are stopped first.
    // Inlinable: the loop around the handler is specialized where the handler's type is known.
    @inlinable
    public func run<H: Handler & ~Copyable>(_ makeHandler: @escaping @Sendable (CoreContext) -> H) throws(ServerError) {
        try run { pump, context in
            var handler = makeHandler(context)
            switch pump {
            case .ring(let pump): serve(pump, &handler)
            case .epoll(let pump): serve(pump, &handler)
            }
        }
    }

    @usableFromInline enum CorePump {
        case ring(RingPump)
        case epoll(EpollPump)
    }

    @usableFromInline func run(serving serveCore: @escaping @Sendable (CorePump, CoreContext) -> Void) throws(ServerError) {
        if configuration.handlesSignals { Signals.block() }
        defer { if configuration.handlesSignals { Signals.unblock() } }
        let running = RunningCores(cores.count, starter: pthread_self())
        var threads: [CoreThread] = []
        do throws(SystemError) {
            for index in cores.indices {
                threads.append(try CoreThread { [self] in
                    runCore(index, running, serveCore)
                    running.ended(tell: configuration.handlesSignals)
                })
            }
        } catch {
            stop()
            running.fail(.system(error))
        }
        if configuration.handlesSignals, threads.count == cores.count { followSignals() }
        for thread in threads { thread.join() }
        if let failure = running.failure { throw failure }
    }

    /// The first signal drains, the second ends at once.
    private func followSignals() {
        var isDraining = false
        while Signals.wait() == .end {
            configuration.log(isDraining ? "stopping now" : "draining (at most \(configuration.drainTimeout) s; a second signal stops at once)")
            if isDraining { stop() } else { drain() }
            isDraining = true
        }
    }

    // MARK: One core, on its own thread

    private func runCore(_ index: Int, _ running: RunningCores, _ serveCore: (CorePump, CoreContext) -> Void) {
        do {
            if pins { try ProcessorSet(CPUList([cores[index]])).pinCallingThread() }
            let settings = CoreSettings(
                configuration, memoryLimitBytes: resources.memoryLimitBytes, coreCount: cores.count, descriptorsMax: descriptorsMax)
            let mailbox = try Mailbox(capacity: settings.mailboxCapacity)
            let core = CorePointer.allocate(capacity: 1)
            unsafe core.initialize(to: try Core(index: index, settings: settings, mailbox: mailbox, now: 0))
            defer {
                unsafe core.deinitialize(count: 1)
                unsafe core.deallocate()
            }
            let context = unsafe CoreContext(index: index, executor: core.pointee.executor)
            let pump = try unsafe pump(core, index, settings)
            running.started()
            serveCore(pump, context)
            unsafe core.pointee.executor.runLastJobs()
        } catch {
            stop()
            running.fail(error as? ServerError ?? (error as? SystemError).map { .system($0) } ?? .engineUnavailable("\(error)"))
        }
    }

    private func pump(_ core: CorePointer, _ index: Int, _ settings: CoreSettings) throws -> CorePump {
        switch engine {
        case .ring:
            var options = configuration.ring
            options.socketsMax = settings.connectionCapacity
            let worker = try unsafe Worker(engine: RingEngine(options), core: core, listeners: listeners.ofCore[index], control: controls[index])
            return .ring(RingPump(worker))
        case .epoll:
            var options = EpollOptions()
            options.socketsMax = settings.connectionCapacity
            let worker = try unsafe Worker(engine: EpollEngine(options), core: core, listeners: listeners.ofCore[index], control: controls[index])
            return .epoll(EpollPump(worker))
        }
    }
}

/// How many cores still run, and why one could not.
private final class RunningCores: Sendable {
    private let count: Atomic<Int>
    private let starting: Atomic<Int>
    private let firstFailure = Mutex<ServerError?>(nil)
    private let starter: pthread_t

    init(_ count: Int, starter: pthread_t) {
        self.count = Atomic(count)
        starting = Atomic(count)
        self.starter = starter
    }

    func fail(_ error: ServerError) { firstFailure.withLock { $0 = $0 ?? error } }
    var failure: ServerError? { firstFailure.withLock { $0 } }

    func started() {
        if starting.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { StartupCode.release() }
    }

    func ended(tell: Bool) {
        let left = count.subtract(1, ordering: .acquiringAndReleasing).newValue
        if left == 0, tell { Signals.tellCoresEnded(starter) }
    }
}
