// The answer of an async handler: whole, or in pieces that wait for the client.

public import MartletHTTP

/// The answer of an async handler; dropping it answers 500.
public struct AsyncResponseWriter: ~Copyable {
    private let standing: StandingTask
    private let exchange: Exchange
    private var isAnswered = false

    // Never inlined: where the value is lent at once the optimizer crashes on its parts (Swift 6.3).
    @inline(never) @usableFromInline init(_ standing: StandingTask, _ exchange: Exchange) {
        self.standing = standing
        self.exchange = exchange
    }

    /// Sends a whole answer.
    public consuming func send(_ status: Status = .ok, contentType: StaticString? = nil, body: Span<UInt8>) {
        let bytes = unsafe body.withUnsafeBytes { unsafe $0 }
        exchange.withWriter { (writer: consuming ResponseWriter) in
            if let contentType { writer.field(.contentType, contentType) }
            writer.send(status, body: unsafe Span(_unsafeBytes: bytes))
        }
        isAnswered = true
    }

    /// Sends a literal.
    public consuming func send(_ status: Status = .ok, contentType: StaticString? = nil, body: StaticString) {
        exchange.withWriter { (writer: consuming ResponseWriter) in
            if let contentType { writer.field(.contentType, contentType) }
            writer.send(status, body: body)
        }
        isAnswered = true
    }

    /// Sends the head; the body comes in pieces.
    ///
    /// - Parameter length: of the body in bytes, if it is known; else it goes out in chunks.
    public consuming func stream(_ status: Status = .ok, contentType: StaticString? = nil, length: UInt64? = nil) -> AsyncBodyWriter {
        exchange.withWriter { (writer: consuming ResponseWriter) in
            if let contentType { writer.field(.contentType, contentType) }
            _ = writer.stream(status, length: length)
        }
        isAnswered = true
        return AsyncBodyWriter(standing, exchange)
    }

    deinit {
        // Dropped in turn, so that the core counts and answers it as every request without an answer.
        if !isAnswered { exchange.withWriter { (writer: consuming ResponseWriter) in _ = consume writer } }
    }
}

/// The pieces of a streamed answer. Dropping it before `finish` cuts the connection, so that the truncation is seen.
public struct AsyncBodyWriter: ~Copyable {
    private let standing: StandingTask
    private let exchange: Exchange
    private var isFinished = false

    init(_ standing: StandingTask, _ exchange: Exchange) {
        self.standing = standing
        self.exchange = exchange
    }

    /// Sends a piece (copied) and waits while the connection's output is above its high-water mark.
    ///
    /// - Throws: when the exchange is over, above all because the client has left.
    public func write(_ bytes: Span<UInt8>) async throws(ExchangeEnded) {
        try await standing.written(exchange.write(bytes), to: exchange)
    }

    /// Sends a piece, as ``write(_:)-(Span<UInt8>)``.
    public func write(_ bytes: [UInt8]) async throws(ExchangeEnded) { try await write(bytes.span) }

    /// Ends the answer. One that is shorter than its promised length cuts the connection, so that the client sees it.
    public consuming func finish() {
        exchange.finish()
        isFinished = true
    }

    deinit { if !isFinished { exchange.abort() } }
}
