// How a response's body is delimited and what becomes of the connection (RFC 9112 §6.3, §9; RFC 9110 §8.6, §15).

public import MartletHTTP

/// How the body of a response is delimited.
@frozen
public enum ResponseBody: Hashable, Sendable {
    /// No body, and no field that speaks of one.
    case none
    /// No body, but Content-Length says what a GET would have brought: answers to HEAD, and 304.
    case announced(UInt64)
    /// Content-Length and exactly so many bytes.
    case length(UInt64)
    /// Transfer-Encoding: chunked.
    case chunked
    /// All that comes until the connection is closed: what an HTTP/1.0 client gets when the length is not known.
    case untilClose
}

/// The Connection field that a response must carry.
@frozen
public enum ConnectionField: UInt8, Sendable {
    case absent
    case close
    case keepAlive
}

/// The decision for one response.
@frozen
public struct ResponseFraming: Hashable, Sendable {
    public let body: ResponseBody
    public let connection: ConnectionField

    /// Whether the connection can carry another request after this response.
    @inlinable public var keepsAlive: Bool { connection != .close }

    /// Decides.
    ///
    /// - Parameters:
    ///   - status: of the response. An interim one (1xx) never says anything about the connection.
    ///   - method: of the request.
    ///   - version: of the request.
    ///   - keepAliveWanted: whether both the request and the server are for keeping the connection.
    ///   - length: size of the body in bytes if it is known; for an answer to HEAD, and for 304, the size that the body
    ///     would have had. Ignored where the status forbids a body.
    @inlinable
    public init(status: Status, method: Method, version: Version, keepAliveWanted: Bool, length: UInt64?) {
        body = ResponseFraming.body(status: status, method: method, version: version, length: length)
        if status.isInformational {
            connection = .absent
        } else if !keepAliveWanted || body == .untilClose || (method == .connect && status.isSuccessful) {
            // A tunnel that a CONNECT would open is never served: nothing can follow on its connection.
            connection = .close
        } else {
            connection = version == .http10 ? .keepAlive : .absent
        }
    }

    @inlinable
    static func body(status: Status, method: Method, version: Version, length: UInt64?) -> ResponseBody {
        // RFC 9110 §8.6: no Content-Length in 1xx, in 204, and in a 2xx answer to CONNECT.
        if status.isInformational || status == .noContent { return .none }
        if method == .connect && status.isSuccessful { return .none }
        // RFC 9110 §15.3.6: 205 has no content, and says so.
        if status == .resetContent { return method == .head ? .announced(0) : .length(0) }
        if status == .notModified || method == .head {
            guard let length else { return .none }
            return .announced(length)
        }
        if let length { return .length(length) }
        return version == .http10 ? .untilClose : .chunked
    }
}
