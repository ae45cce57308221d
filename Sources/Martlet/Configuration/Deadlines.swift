// How long a peer may take for each step. All are kept on the core's timer wheel, to about a tenth of a second.

/// Time limits in seconds; 0 turns one off.
public struct Deadlines: Sendable {
    /// From a head's first byte (or from the accept) to its end: 408. Default 10.
    public var head: Double = 10
    /// An idle connection between requests is closed. Default 75.
    public var keepAlive: Double = 75
    /// A body must bring `bodyBytesPerSecondMin` on average over each window of this length: 408. Default 10.
    public var bodyWindow: Double = 10
    /// Default 100 bytes per second.
    public var bodyBytesPerSecondMin: Int = 100
    /// The peer must take some bytes of the answer within this time, or the connection is cut. Default 30.
    public var write: Double = 30
    /// How long a handler may take for the whole of its answer, streamed ones included: 503, or a cut when the answer has begun. Time in which the
    /// client holds the handler back does not count: while the body it reads is still coming, and while the client does not take what was written.
    /// Default off.
    public var handler: Double = 0
    /// How long input is dropped after an early answer before the connection is closed. Default 2.
    public var linger: Double = 2

    public init() {}
}
