// What a run is to do, checked and in the units of the engine.

import Glibc
import Martlet
import MartletEngine
import MartletHTTP

struct LoadPlan {
    let target: Target
    let connections: Int
    let depth: Int
    let schedule: Schedule
    let requestsPerConnection: UInt64
    let timeout: Nanoseconds
    let expectedBodyBytes: UInt64?
    let limits: Limits

    /// Descriptors that are not connections: standard streams, the ring, epoll, timers.
    private static let otherDescriptors = 32
    private static let requestsOnTheWayMax = 1 << 24

    init(_ options: Options) throws(OptionError) {
        target = try Target(parsing: options.url, unixPath: options.unixPath)
        guard target.isLoopback || options.allowsRemote else {
            throw OptionError("\(target.address) is not on this machine; add --remote if you may load it.")
        }
        guard options.connections * options.depth <= Self.requestsOnTheWayMax else {
            throw OptionError("--connections \(options.connections) times --pipeline \(options.depth) is more than \(Self.requestsOnTheWayMax); lower one.")
        }
        let descriptorsMax = Self.raiseDescriptorLimit()
        guard options.connections + Self.otherDescriptors <= descriptorsMax else {
            throw OptionError(
                "--connections \(options.connections) is more than the limit of open files permits (\(descriptorsMax)); raise it with ulimit -n.")
        }
        connections = options.connections
        depth = options.depth
        requestsPerConnection = options.requestsPerConnection ?? .max
        timeout = Self.nanoseconds(options.timeoutSeconds)
        expectedBodyBytes = options.expectedBodyBytes
        schedule = Schedule(
            pace: options.rate.map { .open(interval: 1e9 / $0) } ?? .closed,
            extent: options.requests.map { .requests($0) } ?? .duration(Self.nanoseconds(options.seconds ?? Options.secondsDefault)),
            warmup: Self.nanoseconds(options.warmupSeconds))
        var limits = Limits()
        limits.bodyBytesMax = .max
        self.limits = limits
    }

    private static func nanoseconds(_ seconds: Double) -> Nanoseconds { Nanoseconds(seconds * 1e9) }

    /// Raises the soft limit of open files to the hard one, and says what it is.
    private static func raiseDescriptorLimit() -> Int {
        var limit = rlimit()
        let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard unsafe getrlimit(files, &limit) == 0 else { return 1024 }
        let soft = limit.rlim_cur
        limit.rlim_cur = limit.rlim_max
        return Int(clamping: unsafe setrlimit(files, &limit) == 0 ? limit.rlim_max : soft)
    }
}
