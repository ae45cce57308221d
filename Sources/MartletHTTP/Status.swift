// Status codes and their reason phrases (RFC 9110 §15 and IANA's registry).

/// The status code of a response, 100 to 999.
@frozen
public struct Status: Hashable, Sendable {
    public let code: UInt16

    /// Takes a code of three digits.
    @inlinable
    public init(code: UInt16) {
        precondition(code >= 100 && code <= 999, "a status code has three digits")
        self.code = code
    }

    /// 1xx: an interim response, after which the final one follows.
    @inlinable public var isInformational: Bool { code < 200 }

    /// 2xx.
    @inlinable public var isSuccessful: Bool { code >= 200 && code < 300 }

    @inlinable public static var `continue`: Status { Status(code: 100) }
    @inlinable public static var switchingProtocols: Status { Status(code: 101) }
    @inlinable public static var processing: Status { Status(code: 102) }
    @inlinable public static var earlyHints: Status { Status(code: 103) }
    @inlinable public static var ok: Status { Status(code: 200) }
    @inlinable public static var created: Status { Status(code: 201) }
    @inlinable public static var accepted: Status { Status(code: 202) }
    @inlinable public static var nonAuthoritativeInformation: Status { Status(code: 203) }
    @inlinable public static var noContent: Status { Status(code: 204) }
    @inlinable public static var resetContent: Status { Status(code: 205) }
    @inlinable public static var partialContent: Status { Status(code: 206) }
    @inlinable public static var multiStatus: Status { Status(code: 207) }
    @inlinable public static var alreadyReported: Status { Status(code: 208) }
    @inlinable public static var imUsed: Status { Status(code: 226) }
    @inlinable public static var multipleChoices: Status { Status(code: 300) }
    @inlinable public static var movedPermanently: Status { Status(code: 301) }
    @inlinable public static var found: Status { Status(code: 302) }
    @inlinable public static var seeOther: Status { Status(code: 303) }
    @inlinable public static var notModified: Status { Status(code: 304) }
    @inlinable public static var useProxy: Status { Status(code: 305) }
    @inlinable public static var temporaryRedirect: Status { Status(code: 307) }
    @inlinable public static var permanentRedirect: Status { Status(code: 308) }
    @inlinable public static var badRequest: Status { Status(code: 400) }
    @inlinable public static var unauthorized: Status { Status(code: 401) }
    @inlinable public static var paymentRequired: Status { Status(code: 402) }
    @inlinable public static var forbidden: Status { Status(code: 403) }
    @inlinable public static var notFound: Status { Status(code: 404) }
    @inlinable public static var methodNotAllowed: Status { Status(code: 405) }
    @inlinable public static var notAcceptable: Status { Status(code: 406) }
    @inlinable public static var proxyAuthenticationRequired: Status { Status(code: 407) }
    @inlinable public static var requestTimeout: Status { Status(code: 408) }
    @inlinable public static var conflict: Status { Status(code: 409) }
    @inlinable public static var gone: Status { Status(code: 410) }
    @inlinable public static var lengthRequired: Status { Status(code: 411) }
    @inlinable public static var preconditionFailed: Status { Status(code: 412) }
    @inlinable public static var contentTooLarge: Status { Status(code: 413) }
    @inlinable public static var uriTooLong: Status { Status(code: 414) }
    @inlinable public static var unsupportedMediaType: Status { Status(code: 415) }
    @inlinable public static var rangeNotSatisfiable: Status { Status(code: 416) }
    @inlinable public static var expectationFailed: Status { Status(code: 417) }
    @inlinable public static var misdirectedRequest: Status { Status(code: 421) }
    @inlinable public static var unprocessableContent: Status { Status(code: 422) }
    @inlinable public static var locked: Status { Status(code: 423) }
    @inlinable public static var failedDependency: Status { Status(code: 424) }
    @inlinable public static var tooEarly: Status { Status(code: 425) }
    @inlinable public static var upgradeRequired: Status { Status(code: 426) }
    @inlinable public static var preconditionRequired: Status { Status(code: 428) }
    @inlinable public static var tooManyRequests: Status { Status(code: 429) }
    @inlinable public static var requestHeaderFieldsTooLarge: Status { Status(code: 431) }
    @inlinable public static var unavailableForLegalReasons: Status { Status(code: 451) }
    @inlinable public static var internalServerError: Status { Status(code: 500) }
    @inlinable public static var notImplemented: Status { Status(code: 501) }
    @inlinable public static var badGateway: Status { Status(code: 502) }
    @inlinable public static var serviceUnavailable: Status { Status(code: 503) }
    @inlinable public static var gatewayTimeout: Status { Status(code: 504) }
    @inlinable public static var httpVersionNotSupported: Status { Status(code: 505) }
    @inlinable public static var variantAlsoNegotiates: Status { Status(code: 506) }
    @inlinable public static var insufficientStorage: Status { Status(code: 507) }
    @inlinable public static var loopDetected: Status { Status(code: 508) }
    @inlinable public static var notExtended: Status { Status(code: 510) }
    @inlinable public static var networkAuthenticationRequired: Status { Status(code: 511) }

    /// The registered reason phrase; empty for a code that is not registered (the phrase may be empty on the wire).
    public var reason: StaticString {
        switch code {
        case 100: "Continue"
        case 101: "Switching Protocols"
        case 102: "Processing"
        case 103: "Early Hints"
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 203: "Non-Authoritative Information"
        case 204: "No Content"
        case 205: "Reset Content"
        case 206: "Partial Content"
        case 207: "Multi-Status"
        case 208: "Already Reported"
        case 226: "IM Used"
        case 300: "Multiple Choices"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 304: "Not Modified"
        case 305: "Use Proxy"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 402: "Payment Required"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 407: "Proxy Authentication Required"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 410: "Gone"
        case 411: "Length Required"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 416: "Range Not Satisfiable"
        case 417: "Expectation Failed"
        case 421: "Misdirected Request"
        case 422: "Unprocessable Content"
        case 423: "Locked"
        case 424: "Failed Dependency"
        case 425: "Too Early"
        case 426: "Upgrade Required"
        case 428: "Precondition Required"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 451: "Unavailable For Legal Reasons"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        case 506: "Variant Also Negotiates"
        case 507: "Insufficient Storage"
        case 508: "Loop Detected"
        case 510: "Not Extended"
        case 511: "Network Authentication Required"
        default: ""
        }
    }
}
