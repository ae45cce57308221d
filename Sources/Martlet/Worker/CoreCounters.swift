// What a core counts. Plain integers written by the core; others read a published copy.

/// Counters of one core since its start, as of its last turn or at most a second old.
public struct CoreCounters: Sendable {
    /// Connections accepted, and those open now.
    public internal(set) var accepted: UInt64 = 0
    public internal(set) var open: UInt64 = 0
    /// Requests whose head was read, and those not answered yet.
    public internal(set) var requests: UInt64 = 0
    public internal(set) var inFlight: UInt64 = 0
    /// Answers by the hundreds of their status: `answers[2]` counts 200 to 299.
    public internal(set) var answers: InlineArray<6, UInt64> = .init(repeating: 0)
    /// Requests refused as malformed or over a limit.
    public internal(set) var malformed: UInt64 = 0
    /// Requests refused because too many were in flight.
    public internal(set) var overloaded: UInt64 = 0
    /// Connections ended by one of the deadlines.
    public internal(set) var timedOut: UInt64 = 0
    /// Connections cut because no buffer memory was left, or an answer could not be completed.
    public internal(set) var cut: UInt64 = 0
    /// Answers replaced by a 500 because the handler gave none.
    public internal(set) var unanswered: UInt64 = 0
    /// Bytes received and handed to the kernel to send.
    public internal(set) var bytesReceived: UInt64 = 0
    public internal(set) var bytesSent: UInt64 = 0
    /// Of the engine: waits, completions, receives that found no buffer, times that accepting rested for want of descriptors.
    public internal(set) var waits: UInt64 = 0
    public internal(set) var completions: UInt64 = 0
    public internal(set) var receivesStarved: UInt64 = 0
    public internal(set) var acceptsPaused: UInt64 = 0

    init() {}
}
