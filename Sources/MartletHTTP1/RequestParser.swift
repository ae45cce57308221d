// The head of an HTTP/1.1 request: bytes in, offsets out.
//
// Owns: the order of the lines, where to go on when more bytes come, and which limit has run out. Never knows: where
// the bytes come from, what the head will be answered with.
// Invariants: the automaton runs strictly from left to right, so the verdict depends on the bytes and never on how
// they were cut. A fault of syntax or of a limit is raised by the first byte that makes it certain; a fault of meaning
// by the LF that ends its line; what concerns several fields by the LF that ends the head.
// A limit is enforced by not looking further: what would lie beyond is treated as not received yet, and running out of
// bytes at a limit is the limit's fault. So a limit cannot be missed when more than it allows arrives at once.

public import MartletHTTP

internal import MartletBytes

/// Parses the head of one request after the other. Trivial: 4 bytes, no memory of its own.
@frozen
public struct RequestParser: Sendable {
    /// Offset of the first line that is not complete.
    @usableFromInline var lineStart: UInt16 = 0
    @usableFromInline var phase = Phase.requestLine
    @usableFromInline var options = ConnectionOptions()

    @frozen @usableFromInline enum Phase: UInt8, Sendable {
        case requestLine
        case fields
    }

    @inlinable public init() {}

    /// Parses what has arrived of a head (RFC 9112 §2, §3, §5).
    ///
    /// Call it again with the same bytes and more (they may have moved) and the same `head` until it returns true;
    /// parsing goes on at the first incomplete line. After true the head occupies the first ``RequestHead/byteCount``
    /// bytes, the parser is ready for the next head, and what follows belongs to the body or the next request.
    ///
    /// - Parameter bytes: starts at the head's first byte.
    /// - Returns: whether the head is complete; false asks for more bytes.
    /// - Throws: the fault of the shortest faulty prefix. Answer and close; the parser must not be used again.
    public mutating func parse(
        _ bytes: Span<UInt8>, into head: inout RequestHead, limits: borrowing @_addressable Limits
    ) throws(RequestError) -> Bool {
        let window = bytes.extracting(first: limits.headBytesMax)
        if phase == .requestLine {
            guard try parseRequestLine(window, into: &head, limits: limits) else { return false }
        }
        return try parseFields(window, into: &head, limits: limits)
    }

    @inline(__always) // Called from one place.
    private mutating func parseRequestLine(
        _ window: Span<UInt8>, into head: inout RequestHead, limits: borrowing @_addressable Limits
    ) throws(RequestError) -> Bool {
        var start = Int(lineStart)
        if start == 0 {
            head.reset()
            options = ConnectionOptions()
        }
        if start < window.count, window[start] <= ASCII.carriageReturn {
            start = try skipEmptyLines(window, from: start, limits)
            // The LF of an empty line has not arrived.
            if start < window.count, window[start] == ASCII.carriageReturn { return try waitForMore(window, from: start, limits) }
        }
        let line = window.extracting(first: start + limits.requestLineBytesMax)
        if let end = try RequestLine.parse(line, at: start, into: &head) {
            lineStart = UInt16(end)
            phase = .fields
            return true
        }
        if line.count - start == limits.requestLineBytesMax { throw .requestLineTooLong }
        return try waitForMore(window, from: start, limits)
    }

    /// RFC 9112 §2.2: a server should ignore at least one empty line before the request line.
    ///
    /// - Returns: the index after the empty lines that are complete.
    @inline(never) // Rare.
    private func skipEmptyLines(
        _ window: Span<UInt8>, from first: Int, _ limits: borrowing @_addressable Limits
    ) throws(RequestError) -> Int {
        var start = first
        while start < window.count, window[start] == ASCII.carriageReturn || window[start] == ASCII.lineFeed {
            guard start < 2 * limits.leadingEmptyLinesMax else { throw .tooManyEmptyLines }
            guard let next = try lineEnd(window, at: start) else { break }
            start = next
        }
        return start
    }

    @inline(__always) // Called from one place.
    private mutating func parseFields(
        _ window: Span<UInt8>, into head: inout RequestHead, limits: borrowing @_addressable Limits
    ) throws(RequestError) -> Bool {
        var start = Int(lineStart)
        while start < window.count {
            if window[start] == ASCII.carriageReturn {
                guard let end = try lineEnd(window, at: start) else { break }
                head.byteCount = end
                try head.finish(window, options: options)
                self = RequestParser()
                return true
            }
            guard head.fieldCount < limits.fieldCountMax else { throw .tooManyFields }
            guard let line = try FieldLine.parse(window, at: start, first: head.fieldCount == 0) else { break }
            if FieldMeaning.concerns(line.field.token) {
                try FieldMeaning.apply(line.field, of: window, to: &head, options: &options, bodyBytesMax: limits.bodyBytesMax)
            }
            head.append(line.field)
            start = line.end
        }
        return try waitForMore(window, from: start, limits)
    }

    /// Remembers the line to go on with; if the window ends where the limit on the head is, there is no going on.
    @inline(never) // Rare: a head in pieces.
    private mutating func waitForMore(
        _ window: Span<UInt8>, from start: Int, _ limits: borrowing @_addressable Limits
    ) throws(RequestError) -> Bool {
        guard window.count < limits.headBytesMax else { throw .headTooLarge }
        lineStart = UInt16(start)
        return false
    }
}

extension RequestHead {
    /// Forgets everything but the rows, which a count of zero makes meaningless.
    @inline(__always) // A dozen stores.
    fileprivate mutating func reset() {
        byteCount = 0
        method = .other
        version = .http11
        targetForm = .origin
        framing = .none
        keepsAlive = false
        expectsContinue = false
        wantsUpgrade = false
        hasQuery = false
        methodRange = .empty
        target = .empty
        path = .empty
        query = .empty
        authority = .empty
        fieldCount = 0
        present = 0
    }
}
