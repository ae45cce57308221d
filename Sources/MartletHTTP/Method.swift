// Request methods (RFC 9110 §9).

/// A request's method; ``other`` is any token that is not listed, its bytes being in the head.
///
/// Methods are case-sensitive (RFC 9110 §9.1): `get` is ``other``.
@frozen
public enum Method: UInt8, Sendable {
    case get
    case head
    case post
    case put
    case delete
    case connect
    case options
    case trace
    case patch
    case other

    /// The method as it is written; empty for ``other``.
    public var name: StaticString {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .connect: "CONNECT"
        case .options: "OPTIONS"
        case .trace: "TRACE"
        case .patch: "PATCH"
        case .other: ""
        }
    }
}
