// Whole responses out of a stream of bytes: heads, bodies, interim responses skipped; one after the other.
//
// Owns: where in a response the stream stands. Never knows: where the bytes come from, how many answers are awaited.
// Invariant: the verdict depends on the bytes and never on how they were cut.

public import MartletHTTP

/// What ``ResponseReader`` found next.
@frozen
public enum ResponseStep: Hashable, Sendable {
    /// The bytes up to `consumed` are done with; present the others again, with more behind them. Only the bytes of a
    /// head that is not whole are ever left over.
    case needMore(consumed: Int)
    /// These indices of the given bytes are body; `consumed` bytes are done with. Call again with what follows them.
    case data(Range<Int>, consumed: Int)
    /// The response ended; what follows the consumed bytes belongs to the next one.
    case end(consumed: Int)
}

/// Reads the responses of one connection. Trivial: no memory of its own.
public struct ResponseReader: Sendable, BitwiseCopyable {
    /// Interim responses that are skipped before a final one.
    public static var interimCountMax: Int { 32 }

    /// Of the response in hand, or of the last one; filled in when its head is whole.
    public private(set) var head = ResponseHead()
    /// Bytes of its body so far, chunked decoding done.
    public private(set) var bodyByteCount: UInt64 = 0

    private var parser = ResponseHeadParser()
    private var interimCount: UInt8 = 0
    private var place = Place.head

    private enum Place: BitwiseCopyable {
        case head
        /// So many bytes of the body are to come.
        case length(UInt64)
        case chunked(ChunkedDecoder)
        case untilClose
    }

    public init() {}

    /// Whether the head of the response in hand is known.
    public var isInBody: Bool {
        switch place {
        case .head: false
        case .length, .chunked, .untilClose: true
        }
    }

    /// Reads on.
    ///
    /// - Parameters:
    ///   - bytes: what follows the bytes that earlier steps consumed. May be empty.
    ///   - method: of the request that this response answers.
    /// - Throws: the fault of the shortest faulty prefix. Close; the reader must not be used again.
    public mutating func next(
        _ bytes: Span<UInt8>, answering method: Method, limits: borrowing Limits
    ) throws(ResponseError) -> ResponseStep {
        var start = 0
        if !isInBody {
            repeat {
                let rest = bytes.extracting(start..<bytes.count)
                guard try parser.parse(rest, into: &head, answering: method, limits: limits) else { return .needMore(consumed: start) }
                start += head.byteCount
            } while try skipsInterim()
            begin()
        }
        return try readBody(bytes, from: start, limits: limits)
    }

    /// The server closed its side: whether that is the end of a body that has no other.
    public mutating func endOfInput() -> Bool {
        guard case .untilClose = place else { return false }
        place = .head
        return true
    }

    private mutating func skipsInterim() throws(ResponseError) -> Bool {
        guard head.status.isInformational else { return false }
        if head.status == .switchingProtocols { throw .unexpectedUpgrade }
        guard interimCount < Self.interimCountMax else { throw .tooManyInterimResponses }
        interimCount += 1
        return true
    }

    private mutating func begin() {
        interimCount = 0
        bodyByteCount = 0
        place =
            switch head.delimiter {
            case .none: .length(0)
            case .length(let count): .length(count)
            case .chunked: .chunked(ChunkedDecoder())
            case .untilClose: .untilClose
            }
    }

    private mutating func readBody(_ bytes: Span<UInt8>, from start: Int, limits: borrowing Limits) throws(ResponseError) -> ResponseStep {
        switch place {
        case .head:
            preconditionFailure("a body is read after its head")
        case .length(0):
            place = .head
            return .end(consumed: start)
        case .length(let left):
            guard start < bytes.count else { return .needMore(consumed: start) }
            let count = Int(min(UInt64(bytes.count - start), left))
            place = .length(left - UInt64(count))
            return data(start..<start + count)
        case .untilClose:
            guard start < bytes.count else { return .needMore(consumed: start) }
            return data(start..<bytes.count)
        case .chunked(var decoder):
            let step = try Self.chunk(bytes.extracting(start..<bytes.count), &decoder, limits)
            place = .chunked(decoder)
            switch step {
            case .needMore(let consumed):
                return .needMore(consumed: start + consumed)
            case .data(let range, let consumed):
                bodyByteCount += UInt64(range.count)
                return .data(start + range.lowerBound..<start + range.upperBound, consumed: start + consumed)
            case .end(let consumed):
                place = .head
                return .end(consumed: start + consumed)
            }
        }
    }

    private mutating func data(_ range: Range<Int>) -> ResponseStep {
        bodyByteCount += UInt64(range.count)
        return .data(range, consumed: range.upperBound)
    }

    private static func chunk(_ bytes: Span<UInt8>, _ decoder: inout ChunkedDecoder, _ limits: borrowing Limits) throws(ResponseError) -> ChunkedStep {
        do throws(RequestError) {
            return try decoder.next(bytes, limits: limits)
        } catch {
            throw .malformed(error)
        }
    }
}
