// What the head of a received response says about the message.

public import MartletHTTP

/// How the body of a received response is delimited (RFC 9112 §6.3).
@frozen
public enum ResponseDelimiter: Hashable, Sendable {
    /// No body, whatever the fields say: answers to HEAD, 1xx, 204 and 304.
    case none
    case length(UInt64)
    case chunked
    /// All that comes until the server closes.
    case untilClose
}

/// The facts of one response's head.
public struct ResponseHead: Sendable, BitwiseCopyable {
    public internal(set) var status = Status.ok
    public internal(set) var version = Version.http11
    public internal(set) var delimiter = ResponseDelimiter.none
    /// Whether the connection can carry another response after this one.
    public internal(set) var keepsAlive = true
    /// Size of the head in bytes, with its blank line.
    public internal(set) var byteCount = 0

    public init() {}
}
