// The field names that the server knows by number.
//
// Owns: the numbers and their spelling. Never knows: what a field means.
// Invariant: numbers run from 1 to 63, so that one 64-bit word can say which names a message has; 0 is every name
// that is not here.

/// A field name that Martlet knows by number, or ``unknown``.
///
/// Names are compared without regard to case (RFC 9110 §5.1). Two names that are both ``unknown`` need not be the same
/// name: compare their bytes.
@frozen
public struct FieldName: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt8

    /// Takes a number from 0 to 63.
    @inlinable
    public init(rawValue: UInt8) {
        precondition(rawValue <= 63, "a field name's number is at most 63")
        self.rawValue = rawValue
    }

    /// Every name that has no number.
    @inlinable public static var unknown: FieldName { FieldName(rawValue: 0) }

    @inlinable public static var host: FieldName { FieldName(rawValue: 1) }
    @inlinable public static var contentLength: FieldName { FieldName(rawValue: 2) }
    @inlinable public static var contentType: FieldName { FieldName(rawValue: 3) }
    @inlinable public static var transferEncoding: FieldName { FieldName(rawValue: 4) }
    @inlinable public static var connection: FieldName { FieldName(rawValue: 5) }
    @inlinable public static var expect: FieldName { FieldName(rawValue: 6) }
    @inlinable public static var upgrade: FieldName { FieldName(rawValue: 7) }
    @inlinable public static var te: FieldName { FieldName(rawValue: 8) }
    @inlinable public static var trailer: FieldName { FieldName(rawValue: 9) }
    @inlinable public static var date: FieldName { FieldName(rawValue: 10) }
    @inlinable public static var server: FieldName { FieldName(rawValue: 11) }
    @inlinable public static var accept: FieldName { FieldName(rawValue: 12) }
    @inlinable public static var acceptEncoding: FieldName { FieldName(rawValue: 13) }
    @inlinable public static var acceptLanguage: FieldName { FieldName(rawValue: 14) }
    @inlinable public static var acceptRanges: FieldName { FieldName(rawValue: 15) }
    @inlinable public static var age: FieldName { FieldName(rawValue: 16) }
    @inlinable public static var allow: FieldName { FieldName(rawValue: 17) }
    @inlinable public static var authorization: FieldName { FieldName(rawValue: 18) }
    @inlinable public static var cacheControl: FieldName { FieldName(rawValue: 19) }
    @inlinable public static var contentDisposition: FieldName { FieldName(rawValue: 20) }
    @inlinable public static var contentEncoding: FieldName { FieldName(rawValue: 21) }
    @inlinable public static var contentLanguage: FieldName { FieldName(rawValue: 22) }
    @inlinable public static var contentLocation: FieldName { FieldName(rawValue: 23) }
    @inlinable public static var contentRange: FieldName { FieldName(rawValue: 24) }
    @inlinable public static var cookie: FieldName { FieldName(rawValue: 25) }
    @inlinable public static var etag: FieldName { FieldName(rawValue: 26) }
    @inlinable public static var expires: FieldName { FieldName(rawValue: 27) }
    @inlinable public static var forwarded: FieldName { FieldName(rawValue: 28) }
    @inlinable public static var ifMatch: FieldName { FieldName(rawValue: 29) }
    @inlinable public static var ifModifiedSince: FieldName { FieldName(rawValue: 30) }
    @inlinable public static var ifNoneMatch: FieldName { FieldName(rawValue: 31) }
    @inlinable public static var ifRange: FieldName { FieldName(rawValue: 32) }
    @inlinable public static var ifUnmodifiedSince: FieldName { FieldName(rawValue: 33) }
    @inlinable public static var keepAlive: FieldName { FieldName(rawValue: 34) }
    @inlinable public static var lastModified: FieldName { FieldName(rawValue: 35) }
    @inlinable public static var link: FieldName { FieldName(rawValue: 36) }
    @inlinable public static var location: FieldName { FieldName(rawValue: 37) }
    @inlinable public static var origin: FieldName { FieldName(rawValue: 38) }
    @inlinable public static var pragma: FieldName { FieldName(rawValue: 39) }
    @inlinable public static var priority: FieldName { FieldName(rawValue: 40) }
    @inlinable public static var proxyConnection: FieldName { FieldName(rawValue: 41) }
    @inlinable public static var range: FieldName { FieldName(rawValue: 42) }
    @inlinable public static var referer: FieldName { FieldName(rawValue: 43) }
    @inlinable public static var retryAfter: FieldName { FieldName(rawValue: 44) }
    @inlinable public static var secFetchDest: FieldName { FieldName(rawValue: 45) }
    @inlinable public static var secFetchMode: FieldName { FieldName(rawValue: 46) }
    @inlinable public static var secFetchSite: FieldName { FieldName(rawValue: 47) }
    @inlinable public static var secFetchUser: FieldName { FieldName(rawValue: 48) }
    @inlinable public static var secWebSocketAccept: FieldName { FieldName(rawValue: 49) }
    @inlinable public static var secWebSocketExtensions: FieldName { FieldName(rawValue: 50) }
    @inlinable public static var secWebSocketKey: FieldName { FieldName(rawValue: 51) }
    @inlinable public static var secWebSocketProtocol: FieldName { FieldName(rawValue: 52) }
    @inlinable public static var secWebSocketVersion: FieldName { FieldName(rawValue: 53) }
    @inlinable public static var setCookie: FieldName { FieldName(rawValue: 54) }
    @inlinable public static var upgradeInsecureRequests: FieldName { FieldName(rawValue: 55) }
    @inlinable public static var userAgent: FieldName { FieldName(rawValue: 56) }
    @inlinable public static var vary: FieldName { FieldName(rawValue: 57) }
    @inlinable public static var via: FieldName { FieldName(rawValue: 58) }
    @inlinable public static var wwwAuthenticate: FieldName { FieldName(rawValue: 59) }
    @inlinable public static var xForwardedFor: FieldName { FieldName(rawValue: 60) }
    @inlinable public static var xForwardedHost: FieldName { FieldName(rawValue: 61) }
    @inlinable public static var xForwardedProto: FieldName { FieldName(rawValue: 62) }
    @inlinable public static var xRequestID: FieldName { FieldName(rawValue: 63) }

    /// How many names have a number.
    package static let knownCount: UInt8 = 63

    /// The name as RFC 9110 §16.3 and its registry spell it; empty for ``unknown``.
    // Inlined where the name is known: there it is a constant.
    @inlinable
    public var canonicalName: StaticString {
        switch rawValue {
        case 1: "Host"
        case 2: "Content-Length"
        case 3: "Content-Type"
        case 4: "Transfer-Encoding"
        case 5: "Connection"
        case 6: "Expect"
        case 7: "Upgrade"
        case 8: "TE"
        case 9: "Trailer"
        case 10: "Date"
        case 11: "Server"
        case 12: "Accept"
        case 13: "Accept-Encoding"
        case 14: "Accept-Language"
        case 15: "Accept-Ranges"
        case 16: "Age"
        case 17: "Allow"
        case 18: "Authorization"
        case 19: "Cache-Control"
        case 20: "Content-Disposition"
        case 21: "Content-Encoding"
        case 22: "Content-Language"
        case 23: "Content-Location"
        case 24: "Content-Range"
        case 25: "Cookie"
        case 26: "ETag"
        case 27: "Expires"
        case 28: "Forwarded"
        case 29: "If-Match"
        case 30: "If-Modified-Since"
        case 31: "If-None-Match"
        case 32: "If-Range"
        case 33: "If-Unmodified-Since"
        case 34: "Keep-Alive"
        case 35: "Last-Modified"
        case 36: "Link"
        case 37: "Location"
        case 38: "Origin"
        case 39: "Pragma"
        case 40: "Priority"
        case 41: "Proxy-Connection"
        case 42: "Range"
        case 43: "Referer"
        case 44: "Retry-After"
        case 45: "Sec-Fetch-Dest"
        case 46: "Sec-Fetch-Mode"
        case 47: "Sec-Fetch-Site"
        case 48: "Sec-Fetch-User"
        case 49: "Sec-WebSocket-Accept"
        case 50: "Sec-WebSocket-Extensions"
        case 51: "Sec-WebSocket-Key"
        case 52: "Sec-WebSocket-Protocol"
        case 53: "Sec-WebSocket-Version"
        case 54: "Set-Cookie"
        case 55: "Upgrade-Insecure-Requests"
        case 56: "User-Agent"
        case 57: "Vary"
        case 58: "Via"
        case 59: "WWW-Authenticate"
        case 60: "X-Forwarded-For"
        case 61: "X-Forwarded-Host"
        case 62: "X-Forwarded-Proto"
        case 63: "X-Request-ID"
        default: ""
        }
    }
}
