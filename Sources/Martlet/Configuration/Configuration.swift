// Everything that a server can be told.

public import MartletEngine
public import MartletHTTP

/// Which engine moves the bytes.
public enum EngineChoice: String, Sendable, CaseIterable {
    /// io_uring where it works, else epoll; the choice and its reason are logged.
    case auto
    case uring
    case epoll
}

/// How a server runs. Every limit has a default that is sane for a public server.
public struct Configuration: Sendable {
    /// Where to listen. Default: `127.0.0.1:8000`.
    public var addresses: [SocketAddress] = [.ipv4(0x7F00_0001, port: 8000)]
    /// The processors to run on, one thread each; nil: all that the affinity, the cpuset and the quota of the cgroup allow.
    public var cores: [Int]?
    /// Pin each thread to its processor. Default true.
    public var pinsThreads = true
    public var engine = EngineChoice.auto
    /// Which of the ring's abilities to use; a rung that is forced down stays down.
    package var ring = RingOptions()

    /// Connections waiting in the kernel to be accepted, for each listener. Default 2048.
    public var backlog: Int32 = 2048
    /// One listener for all cores with gated accept, instead of one per core by SO_REUSEPORT. Unix sockets are always shared. Default false.
    public var sharesListeners = false

    public var limits = Limits()
    public var deadlines = Deadlines()
    /// Open connections per core; more wait in the kernel's backlog. Default 16,384, bounded by the table of open files.
    public var connectionsMax = 16_384
    /// Requests in the handlers' hands per core; more are answered 503 with Retry-After. 0: no limit (the default).
    public var requestsInFlightMax = 0
    /// Requests on one connection before it is closed; 0: no limit (the default).
    public var requestsPerConnectionMax = 0
    /// A request body that is given to the handler whole. Default 1 MiB; larger: 413.
    public var wholeBodyBytesMax = 1 << 20
    /// Output of one connection above which `Exchange.write` says full and pipelined requests wait. Default 256 KiB.
    public var outputHighWaterBytes = 256 << 10
    /// Buffers of one core for bodies, answers and partial heads; nil: a share of the memory limit (an eighth in all, at most 256 MiB per core).
    public var bufferBytesMax: Int?
    /// Answers from other threads that may be under way at once, per core. Default 1024; more: `TicketError.overloaded`.
    public var mailboxCapacity = 1024

    /// Value of the `Server` field; nil: none. Default `martlet`.
    public var serverName: String? = "martlet"
    /// Send the `Date` field. Default true.
    public var sendsDate = true

    /// How long a drain may take, in seconds; then what is left is cut. Default 30.
    public var drainTimeout: Double = 30
    /// In a drain, how long an idle connection may still bring one request, in seconds. Default 1.
    public var drainGrace: Double = 1
    /// `SIGTERM` and `SIGINT` drain; a second one stops at once. Default true.
    public var handlesSignals = true
    /// End after so many answered requests (a measuring aid); nil: never.
    public var exitsAfterRequests: UInt64?
    /// Where one-line messages go: standard error by default.
    public var log: @Sendable (String) -> Void = StandardError.print

    public init() {}
}
