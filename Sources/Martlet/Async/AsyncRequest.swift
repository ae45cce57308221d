// A request as an async handler sees it: a copy that lives until the handler returns.

internal import MartletEngine
public import MartletHTTP

/// A copy of one request, head and whole body.
public struct AsyncRequest: ~Copyable {
    private let standing: StandingTask

    @usableFromInline init(_ standing: StandingTask) { self.standing = standing }

    public var method: Method { standing.storage.head.method }
    public var version: Version { standing.storage.head.version }
    public var target: [UInt8] { bytes(standing.storage.head.target) }
    /// The path, still percent-encoded.
    public var path: [UInt8] { bytes(standing.storage.head.path) }
    public var query: [UInt8] { bytes(standing.storage.head.query) }

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

    /// Lends the whole body.
    public func withBody<Result>(_ body: (Span<UInt8>) throws -> Result) rethrows -> Result {
        let head = standing.storage.head.byteCount
        let bytes = standing.storage.bytes
        return try body(bytes.span.extracting(head..<bytes.count))
    }

    private func bytes(_ range: ByteRange) -> [UInt8] { Array(standing.storage.bytes[range.range]) }
}

/// The answer of an async handler; dropping it answers 500.
public struct AsyncResponseWriter: ~Copyable {
    private let standing: StandingTask
    private let exchange: Exchange?
    private var isAnswered = false

    @usableFromInline init(_ standing: StandingTask) {
        self.standing = standing
        exchange = standing.exchange
    }

    /// Sends a whole answer.
    public consuming func send(_ status: Status = .ok, contentType: StaticString? = nil, body: Span<UInt8>) {
        let bytes = unsafe body.withUnsafeBytes { unsafe $0 }
        exchange?.withWriter { (writer: consuming ResponseWriter) in
            if let contentType { writer.field(.contentType, contentType) }
            writer.send(status, body: unsafe Span(_unsafeBytes: bytes))
        }
        isAnswered = true
    }

    /// Sends a literal.
    public consuming func send(_ status: Status = .ok, contentType: StaticString? = nil, body: StaticString) {
        exchange?.withWriter { (writer: consuming ResponseWriter) in
            if let contentType { writer.field(.contentType, contentType) }
            writer.send(status, body: body)
        }
        isAnswered = true
    }

    /// Sends the head; the body comes in pieces.
    public consuming func stream(_ status: Status = .ok, contentType: StaticString? = nil, length: UInt64? = nil) -> AsyncBodyWriter {
        exchange?.withWriter { (writer: consuming ResponseWriter) in
            if let contentType { writer.field(.contentType, contentType) }
            _ = writer.stream(status, length: length)
        }
        isAnswered = true
        return AsyncBodyWriter(standing, exchange)
    }

    deinit {
        if isAnswered { return }
        exchange?.withWriter { (writer: consuming ResponseWriter) in
            writer.send(.internalServerError, body: "The application did not answer.\n")
        }
    }
}

/// The pieces of a streamed answer. Dropping it before `finish` cuts the connection, so that the truncation is seen.
public struct AsyncBodyWriter: ~Copyable {
    private let standing: StandingTask
    private let exchange: Exchange?
    private var isFinished = false

    init(_ standing: StandingTask, _ exchange: Exchange?) {
        self.standing = standing
        self.exchange = exchange
    }

    /// Sends a piece (copied) and waits while the output is above its high-water mark. False: the peer has left.
    public func write(_ bytes: [UInt8]) async -> Bool {
        switch exchange?.write(bytes.span) ?? .gone {
        case .open: true
        case .gone: false
        case .full: await standing.waitForRoom() != .gone
        }
    }

    /// Ends the answer.
    public consuming func finish() {
        exchange?.finish()
        isFinished = true
    }

    deinit { if !isFinished { exchange?.abort() } }
}
