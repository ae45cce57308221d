// A request as an async handler sees it: a copy that lives until the handler returns.

internal import MartletEngine
public import MartletHTTP

/// A copy of one request: its head, and its body whole or in pieces.
public struct AsyncRequest: ~Copyable {
    private let standing: StandingTask
    private let exchange: Exchange

    // Never inlined: where the value is lent at once the optimizer crashes on its parts (Swift 6.3).
    @inline(never) @usableFromInline init(_ standing: StandingTask, _ exchange: Exchange) {
        self.standing = standing
        self.exchange = exchange
    }

    public var method: Method { standing.storage.head.method }
    public var version: Version { standing.storage.head.version }
    public var target: [UInt8] { bytes(standing.storage.head.target) }
    /// The path, still percent-encoded.
    public var path: [UInt8] { bytes(standing.storage.head.path) }
    public var query: [UInt8] { bytes(standing.storage.head.query) }
    /// What the head says of the body: none, a length, or chunks.
    public var framing: BodyFraming { standing.storage.head.framing }

    /// How many bytes the body has; nil when only its end will tell.
    public var bodyLength: UInt64? {
        switch framing {
        case .none: 0
        case .length(let length): length
        case .chunked: nil
        }
    }

    /// Compares the path without copying it.
    public func pathIs(_ text: StaticString) -> Bool {
        let range = standing.storage.head.path
        guard Int(range.count) == text.utf8CodeUnitCount else { return false }
        let literal = unsafe UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        return unsafe standing.storage.bytes[range.range].elementsEqual(literal)
    }

    /// The value of the first field of that name; nil without one.
    public func field(_ name: FieldName) -> [UInt8]? {
        guard let index = standing.storage.head.firstIndex(of: name) else { return nil }
        return bytes(standing.storage.head.field(at: index).value)
    }

    /// The body in pieces, as they come when the handler chose `.streamed`; a body that came whole is one piece.
    public var body: AsyncBody { AsyncBody(standing, exchange) }

    /// The whole body; empty when there is none or when it is streamed.
    public var wholeBody: Span<UInt8> {
        // Safe: the copy is changed only when the task has its next request.
        @_lifetime(borrow self) get { unsafe _overrideLifetime(standing.storage.wholeBody, borrowing: self) }
    }

    private func bytes(_ range: ByteRange) -> [UInt8] { Array(standing.storage.bytes[range.range]) }
}
