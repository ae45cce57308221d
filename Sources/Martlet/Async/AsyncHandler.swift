// Handlers written with async and await. They run on the core's own thread, on tasks that stand ready, so that a request starts none.

/// Answers requests with `async` code, on the core's thread: between two `await`s nothing else of the core runs, so what takes long belongs elsewhere.
public protocol AsyncHandler: SendableMetatype {
    /// Answers. The request is a copy and lives until this returns; a writer that is dropped answers 500.
    func respond(to request: borrowing AsyncRequest, with writer: consuming AsyncResponseWriter) async
}

/// Adapts an async handler to the contract: one value per core, as for every handler.
public struct AsyncResponder: Handler {
    private let pool: StandingTasks
    private let bodyBytesMax: Int?

    /// - Parameters:
    ///   - executor: of the core, from the closure that `Server.run` calls.
    ///   - bodyBytesMax: most bytes of a request body, which is collected whole; nil: the server's `wholeBodyBytesMax`.
    ///   - tasksMax: requests at once; more are answered 503.
    // Inlinable: the closure is made where the handler's type is known, so that its call is direct.
    @inlinable
    public init<H: AsyncHandler>(_ handler: H, on executor: CoreExecutor, bodyBytesMax: Int? = nil, tasksMax: Int = 1024) {
        self.init(executor: executor, bodyBytesMax: bodyBytesMax, tasksMax: tasksMax) { standing in
            await handler.respond(to: AsyncRequest(standing), with: AsyncResponseWriter(standing))
        }
    }

    @usableFromInline
    init(executor: CoreExecutor, bodyBytesMax: Int?, tasksMax: Int, body: @escaping (StandingTask) async -> Void) {
        pool = StandingTasks(executor: executor, tasksMax: tasksMax, body: body)
        self.bodyBytesMax = bodyBytesMax
    }

    public mutating func bodyHandling(for request: borrowing Request) -> BodyHandling? {
        bodyBytesMax.map { .whole(bytesMax: $0) }
    }

    public mutating func respond(to request: borrowing Request, with writer: consuming ResponseWriter) {
        guard let standing = pool.take() else {
            writer.field(.retryAfter, "1")
            return writer.send(.serviceUnavailable, body: "The server has too many requests in hand.\n")
        }
        standing.storage.copy(request)
        standing.begin(writer.keep())
    }

    public mutating func writable(_ exchange: Exchange) { pool.standing(exchange)?.resumeWriting(.open) }

    public mutating func ended(_ exchange: Exchange, reason: EndReason) { pool.standing(exchange)?.exchangeEnded() }
}
