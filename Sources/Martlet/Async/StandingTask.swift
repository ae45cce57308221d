// One task that stands ready: it answers one request after another, so that none is made for a request.
//
// Everything here happens on one core's thread: the task prefers its executor, and the handler's calls come from its loop. A task that was cancelled
// stays cancelled, so it ends with its request.

internal import MartletEngine
internal import MartletHTTP

/// A task, the request that it answers now, and what it waits for.
@safe @usableFromInline final class StandingTask: @unchecked Sendable {
    var storage = RequestStorage()
    private(set) var exchange: Exchange?
    private var body: IncomingBody?
    /// The connection's output is above its high-water mark.
    private var isFull = false
    private var endReason: EndReason?
    private var task: Task<Void, Never>?
    private let tasks: StandingTasks
    private var waitsForRequest: Waiting?
    private var waitsForPiece: Waiting?
    private var waitsForRoom: Waiting?

    private typealias Waiting = UnsafeContinuation<Void, Never>

    init(_ tasks: StandingTasks) { self.tasks = tasks }

    /// Made before its first request, so that it can be cancelled in it.
    func start(on executor: CoreExecutor, _ respond: @escaping (StandingTask, Exchange) async throws -> Void) {
        // Both live on this core's thread only; the compiler cannot see that.
        let captured = UncheckedCapture(self, respond)
        task = Task.detached(executorPreference: executor) { await captured.standing.live(captured.respond) }
    }

    func begin(_ exchange: Exchange, _ body: IncomingBody) {
        self.exchange = exchange
        self.body = body
        unsafe resume(&waitsForRequest)
    }

    /// No request comes any more.
    func end() {
        if exchange == nil { unsafe resume(&waitsForRequest) } else { exchangeEnded(.cut) }
    }

    /// The task's life: wait for a request, answer it, stand ready again.
    private func live(_ respond: (StandingTask, Exchange) async throws -> Void) async {
        while true {
            if exchange == nil, !tasks.isClosed { await unsafe withUnsafeContinuation { unsafe waitsForRequest = $0 } }
            guard let exchange else { return }
            do {
                try await respond(self, exchange)
            } catch {
                if !(error is ExchangeEnded), !Task.isCancelled { tasks.executor.log("an async handler failed: \(error)") }
            }
            self.exchange = nil
            body = nil
            isFull = false
            endReason = nil
            let standsReady = !Task.isCancelled
            tasks.giveBack(self, of: exchange, standsReady: standsReady)
            if !standsReady { return }
        }
    }

    // MARK: What the handler waits for

    func nextPiece(of exchange: Exchange) async throws(ExchangeEnded) -> [UInt8]? {
        while true {
            guard self.exchange == exchange else { throw ExchangeEnded(reason: .complete) }
            let piece = body?.take(storage)
            if body?.isWhole != true, body?.isPaused == true {
                body?.isPaused = false
                exchange.resumeReading()
            }
            if let piece { return piece }
            if body?.isWhole == true { return nil }
            if let endReason { throw ExchangeEnded(reason: endReason) }
            precondition(unsafe waitsForPiece == nil, "one task reads a request's body at a time")
            await unsafe withUnsafeContinuation { unsafe waitsForPiece = $0 }
        }
    }

    /// Goes on after a write, when there is room again.
    func written(_ result: WriteResult, to exchange: Exchange) async throws(ExchangeEnded) {
        guard self.exchange == exchange else { throw ExchangeEnded(reason: .complete) }
        switch result {
        case .open: return
        case .gone: throw ExchangeEnded(reason: endReason ?? .cut)
        case .full: isFull = true
        }
        while isFull {
            if let endReason { throw ExchangeEnded(reason: endReason) }
            precondition(unsafe waitsForRoom == nil, "one task writes an answer at a time")
            await unsafe withUnsafeContinuation { unsafe waitsForRoom = $0 }
            guard self.exchange == exchange else { throw ExchangeEnded(reason: .complete) }
        }
    }

    // MARK: What the core says

    func received(_ chunk: Span<UInt8>, of exchange: Exchange, last: Bool) {
        if body?.append(chunk, last: last) == true {
            body?.isPaused = true
            exchange.pauseReading()
        }
        unsafe resume(&waitsForPiece)
    }

    func roomCame() {
        isFull = false
        unsafe resume(&waitsForRoom)
    }

    /// Called once for each exchange; the handler may still be at work. Cancelled unless it has done its part.
    func exchangeEnded(_ reason: EndReason) {
        endReason = reason
        if reason != .complete { task?.cancel() }
        unsafe resume(&waitsForPiece)
        unsafe resume(&waitsForRoom)
    }

    private func resume(_ place: inout Waiting?) {
        let waiting = unsafe place
        unsafe place = nil
        unsafe waiting?.resume()
    }
}

private struct UncheckedCapture: @unchecked Sendable {
    let standing: StandingTask
    let respond: (StandingTask, Exchange) async throws -> Void
    init(_ standing: StandingTask, _ respond: @escaping (StandingTask, Exchange) async throws -> Void) {
        self.standing = standing
        self.respond = respond
    }
}
