// A core on the caller's own thread, inside the caller's own loop: the seam for the event loops of other runtimes.
//
// The host calls `turn` until it has nothing to do, runs its own callbacks, and calls `wait`. Everything happens on one thread; only `wake` and `close` may be
// called from others. Handlers, exchanges and answers are the same as everywhere.

internal import Glibc
package import MartletEngine

/// What a hosted core's service is made of.
package struct HostedService {
    /// Descriptors of listening sockets, non-blocking or not; they stay the host's and open until `HostedCore.turn` has said `.serviceEnded`.
    package var listeners: [Int32]
    /// Limits, deadlines, names; what concerns addresses, cores and engines is the host's own affair.
    package var configuration: Configuration

    package init(listeners: [Int32], configuration: Configuration) {
        self.listeners = listeners
        self.configuration = configuration
    }
}

@safe package final class HostedCore {
    /// How a turn ended.
    package enum TurnEnd {
        /// Nothing is left to do: wait.
        case idle
        /// The service has drained or was stopped, and nothing of it is left.
        case serviceEnded
    }

    /// Nil once the core is closed.
    private var pump: (any HostedPump)?
    private let core: CorePointer
    private let memoryLimitBytes: UInt64?
    private let descriptorsMax: Int
    private let connectionCapacity: Int
    private let home = ThreadIdentity.current
    private var control: CoreControl
    /// Has the last word on each service's configuration, where the caller brought the engine.
    private let amend: ((inout Configuration) -> Void)?
    /// One line for the log: which engine runs, and why.
    package let engineReason: String
    package let usesRing: Bool

    /// Makes the engine on the calling thread, which is the core's from now on.
    ///
    /// - Throws: what keeps the engine from starting, in a sentence that names the cause and the fix.
    package init(engine choice: EngineChoice) throws(ServerError) {
        var configuration = Configuration()
        configuration.engine = choice
        memoryLimitBytes = try Self.machine.get().memoryLimitBytes
        amend = nil
        // A loop that serves nobody leaves the process's limits alone.
        descriptorsMax = min(CoreSelection.descriptorLimitMax, Self.socketsMax)
        // As many as there could ever be: rows that are not used cost no memory.
        configuration.connectionsMax = Int.max
        let settings = CoreSettings(
            configuration, memoryLimitBytes: memoryLimitBytes, coreCount: 1, descriptorsMax: descriptorsMax)
        connectionCapacity = settings.connectionCapacity
        control = CoreControl(index: 0, board: CoreBoard(coreCount: 1, sharesListeners: false) {})
        unsafe core = CorePointer.allocate(capacity: 1)
        do {
            unsafe core.initialize(to: try Core(index: 0, settings: settings, mailbox: try Mailbox(capacity: settings.mailboxCapacity), now: 0))
        } catch {
            unsafe core.deallocate()
            throw .system(error)
        }
        do throws(ServerError) {
            (pump, usesRing, engineReason) = try unsafe Self.makePump(configuration, core, control)
        } catch {
            unsafe core.deinitialize(count: 1)
            unsafe core.deallocate()
            throw error
        }
    }

    /// Takes an engine that the caller has made, as simulations do.
    ///
    /// - Parameter amend: changes what a service has configured, also what only tests want to change.
    package init<E: Engine & ~Copyable>(over engine: consuming E, amending amend: @escaping (inout Configuration) -> Void) throws(SystemError) {
        memoryLimitBytes = nil
        // Rows for all of the engine's sockets, and no more connections than it has sockets.
        descriptorsMax = engine.socketsMax / 2
        self.amend = amend
        engineReason = "the caller's own"
        usesRing = false
        let settings = CoreSettings(Configuration(), memoryLimitBytes: nil, coreCount: 1, descriptorsMax: descriptorsMax)
        connectionCapacity = settings.connectionCapacity
        control = CoreControl(index: 0, board: CoreBoard(coreCount: 1, sharesListeners: false) {})
        let now = engine.now
        unsafe core = CorePointer.allocate(capacity: 1)
        unsafe core.initialize(to: try Core(index: 0, settings: settings, mailbox: try Mailbox(capacity: settings.mailboxCapacity), now: now))
        pump = GivenPump(try unsafe Worker(engine: engine, core: core, listeners: [], control: control, isHosted: true))
    }

    // A piece of a body costs the other runtime an object and a call, so pieces are larger than a native handler's; and few, because what is used in rotation
    // is resident: 1 MiB, at most 2. Connections that find none wait for their turn.
    private static let receiveBufferBytes = 16_384
    private static let receiveBufferCount = 64
    private static let receiveBufferCountMax = 128

    /// Rows that are never used cost address space only, but still: more than this nobody has on one core.
    private static let socketsMax = 65_536

    /// What the machine allows does not change while the process runs, and reading it is most of what making a core costs.
    private static let machine: Result<Resources, ServerError> = {
        do throws(ServerError) {
            return .success(try CoreSelection.resources(Configuration()).resources)
        } catch {
            return .failure(error)
        }
    }()

    /// The engine that was asked for, or of the two the one that works.
    private static func makePump(
        _ configuration: Configuration, _ core: CorePointer, _ control: CoreControl
    ) throws(ServerError) -> (pump: any HostedPump, usesRing: Bool, reason: String) {
        let socketsMax = unsafe core.pointee.settings.connectionCapacity
        var refusal = "asked for"
        if configuration.engine != .epoll {
            do {
                var options = configuration.ring
                options.receiveBufferBytes = receiveBufferBytes
                options.receiveBufferCount = receiveBufferCount
                options.receiveBufferCountMax = receiveBufferCountMax
                options.socketsMax = socketsMax
                let engine = try RingEngine(options)
                let reason = EngineSelection.reason(engine.summary, configuration.engine)
                return (RingPump(try unsafe Worker(engine: engine, core: core, listeners: [], control: control, isHosted: true)), true, reason)
            } catch {
                if configuration.engine == .uring { throw .engineUnavailable("\(error)") }
                refusal = "\(error)"
            }
        }
        do throws(SystemError) {
            var options = EpollOptions()
            options.socketsMax = socketsMax
            let worker = try unsafe Worker(engine: EpollEngine(options), core: core, listeners: [], control: control, isHosted: true)
            return (EpollPump(worker), false, "engine: epoll (\(refusal))")
        } catch {
            throw .system(error)
        }
    }

    /// False on another thread than the one that made the core, and in a forked child: nothing but `wake` and `close` may be called there.
    package var isHome: Bool { ThreadIdentity.current == home }

    /// Lets go of the engine with its descriptors and its connections. From then on nothing happens, and every call returns at once.
    package func close() {
        pump = nil
        // The waker names a descriptor that another loop may get next.
        control = CoreControl(index: 0, board: CoreBoard(coreCount: 1, sharesListeners: false) {})
        unsafe core.pointee.mailbox.adopt(nil)
    }

    deinit {
        pump = nil
        unsafe core.deinitialize(count: 1)
        unsafe core.deallocate()
    }

    // MARK: The loop

    /// Hands everything that has happened to the handler, and what the handlers wrote to the engine.
    package func turn<H: Handler & ~Copyable>(_ handler: inout H) -> TurnEnd {
        guard let pump else { return .idle }
        Martlet.serve(pump, &handler)
        guard pump.isStopped else { return .idle }
        pump.endService()
        return .serviceEnded
    }

    /// Gives what is prepared to the kernel and waits for whatever happens next.
    ///
    /// - Parameter deadline: when the wait ends at the latest, in nanoseconds of the monotonic clock; nil: never; 0: at once.
    package func wait(until deadline: Nanoseconds?) {
        pump?.wait(until: deadline)
    }

    /// Ends a wait from any thread.
    package func wake() { pump?.waker.wake() }

    /// Lets the wait end when a descriptor has something to read; once.
    package func watch(_ descriptor: Int32) {
        pump?.watch(descriptor)
    }

    /// True once after the watched descriptor had something to read.
    package func takeReadiness() -> Bool { pump?.takeReadiness() ?? false }

    // MARK: The service

    /// Begins to serve.
    package func serve(_ service: HostedService) throws(ServerError) {
        guard let pump else { throw .engineUnavailable("the loop is closed") }
        let limit = min(try CoreSelection.descriptorLimit(coreCount: 1), descriptorsMax)
        var configuration = service.configuration
        amend?(&configuration)
        configuration.connectionsMax = min(configuration.connectionsMax, unsafe core.pointee.settings.connectionsMax)
        var settings = CoreSettings(
            configuration, memoryLimitBytes: memoryLimitBytes, coreCount: 1, descriptorsMax: limit)
        settings.connectionCapacity = connectionCapacity
        do throws(SystemError) {
            unsafe core.pointee.preamble = try Preamble(serverName: settings.serverName, sendsDate: settings.sendsDate)
        } catch {
            throw .system(error)
        }
        unsafe core.pointee.settings = settings
        // Simulations start by the thousand, and nobody measures their memory.
        if amend == nil { StartupCode.release() }
        control = CoreControl(index: 0, board: CoreBoard(coreCount: 1, sharesListeners: false) {})
        service.listeners.forEach(Self.makeNonBlocking)
        pump.beginService(service.listeners, control)
    }

    /// An engine that accepts until there is nobody left would stand still at a listener that blocks.
    private static func makeNonBlocking(_ descriptor: Int32) {
        let flags = fcntl(descriptor, F_GETFL)
        if flags >= 0, flags & O_NONBLOCK == 0 { _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) }
    }

    /// Begins a graceful end, bounded by `drainTimeout`.
    package func drain() { control.askToDrain() }
    /// Cuts everything.
    package func stop() { control.askToStop() }

    package var counters: CoreCounters { unsafe core.pointee.counters }
    /// Memory that connections hold for input and output.
    package var bytesLent: Int { unsafe core.pointee.blocks.bytesLent }

    /// The client's address, asked of the kernel.
    package func peerAddress(of exchange: Exchange) -> SocketAddress? {
        let socket = unsafe core.connection(exchange.slot).pointee.socket
        return pump?.peerAddress(of: socket)
    }

    /// The server's end of the connection, asked of the kernel.
    package func localAddress(of exchange: Exchange) -> SocketAddress? {
        pump?.localAddress(of: unsafe core.connection(exchange.slot).pointee.socket)
    }

    /// Tells a connection from the one that had its slot before.
    package func connectionIdentity(of exchange: Exchange) -> UInt64 { unsafe core.connection(exchange.slot).pointee.socket.packed }
    /// Which of the service's listeners the connection came from.
    package func listenerIndex(of exchange: Exchange) -> Int { Int(unsafe core.connection(exchange.slot).pointee.listener) }
}
