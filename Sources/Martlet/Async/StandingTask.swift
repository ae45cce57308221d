// Tasks that stand ready: each answers one request after another, so that none is made for a request.
//
// Everything here happens on one core's thread: the tasks prefer its executor, and the handler's calls come from its loop.

internal import MartletEngine
internal import MartletHTTP

/// One task and the request that it answers now.
@safe @usableFromInline final class StandingTask: @unchecked Sendable {
    var storage = RequestStorage()
    private(set) var exchange: Exchange?
    private var waitsForRequest: UnsafeContinuation<Void, Never>?
    private var waitsForRoom: UnsafeContinuation<WriteResult, Never>?
    private unowned let pool: StandingTasks

    init(_ pool: StandingTasks) { self.pool = pool }

    func begin(_ exchange: Exchange) {
        self.exchange = exchange
        let waiting = unsafe waitsForRequest
        unsafe waitsForRequest = nil
        unsafe waiting?.resume()
    }

    /// The task's life: wait for a request, answer it, stand ready again.
    func live(_ body: (StandingTask) async -> Void) async {
        while true {
            if exchange == nil { await unsafe withUnsafeContinuation { unsafe waitsForRequest = $0 } }
            await body(self)
            exchange = nil
            pool.giveBack(self)
        }
    }

    /// Waits until the output has drained, or the exchange is over.
    func waitForRoom() async -> WriteResult {
        guard let exchange, exchange.isLive else { return .gone }
        return await unsafe withUnsafeContinuation { unsafe waitsForRoom = $0 }
    }

    func resumeWriting(_ result: WriteResult) {
        let waiting = unsafe waitsForRoom
        unsafe waitsForRoom = nil
        unsafe waiting?.resume(returning: result)
    }

    func exchangeEnded() { resumeWriting(.gone) }
}

/// The tasks of one core: made as they are needed, up to a bound, and kept.
final class StandingTasks: @unchecked Sendable {
    private let executor: CoreExecutor
    private let tasksMax: Int
    private let body: (StandingTask) async -> Void
    private var all: [StandingTask] = []
    private var free: [StandingTask] = []

    init(executor: CoreExecutor, tasksMax: Int, body: @escaping (StandingTask) async -> Void) {
        self.executor = executor
        self.tasksMax = tasksMax
        self.body = body
    }

    func take() -> StandingTask? {
        if let standing = free.popLast() { return standing }
        guard all.count < tasksMax else { return nil }
        let standing = StandingTask(self)
        all.append(standing)
        // Both live on this core's thread only; the compiler cannot see that.
        let captured = UncheckedCapture(standing, body)
        Task.detached(executorPreference: executor) { await captured.standing.live(captured.body) }
        return standing
    }

    func giveBack(_ standing: StandingTask) { free.append(standing) }

    /// The task that answers an exchange. Few are waiting at a time for the answers that need it (streams): a walk is enough.
    func standing(_ exchange: Exchange) -> StandingTask? { all.first { $0.exchange == exchange } }
}

private struct UncheckedCapture: @unchecked Sendable {
    let standing: StandingTask
    let body: (StandingTask) async -> Void
    init(_ standing: StandingTask, _ body: @escaping (StandingTask) async -> Void) {
        self.standing = standing
        self.body = body
    }
}
