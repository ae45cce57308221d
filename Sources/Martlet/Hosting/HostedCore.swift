// A core on the caller's own thread, inside the caller's own loop: the seam for the event loops of other runtimes.
//
// The host calls `turn` until it has nothing to do, runs its own callbacks, and calls `wait`. Everything happens on one thread; only `wake` may be
// called from others. Handlers, exchanges and answers are the same as everywhere.

package import MartletEngine

/// What a hosted core's service is made of.
package struct HostedService {
    /// Descriptors of listening sockets, non-blocking or not; they stay the host's and open until `HostedCore.turn` has said `.ended`.
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

    private let pump: any HostedPump
    private let core: CorePointer
    private let memoryLimitBytes: UInt64?
    private let descriptorsMax: Int
    private let connectionCapacity: Int
    private var control: CoreControl
    /// Has the last word on each service's configuration, where the caller brought the engine.
    private let amend: ((inout Configuration) -> Void)?
    /// One line for the log: which engine runs, and why.
    package let engineReason: String
    package let usesRing: Bool

    /// Makes the engine on the calling thread, which is the core's from now on.
    ///
    /// - Throws: what keeps the engine from starting, in a sentence that names the cause and the fix.
    package init(engine choice: EngineChoice, ring: RingOptions = RingOptions()) throws(ServerError) {
        var configuration = Configuration()
        configuration.engine = choice
        configuration.ring = ring
        memoryLimitBytes = try CoreSelection.resources(configuration).resources.memoryLimitBytes
        amend = nil
        descriptorsMax = try CoreSelection.descriptorLimit(coreCount: 1)
        let (engine, reason) = try EngineSelection.choose(configuration, coreCount: 1)
        engineReason = reason
        usesRing = engine == .ring
        // As many as there could ever be: rows that are not used cost no memory.
        configuration.connectionsMax = Int.max
        let settings = CoreSettings(
            configuration, memoryLimitBytes: memoryLimitBytes, coreCount: 1, descriptorsMax: min(descriptorsMax, 65_536))
        connectionCapacity = settings.connectionCapacity
        control = CoreControl(index: 0, board: CoreBoard(coreCount: 1, sharesListeners: false) {})
        unsafe core = CorePointer.allocate(capacity: 1)
        do {
            unsafe core.initialize(to: try Core(index: 0, settings: settings, mailbox: try Mailbox(capacity: settings.mailboxCapacity), now: 0))
            switch engine {
            case .ring:
                var options = ring
                options.socketsMax = connectionCapacity
                pump = RingPump(try unsafe Worker(engine: RingEngine(options), core: core, listeners: [], control: control, isHosted: true))
            case .epoll:
                var options = EpollOptions()
                options.socketsMax = connectionCapacity
                pump = EpollPump(try unsafe Worker(engine: EpollEngine(options), core: core, listeners: [], control: control, isHosted: true))
            }
        } catch let error as SystemError {
            throw .system(error)
        } catch {
            throw .engineUnavailable("\(error)")
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

    deinit {
        unsafe core.deinitialize(count: 1)
        unsafe core.deallocate()
    }

    // MARK: The loop

    /// Hands everything that has happened to the handler, and what the handlers wrote to the engine.
    package func turn<H: Handler & ~Copyable>(_ handler: inout H) -> TurnEnd {
        Martlet.serve(pump, &handler)
        guard pump.isStopped else { return .idle }
        pump.endService()
        return .serviceEnded
    }

    /// Gives what is prepared to the kernel and waits for whatever happens next.
    ///
    /// - Parameter deadline: when the wait ends at the latest, in nanoseconds of the monotonic clock; nil: never; 0: at once.
    package func wait(until deadline: Nanoseconds?) {
        pump.wait(until: deadline)
    }

    /// Ends a wait from any thread.
    package var waker: Waker { pump.waker }

    /// Lets the wait end when a descriptor has something to read; once.
    package func watch(_ descriptor: Int32) {
        pump.watch(descriptor)
    }

    /// True once after the watched descriptor had something to read.
    package func takeReadiness() -> Bool { pump.takeReadiness() }

    // MARK: The service

    /// Begins to serve.
    package func serve(_ service: HostedService) throws(ServerError) {
        var configuration = service.configuration
        amend?(&configuration)
        configuration.connectionsMax = min(configuration.connectionsMax, unsafe core.pointee.settings.connectionsMax)
        var settings = CoreSettings(
            configuration, memoryLimitBytes: memoryLimitBytes, coreCount: 1, descriptorsMax: min(descriptorsMax, 65_536))
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
        pump.beginService(service.listeners, control)
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
        return pump.peerAddress(of: socket)
    }

    /// The server's end of the connection, asked of the kernel.
    package func localAddress(of exchange: Exchange) -> SocketAddress? {
        pump.localAddress(of: unsafe core.connection(exchange.slot).pointee.socket)
    }

    /// Tells a connection from the one that had its slot before.
    package func connectionIdentity(of exchange: Exchange) -> UInt64 { unsafe core.connection(exchange.slot).pointee.socket.packed }
    /// Which of the service's listeners the connection came from.
    package func listenerIndex(of exchange: Exchange) -> Int { Int(unsafe core.connection(exchange.slot).pointee.listener) }
}
