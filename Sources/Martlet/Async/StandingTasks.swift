// The standing tasks of one core: which are free, and which has which exchange in hand.

internal import MartletEngine

/// Made as they are needed, up to a bound, and kept.
final class StandingTasks {
    let executor: CoreExecutor
    private let tasksMax: Int
    private let respond: (StandingTask, Exchange) async throws -> Void
    private var count = 0
    private var free: [StandingTask] = []
    /// By the exchange's slot, because each has one exchange at a time; as long as the highest slot that was seen.
    private var busy: [StandingTask?] = []
    /// The handler is gone: tasks end instead of waiting.
    private(set) var isClosed = false

    init(executor: CoreExecutor, tasksMax: Int, respond: @escaping (StandingTask, Exchange) async throws -> Void) {
        self.executor = executor
        self.tasksMax = tasksMax
        self.respond = respond
    }

    /// Nil when all are busy.
    func take() -> StandingTask? {
        if let standing = free.popLast() { return standing }
        guard count < tasksMax else { return nil }
        count += 1
        let standing = StandingTask(self)
        standing.start(on: executor, respond)
        return standing
    }

    func begin(_ standing: StandingTask, _ exchange: Exchange, _ body: IncomingBody) {
        let slot = Int(exchange.slot)
        while busy.count <= slot { busy.append(nil) }
        busy[slot] = standing
        standing.begin(exchange, body)
    }

    /// Who has this exchange in hand.
    func standing(_ exchange: Exchange) -> StandingTask? {
        let slot = Int(exchange.slot)
        guard slot < busy.count, let standing = busy[slot], standing.exchange == exchange else { return nil }
        return standing
    }

    /// From the task itself, when it has done with the exchange.
    func giveBack(_ standing: StandingTask, of exchange: Exchange, standsReady: Bool) {
        // The slot may have its next request already, with another task.
        if busy[Int(exchange.slot)] === standing { busy[Int(exchange.slot)] = nil }
        if standsReady { free.append(standing) } else { count -= 1 }
    }

    func close() {
        isClosed = true
        for standing in free { standing.end() }
        for standing in busy { standing?.end() }
        free = []
    }
}

/// The tasks know the table and the table knows the tasks: they end with the responder that holds this.
final class StandingTasksLifetime {
    private let tasks: StandingTasks

    init(_ tasks: StandingTasks) { self.tasks = tasks }

    deinit { tasks.close() }
}
