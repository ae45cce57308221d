// The contract between a core and whoever answers requests: Swift handlers, async handlers, other runtimes, the simulation.

/// How a request's body reaches the handler.
@frozen public enum BodyHandling: Sendable {
    /// `respond` is called once the body is here, with all of it in `request.body`; one that is larger gets 413.
    case whole(bytesMax: Int)
    /// `respond` is called with the head alone; the pieces come to `received`.
    case streamed
    /// As `whole` when all of it arrived together with the head, else as `streamed`; `Request.isBodyComplete` tells which.
    case wholeIfHere
}

/// Why an exchange ended.
@frozen public enum EndReason: UInt8, Sendable {
    /// The answer is complete and handed to the kernel, or will be.
    case complete
    /// The peer closed or reset the connection before the answer was complete.
    case peerLeft
    /// A deadline passed (body rate, write progress, handler).
    case timedOut
    /// The server cut the connection: out of memory, an answer that broke its promise, the end of a drain.
    case cut
}

/// Answers the requests of one core.
///
/// One value per core, made on the core's thread and called only there, so its state needs no lock. Nothing here may block:
/// the core's other connections wait meanwhile. What takes long goes to another thread and answers by a `Ticket`.
public protocol Handler: ~Copyable, SendableMetatype {
    /// How the body of this request should come; asked only for requests that have one. Default (nil): whole, up to the server's `wholeBodyBytesMax`.
    mutating func bodyHandling(for request: borrowing Request) -> BodyHandling?

    /// Answers. The request's bytes are gone when it returns; the writer is consumed by exactly one kind of answer.
    mutating func respond(to request: borrowing Request, with writer: consuming ResponseWriter)

    /// A piece of a streamed body; gone when it returns. `last` comes once, perhaps with an empty piece.
    mutating func received(_ chunk: Span<UInt8>, of exchange: Exchange, last: Bool)

    /// The output of an exchange whose `write` said full has drained below half of the high-water mark.
    mutating func writable(_ exchange: Exchange)

    /// The peer of a kept exchange sends no more (TCP FIN), and its request is whole. Most have left; some shut their side and wait for the answer, which still
    /// goes out. A peer that has left for certain is told by `ended`.
    mutating func inputEnded(_ exchange: Exchange)

    /// An exchange that `respond` kept is over. Called once for each; nothing is called for it afterwards.
    mutating func ended(_ exchange: Exchange, reason: EndReason)
}

extension Handler where Self: ~Copyable {
    public mutating func bodyHandling(for request: borrowing Request) -> BodyHandling? { nil }
    public mutating func received(_ chunk: Span<UInt8>, of exchange: Exchange, last: Bool) {}
    public mutating func writable(_ exchange: Exchange) {}
    public mutating func inputEnded(_ exchange: Exchange) {}
    public mutating func ended(_ exchange: Exchange, reason: EndReason) {}
}
