// Handlers written with async and await. They run on the core's own thread, on tasks that stand ready, so that a request starts none.

internal import MartletHTTP

/// Answers requests with `async` code, on the core's thread: between two `await`s nothing else of the core runs, so what takes long belongs elsewhere.
///
/// When the client leaves, or a deadline ends the request, the handler's task is cancelled and what waits for the exchange throws ``ExchangeEnded``.
public protocol AsyncHandler: SendableMetatype {
    /// How the body of this request should come; asked only for requests that have one. Default (nil): whole, up to the responder's `bodyBytesMax`.
    func bodyHandling(for request: borrowing Request) -> BodyHandling?

    /// Answers. The request is a copy; neither it nor the writer may outlive the call. A writer that is dropped, as by an error, answers 500.
    ///
    /// - Throws: what went wrong in the application, which is logged. What follows from the exchange's end is not.
    func respond(to request: borrowing AsyncRequest, with writer: consuming AsyncResponseWriter) async throws
}

extension AsyncHandler {
    public func bodyHandling(for request: borrowing Request) -> BodyHandling? { nil }
}

/// Adapts an async handler to the contract: one value per core, as for every handler. A handler that answers some requests itself passes the calls
/// for the others on; ``answers(_:)`` tells them apart.
public struct AsyncResponder: Handler {
    private let tasks: StandingTasks
    private let lifetime: StandingTasksLifetime
    private let bodyBytesMax: Int?
    private let choice: (borrowing Request) -> BodyHandling?

    /// - Parameters:
    ///   - executor: of the core, from the closure that `Server.run` calls.
    ///   - bodyBytesMax: most bytes of a request body that is collected whole; nil: the server's `wholeBodyBytesMax`.
    ///   - tasksMax: requests at once; more are answered 503.
    // Inlinable: the closures are made where the handler's type is known, so that their calls are direct.
    @inlinable
    public init<H: AsyncHandler>(_ handler: H, on executor: CoreExecutor, bodyBytesMax: Int? = nil, tasksMax: Int = 1024) {
        self.init(executor: executor, bodyBytesMax: bodyBytesMax, tasksMax: tasksMax) { request in
            handler.bodyHandling(for: request)
        } respond: { standing, exchange in
            try await handler.respond(to: AsyncRequest(standing, exchange), with: AsyncResponseWriter(standing, exchange))
        }
    }

    @usableFromInline
    init(
        executor: CoreExecutor, bodyBytesMax: Int?, tasksMax: Int, choice: @escaping (borrowing Request) -> BodyHandling?,
        respond: @escaping (StandingTask, Exchange) async throws -> Void
    ) {
        tasks = StandingTasks(executor: executor, tasksMax: tasksMax, respond: respond)
        lifetime = StandingTasksLifetime(tasks)
        self.bodyBytesMax = bodyBytesMax
        self.choice = choice
    }

    /// Whether one of its tasks has this exchange in hand.
    public func answers(_ exchange: Exchange) -> Bool { tasks.standing(exchange) != nil }

    public mutating func bodyHandling(for request: borrowing Request) -> BodyHandling? {
        choice(request) ?? bodyBytesMax.map { .whole(bytesMax: $0) }
    }

    public mutating func respond(to request: borrowing Request, with writer: consuming ResponseWriter) {
        guard let standing = tasks.take() else {
            writer.field(.retryAfter, "1")
            return writer.send(.serviceUnavailable, body: "The server has too many requests in hand.\n")
        }
        standing.storage.copy(request)
        let body = IncomingBody(of: request)
        let exchange = writer.keep()
        // The client is asked for its body when the handler first reads.
        if body.isPaused { exchange.pauseReading() }
        tasks.begin(standing, exchange, body)
    }

    public mutating func received(_ chunk: Span<UInt8>, of exchange: Exchange, last: Bool) {
        tasks.standing(exchange)?.received(chunk, of: exchange, last: last)
    }

    public mutating func writable(_ exchange: Exchange) { tasks.standing(exchange)?.roomCame() }

    public mutating func ended(_ exchange: Exchange, reason: EndReason) { tasks.standing(exchange)?.exchangeEnded(reason) }
}
