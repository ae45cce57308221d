// The configuration as a core uses it: resolved, in nanoseconds and bytes.

internal import MartletEngine
internal import MartletHTTP

struct CoreSettings: Sendable {
    var limits: Limits
    var headNanoseconds: Nanoseconds
    var keepAliveNanoseconds: Nanoseconds
    var bodyWindowNanoseconds: Nanoseconds
    var bodyBytesPerWindowMin: UInt64
    var writeNanoseconds: Nanoseconds
    var handlerNanoseconds: Nanoseconds
    /// The shorter of the deadlines that begin with every request; how often each connection is looked at.
    var examinationNanoseconds: Nanoseconds
    var lingerNanoseconds: Nanoseconds
    var drainNanoseconds: Nanoseconds
    var drainGraceNanoseconds: Nanoseconds
    var connectionsMax: Int
    /// Rows of the tables: a power of two above `connectionsMax`, for sockets that are still closing.
    var connectionCapacity: Int
    var requestsInFlightMax: Int
    var requestsPerConnectionMax: Int
    var wholeBodyBytesMax: Int
    var outputHighWaterBytes: Int
    var bufferBytesMax: Int
    var mailboxCapacity: Int
    var serverName: String?
    var sendsDate: Bool
    var exitsAfterRequests: UInt64?
    var log: @Sendable (String) -> Void

    /// Input that may wait behind a request that is being answered, before the socket is no longer read.
    static let unparsedBytesMax = 65_536
    /// Rest of a body that is read and dropped to keep the connection, when the answer came early.
    static let discardBytesMax: UInt64 = 65_536

    init(_ configuration: Configuration, memoryLimitBytes: UInt64?, coreCount: Int, descriptorsMax: Int) {
        let deadlines = configuration.deadlines
        limits = configuration.limits
        headNanoseconds = Self.nanoseconds(deadlines.head)
        keepAliveNanoseconds = Self.nanoseconds(deadlines.keepAlive)
        // Without a rate an answer that goes out while the body comes must still move.
        bodyWindowNanoseconds = Self.nanoseconds(deadlines.bodyWindow > 0 ? deadlines.bodyWindow : deadlines.write)
        bodyBytesPerWindowMin = UInt64(max(0, deadlines.bodyWindow * Double(deadlines.bodyBytesPerSecondMin)))
        writeNanoseconds = Self.nanoseconds(deadlines.write)
        handlerNanoseconds = Self.nanoseconds(deadlines.handler)
        examinationNanoseconds = min(keepAliveNanoseconds, writeNanoseconds)
        lingerNanoseconds = max(Self.nanoseconds(deadlines.linger), 100_000_000)
        drainNanoseconds = Self.nanoseconds(configuration.drainTimeout)
        drainGraceNanoseconds = Self.nanoseconds(configuration.drainGrace)
        // Some descriptors are the program's own: listeners, rings, files.
        let descriptorShare = max(16, (descriptorsMax - 64) / coreCount)
        connectionsMax = max(1, min(configuration.connectionsMax, descriptorShare))
        connectionCapacity = Self.powerOfTwo(atLeast: connectionsMax + max(64, connectionsMax / 8))
        requestsInFlightMax = configuration.requestsInFlightMax
        requestsPerConnectionMax = configuration.requestsPerConnectionMax
        wholeBodyBytesMax = configuration.wholeBodyBytesMax
        outputHighWaterBytes = configuration.outputHighWaterBytes
        let share = memoryLimitBytes.map { Int(min($0 / 4 / UInt64(coreCount), 256 << 20)) } ?? 256 << 20
        bufferBytesMax = configuration.bufferBytesMax ?? max(share, 1 << 20)
        mailboxCapacity = configuration.mailboxCapacity
        serverName = configuration.serverName
        sendsDate = configuration.sendsDate
        exitsAfterRequests = configuration.exitsAfterRequests
        log = configuration.log
    }

    /// Off is far away: some hundred years.
    private static func nanoseconds(_ seconds: Double) -> Nanoseconds {
        seconds > 0 && seconds < 3e9 ? Nanoseconds(seconds * 1e9) : 3_000_000_000_000_000_000
    }

    private static func powerOfTwo(atLeast count: Int) -> Int {
        var power = 1
        while power < count { power <<= 1 }
        return power
    }
}
