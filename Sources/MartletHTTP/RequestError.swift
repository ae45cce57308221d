// What a peer can do wrong in a request, each with the answer to give.

/// A fault in a request, found by a codec.
///
/// Whoever gets one answers with ``status`` and closes the connection: after a fault nothing that follows on it can be
/// trusted to be the start of a request (RFC 9112 §2.2, §6.3, §11.2).
@frozen
public enum RequestError: UInt8, Error, CaseIterable, Sendable {
    // The request line.
    /// More than the permitted empty lines came before the request line.
    case tooManyEmptyLines
    /// A line ended in LF alone; every line must end in CR LF.
    case bareLineFeed
    /// A CR was not followed by LF.
    case bareCarriageReturn
    /// The method has a character that is not permitted in a token.
    case invalidMethod
    /// The request target is empty, has a forbidden character, or does not fit the method.
    case invalidTarget
    /// The request line ended before an HTTP version.
    case missingVersion
    /// The HTTP version is malformed.
    case invalidVersion
    /// Only HTTP/1.0 and HTTP/1.1 are spoken here.
    case unsupportedVersion
    /// The request line is longer than this server accepts.
    case requestLineTooLong

    // Field lines.
    /// White space stood between the request line and the first field.
    case whitespaceBeforeFirstField
    /// A field value was continued on a second line.
    case obsoleteFolding
    /// A field line had no name before its colon.
    case emptyFieldName
    /// A field name has a character that is not permitted in a token.
    case invalidFieldName
    /// White space stood between a field name and its colon.
    case whitespaceBeforeColon
    /// A field line had no colon.
    case missingColon
    /// A field value has a control character.
    case invalidFieldValue
    /// A field name is longer than 255 bytes.
    case fieldNameTooLong
    /// The request has more fields than this server accepts.
    case tooManyFields
    /// The request's head is larger than this server accepts.
    case headTooLarge

    // Host.
    /// An HTTP/1.1 request must have a Host field.
    case missingHost
    /// The request has more than one Host field.
    case duplicateHost
    /// The host is not a valid host name or address with an optional port.
    case invalidHost
    /// The Host field differs from the host in the request target.
    case hostMismatch

    // Framing.
    /// The request has more than one Content-Length field.
    case duplicateContentLength
    /// Content-Length is not a plain decimal number.
    case invalidContentLength
    /// Content-Length and Transfer-Encoding must not both be sent.
    case conflictingFraming
    /// The request has more than one Transfer-Encoding field.
    case duplicateTransferEncoding
    /// Transfer-Encoding must end in chunked, which must stand there once.
    case invalidTransferEncoding
    /// An HTTP/1.0 request must not have a Transfer-Encoding field.
    case transferEncodingInHTTP10
    /// No transfer coding but chunked is implemented.
    case unsupportedTransferEncoding
    /// No expectation but 100-continue can be met.
    case unsupportedExpectation
    /// The request's body is larger than this server accepts.
    case bodyTooLarge

    // Chunked bodies.
    /// A chunk size is not 1 to 16 hexadecimal digits.
    case invalidChunkSize
    /// A chunk extension is malformed.
    case invalidChunkExtension
    /// The data of a chunk was not followed by CR LF.
    case missingChunkTerminator
    /// The line of a chunk's size is longer than this server accepts.
    case chunkLineTooLong
    /// The chunk extensions add up to more than this server accepts.
    case chunkExtensionsTooLarge
    /// The body has far more chunk framing than data.
    case chunkOverheadTooLarge
    /// The trailer section is larger than this server accepts.
    case trailersTooLarge
    /// The trailer section has more fields than this server accepts.
    case tooManyTrailers

    /// The status to answer with.
    public var status: Status {
        switch self {
        case .tooManyEmptyLines, .bareLineFeed, .bareCarriageReturn, .invalidMethod, .invalidTarget,
            .missingVersion, .invalidVersion, .whitespaceBeforeFirstField, .obsoleteFolding, .emptyFieldName,
            .invalidFieldName, .whitespaceBeforeColon, .missingColon, .invalidFieldValue, .missingHost,
            .duplicateHost, .invalidHost, .hostMismatch, .duplicateContentLength, .invalidContentLength,
            .conflictingFraming, .duplicateTransferEncoding, .invalidTransferEncoding, .transferEncodingInHTTP10,
            .invalidChunkSize, .invalidChunkExtension, .missingChunkTerminator, .chunkLineTooLong:
            .badRequest
        case .unsupportedVersion:
            .httpVersionNotSupported
        case .requestLineTooLong:
            .uriTooLong
        case .fieldNameTooLong, .tooManyFields, .headTooLarge, .trailersTooLarge, .tooManyTrailers:
            .requestHeaderFieldsTooLarge
        case .unsupportedTransferEncoding:
            .notImplemented
        case .unsupportedExpectation:
            .expectationFailed
        case .bodyTooLarge, .chunkExtensionsTooLarge, .chunkOverheadTooLarge:
            .contentTooLarge
        }
    }

    /// A sentence for people, without anything that the peer sent.
    public var explanation: StaticString {
        switch self {
        case .tooManyEmptyLines: "More than the permitted empty lines came before the request line."
        case .bareLineFeed: "A line ended in LF alone; every line must end in CR LF."
        case .bareCarriageReturn: "A CR was not followed by LF."
        case .invalidMethod: "The method has a character that is not permitted in a token."
        case .invalidTarget: "The request target is empty, has a forbidden character, or does not fit the method."
        case .missingVersion: "The request line ended before an HTTP version."
        case .invalidVersion: "The HTTP version is malformed."
        case .unsupportedVersion: "Only HTTP/1.0 and HTTP/1.1 are spoken here."
        case .requestLineTooLong: "The request line is longer than this server accepts."
        case .whitespaceBeforeFirstField: "White space stood between the request line and the first field."
        case .obsoleteFolding: "A field value was continued on a second line."
        case .emptyFieldName: "A field line had no name before its colon."
        case .invalidFieldName: "A field name has a character that is not permitted in a token."
        case .whitespaceBeforeColon: "White space stood between a field name and its colon."
        case .missingColon: "A field line had no colon."
        case .invalidFieldValue: "A field value has a control character."
        case .fieldNameTooLong: "A field name is longer than 255 bytes."
        case .tooManyFields: "The request has more fields than this server accepts."
        case .headTooLarge: "The request's head is larger than this server accepts."
        case .missingHost: "An HTTP/1.1 request must have a Host field."
        case .duplicateHost: "The request has more than one Host field."
        case .invalidHost: "The host is not a valid host name or address with an optional port."
        case .hostMismatch: "The Host field differs from the host in the request target."
        case .duplicateContentLength: "The request has more than one Content-Length field."
        case .invalidContentLength: "Content-Length is not a plain decimal number."
        case .conflictingFraming: "Content-Length and Transfer-Encoding must not both be sent."
        case .duplicateTransferEncoding: "The request has more than one Transfer-Encoding field."
        case .invalidTransferEncoding: "Transfer-Encoding must end in chunked, which must stand there once."
        case .transferEncodingInHTTP10: "An HTTP/1.0 request must not have a Transfer-Encoding field."
        case .unsupportedTransferEncoding: "No transfer coding but chunked is implemented."
        case .unsupportedExpectation: "No expectation but 100-continue can be met."
        case .bodyTooLarge: "The request's body is larger than this server accepts."
        case .invalidChunkSize: "A chunk size is not 1 to 16 hexadecimal digits."
        case .invalidChunkExtension: "A chunk extension is malformed."
        case .missingChunkTerminator: "The data of a chunk was not followed by CR LF."
        case .chunkLineTooLong: "The line of a chunk's size is longer than this server accepts."
        case .chunkExtensionsTooLarge: "The chunk extensions add up to more than this server accepts."
        case .chunkOverheadTooLarge: "The body has far more chunk framing than data."
        case .trailersTooLarge: "The trailer section is larger than this server accepts."
        case .tooManyTrailers: "The trailer section has more fields than this server accepts."
        }
    }
}
