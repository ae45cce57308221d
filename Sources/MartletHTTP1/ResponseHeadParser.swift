// The head of an HTTP/1.1 response: bytes in, facts out; the mirror of RequestParser, for clients.
//
// Owns: the order of the lines, where to go on when more bytes come, what single fields say about the message.
// Never knows: where the bytes come from, what the body holds.
// Invariant: runs strictly from left to right, so the verdict depends on the bytes and never on how they were cut.
// Where two readers could disagree about where the message ends, it refuses.

public import MartletHTTP

internal import MartletBytes

/// Parses the head of one response after the other. Trivial: 8 bytes, no memory of its own.
public struct ResponseHeadParser: Sendable, BitwiseCopyable {
    /// Offset of the first line that is not complete.
    private var lineStart: UInt16 = 0
    private var fieldCount: UInt16 = 0
    private var phase = Phase.statusLine
    private var options = ConnectionOptions()
    private var seen = Seen()

    private enum Phase: UInt8 {
        case statusLine
        case fields
    }

    private struct Seen: OptionSet {
        let rawValue: UInt8
        static let contentLength = Seen(rawValue: 1)
        static let transferEncoding = Seen(rawValue: 2)
    }

    public init() {}

    /// Parses what has arrived of a head (RFC 9112 §4, §5, §6.3).
    ///
    /// Call it again with the same bytes and more (they may have moved) and the same `head` until it returns true;
    /// parsing goes on at the first incomplete line. After true the head occupies the first ``ResponseHead/byteCount``
    /// bytes and the parser is ready for the next head.
    ///
    /// - Parameters:
    ///   - bytes: starts at the head's first byte.
    ///   - method: of the request that is answered.
    /// - Returns: whether the head is complete; false asks for more bytes.
    /// - Throws: the fault of the shortest faulty prefix. Close; the parser must not be used again.
    public mutating func parse(
        _ bytes: Span<UInt8>, into head: inout ResponseHead, answering method: Method, limits: borrowing Limits
    ) throws(ResponseError) -> Bool {
        let window = bytes.extracting(first: limits.headBytesMax)
        if phase == .statusLine {
            guard let end = try StatusLine.parse(window, into: &head) else { return try waitForMore(window, from: 0, limits) }
            head.delimiter = .untilClose
            lineStart = UInt16(end)
            phase = .fields
        }
        guard let end = try parseFields(window, into: &head, limits: limits) else { return false }
        head.byteCount = end
        try finish(&head, answering: method)
        self = ResponseHeadParser()
        return true
    }

    /// - Returns: the index after the head's blank line, or nil when it is not there yet.
    private mutating func parseFields(
        _ window: Span<UInt8>, into head: inout ResponseHead, limits: borrowing Limits
    ) throws(ResponseError) -> Int? {
        var start = Int(lineStart)
        while true {
            switch try Self.line(window, at: start, first: fieldCount == 0) {
            case .incomplete:
                _ = try waitForMore(window, from: start, limits)
                return nil
            case .blank(let end):
                return end
            case .field(let line):
                guard fieldCount < limits.fieldCountMax else { throw .malformed(.tooManyFields) }
                fieldCount += 1
                try take(line.field, of: window, into: &head)
                start = line.end
            }
        }
    }

    private enum Line {
        case incomplete
        case blank(end: Int)
        case field(FieldLine)
    }

    private static func line(_ window: Span<UInt8>, at start: Int, first: Bool) throws(ResponseError) -> Line {
        guard start < window.count else { return .incomplete }
        do throws(RequestError) {
            if window[start] == ASCII.carriageReturn {
                guard let end = try lineEnd(window, at: start) else { return .incomplete }
                return .blank(end: end)
            }
            guard let line = try FieldLine.parse(window, at: start, first: first) else { return .incomplete }
            return .field(line)
        } catch {
            throw .malformed(error)
        }
    }

    private mutating func take(_ field: Field, of window: Span<UInt8>, into head: inout ResponseHead) throws(ResponseError) {
        let value = field.value.bytes(in: window)
        switch field.knownName {
        case .connection:
            FieldMeaning.addConnectionOptions(value, to: &options)
        case .contentLength:
            guard seen.insert(.contentLength).inserted else { throw .duplicateContentLength }
            guard let length = value.decimal() else { throw .invalidContentLength }
            head.delimiter = .length(length)
        case .transferEncoding:
            guard seen.insert(.transferEncoding).inserted else { throw .duplicateTransferEncoding }
            guard value.equalsIgnoringCase("chunked") else { throw .unsupportedTransferEncoding }
            head.delimiter = .chunked
        default:
            return
        }
    }

    /// Draws the conclusions from all fields together, at the head's last byte.
    private func finish(_ head: inout ResponseHead, answering method: Method) throws(ResponseError) {
        if seen == [.contentLength, .transferEncoding] { throw .conflictingFraming }
        if head.version == .http10, seen.contains(.transferEncoding) { throw .transferEncodingInHTTP10 }
        let status = head.status
        if method == .head || status.isInformational || status == .noContent || status == .notModified { head.delimiter = .none }
        head.keepsAlive = !options.contains(.close) && (head.version == .http11 || options.contains(.keepAlive))
        // A tunnel follows, not another response.
        if method == .connect, status.isSuccessful { head.delimiter = .untilClose }
        if head.delimiter == .untilClose { head.keepsAlive = false }
    }

    /// Remembers the line to go on with; if the window ends where the limit on the head is, there is no going on.
    private mutating func waitForMore(_ window: Span<UInt8>, from start: Int, _ limits: borrowing Limits) throws(ResponseError) -> Bool {
        guard window.count < limits.headBytesMax else { throw .malformed(.headTooLarge) }
        lineStart = UInt16(start)
        return false
    }
}
