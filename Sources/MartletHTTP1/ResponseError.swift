// What a server can do wrong in a response.

public import MartletHTTP

/// A fault in a response. Whoever gets one closes the connection: nothing that follows can be trusted to be a response.
@frozen
public enum ResponseError: Error, Hashable, Sendable {
    /// The first line is not `HTTP/1.x`, a space, three digits, a space, a reason (RFC 9112 §4).
    case invalidStatusLine
    /// A field line, a line end or the chunked coding breaks the syntax that responses share with requests.
    case malformed(RequestError)
    case duplicateContentLength
    case invalidContentLength
    /// Content-Length and Transfer-Encoding were both sent.
    case conflictingFraming
    case duplicateTransferEncoding
    case transferEncodingInHTTP10
    /// A transfer coding other than `chunked`.
    case unsupportedTransferEncoding
    /// 101 without a request to switch protocols.
    case unexpectedUpgrade
    /// More interim responses (1xx) than ``ResponseReader/interimCountMax`` before the final one.
    case tooManyInterimResponses

    /// A sentence for people, without anything that the peer sent.
    public var explanation: StaticString {
        switch self {
        case .invalidStatusLine: "The status line is malformed."
        case .malformed(let error): error.explanation
        case .duplicateContentLength: "The response has more than one Content-Length field."
        case .invalidContentLength: "Content-Length is not a plain decimal number."
        case .conflictingFraming: "The response has both Content-Length and Transfer-Encoding."
        case .duplicateTransferEncoding: "The response has more than one Transfer-Encoding field."
        case .transferEncodingInHTTP10: "An HTTP/1.0 response has a Transfer-Encoding field."
        case .unsupportedTransferEncoding: "The response has a transfer coding that is not chunked."
        case .unexpectedUpgrade: "The server switched protocols without being asked to."
        case .tooManyInterimResponses: "Too many interim responses came before the final one."
        }
    }
}
