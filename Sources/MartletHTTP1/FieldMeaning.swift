// What single fields say about the message itself: where its body ends and what becomes of the connection.
//
// Owns: the strict reading of Host, Content-Length, Transfer-Encoding, Connection and Expect, and what they say
// together (RFC 9112 §3.2, §6, §9; RFC 9110 §7.6.1, §7.8, §10.1.1). Never knows: syntax; it sees trimmed values.
// The rule throughout: where two readers could disagree about where the message ends, refuse.

internal import MartletBytes
internal import MartletHTTP

/// What was said about the connection so far.
@frozen
@usableFromInline
struct ConnectionOptions: OptionSet, Sendable {
    @usableFromInline let rawValue: UInt8

    @inlinable
    init(rawValue: UInt8) { self.rawValue = rawValue }

    static let close = ConnectionOptions(rawValue: 1)
    static let keepAlive = ConnectionOptions(rawValue: 2)
    static let upgrade = ConnectionOptions(rawValue: 4)
    static let expectsContinue = ConnectionOptions(rawValue: 8)
}

enum FieldMeaning {
    // Computed, because the optimizer folds it to an immediate and a stored one would be guarded by a once-flag.
    private static var concerned: UInt64 {
        FieldName.host.bit | FieldName.contentLength.bit | FieldName.transferEncoding.bit | FieldName.connection.bit
            | FieldName.expect.bit
    }

    /// Whether a field with this number has a meaning here.
    @inline(__always) // Asked for each field.
    static func concerns(_ token: UInt8) -> Bool {
        concerned &>> UInt64(token) & 1 == 1 // A token is at most 63.
    }

    /// Takes in a field that is not yet in the head's table.
    @inline(__always) // Every request has a Host field, and most have no other of these.
    static func apply(
        _ field: Field, of window: Span<UInt8>, to head: inout RequestHead, options: inout ConnectionOptions,
        bodyBytesMax: UInt64
    ) throws(RequestError) {
        if field.token == FieldName.host.rawValue {
            if head.has(.host) { throw .duplicateHost }
            guard Authority.isValid(field.value.bytes(in: window), portRequired: false) else { throw .invalidHost }
            if head.authority.isEmpty { head.authority = field.value }
        } else {
            try applyOther(field, of: window, to: &head, options: &options, bodyBytesMax: bodyBytesMax)
        }
    }

    @inline(never) // Keeps the loop over fields short.
    private static func applyOther(
        _ field: Field, of window: Span<UInt8>, to head: inout RequestHead, options: inout ConnectionOptions,
        bodyBytesMax: UInt64
    ) throws(RequestError) {
        let value = field.value.bytes(in: window)
        switch field.knownName {
        case .connection:
            addConnectionOptions(value, to: &options)
        case .contentLength:
            try applyContentLength(value, to: &head, bodyBytesMax: bodyBytesMax)
        case .transferEncoding:
            try applyTransferEncoding(value, to: &head)
        case .expect:
            // RFC 9110 §10.1.1: an HTTP/1.0 client's expectation is ignored.
            guard head.version == .http11 else { return }
            guard value.equalsIgnoringCase("100-continue") else { throw .unsupportedExpectation }
            options.insert(.expectsContinue)
        default:
            return
        }
    }

    /// Digits only, one field only. A leading zero is refused: some read it as octal.
    private static func applyContentLength(
        _ value: Span<UInt8>, to head: inout RequestHead, bodyBytesMax: UInt64
    ) throws(RequestError) {
        if head.has(.contentLength) { throw .duplicateContentLength }
        if head.has(.transferEncoding) { throw .conflictingFraming }
        guard let length = value.decimal(), value.count == 1 || value[0] != 0x30 else { throw .invalidContentLength }
        guard length <= bodyBytesMax else { throw .bodyTooLarge }
        head.framing = .length(length)
    }

    private static func applyTransferEncoding(_ value: Span<UInt8>, to head: inout RequestHead) throws(RequestError) {
        if head.has(.transferEncoding) { throw .duplicateTransferEncoding }
        if head.has(.contentLength) { throw .conflictingFraming }
        if head.version == .http10 { throw .transferEncodingInHTTP10 }
        if !value.equalsIgnoringCase("chunked") { throw unusualTransferEncoding(value) }
        head.framing = .chunked
    }

    /// Codings before a final `chunked` are ones that we do not have (501, RFC 9112 §6.1); without a final `chunked`
    /// the body has no end that both sides know (400, §6.3).
    private static func unusualTransferEncoding(_ value: Span<UInt8>) -> RequestError {
        var elements = ListElements()
        var chunkedCount = 0
        var endsInChunked = false
        while let range = elements.next(of: value) {
            endsInChunked = value.extracting(range).equalsIgnoringCase("chunked")
            chunkedCount += endsInChunked ? 1 : 0
        }
        return endsInChunked && chunkedCount == 1 ? .unsupportedTransferEncoding : .invalidTransferEncoding
    }

    /// Takes in a Connection field, of a request or of a response.
    static func addConnectionOptions(_ value: Span<UInt8>, to options: inout ConnectionOptions) {
        // What browsers send, without a list's machinery.
        if value.equalsIgnoringCase("keep-alive") {
            options.insert(.keepAlive)
            return
        }
        var elements = ListElements()
        while let range = elements.next(of: value) {
            let element = value.extracting(range)
            switch element.count {
            case 5 where element.equalsIgnoringCase("close"): options.insert(.close)
            case 10 where element.equalsIgnoringCase("keep-alive"): options.insert(.keepAlive)
            case 7 where element.equalsIgnoringCase("upgrade"): options.insert(.upgrade)
            default: break
            }
        }
    }
}

extension RequestHead {
    /// Draws the conclusions from all fields together, at the head's last byte.
    @inline(__always) // Called from one place.
    mutating func finish(_ window: Span<UInt8>, options: ConnectionOptions) throws(RequestError) {
        if !has(.host) {
            if version == .http11 { throw .missingHost }
        } else if targetForm == .absolute || targetForm == .authority {
            try compareHosts(window)
        }
        keepsAlive = !options.contains(.close) && (version == .http11 || options.contains(.keepAlive))
        let hasBody = framing != .none && framing != .length(0)
        expectsContinue = hasBody && options.contains(.expectsContinue)
        wantsUpgrade = has(.upgrade) && options.contains(.upgrade) && version == .http11 && method == .get && !hasBody
    }
}

extension RequestHead {
    /// The Host field must agree with the target's authority.
    @inline(never) // Rare.
    fileprivate mutating func compareHosts(_ window: Span<UInt8>) throws(RequestError) {
        guard let host = firstIndex(of: .host) else { return }
        let received = field(at: host).value.bytes(in: window)
        guard received.equalsIgnoringCase(authority.bytes(in: window)) else { throw .hostMismatch }
    }
}

extension FieldName {
    fileprivate var bit: UInt64 { 1 &<< UInt64(rawValue) } // At most 63.
}
