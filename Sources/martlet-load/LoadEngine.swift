// Which engine carries the load, and the run on it.

import Martlet
import MartletEngine

enum LoadEngine {
    static func run(_ options: Options, _ plan: LoadPlan) throws -> LoadResult {
        // Beside each connection there is room for the socket that it had before.
        let socketsMax = 2 * plan.connections + 64
        var reason = "epoll"
        if options.engine != .epoll {
            do {
                let engine = try ring(socketsMax)
                let summary = engine.summary
                return try run(engine, summary, options, plan)
            } catch let error as RingUnavailable where options.engine == .auto {
                reason = "epoll (\(error))"
            }
        }
        var epoll = EpollOptions()
        epoll.socketsMax = socketsMax
        return try run(EpollEngine(epoll), reason, options, plan)
    }

    private static func ring(_ socketsMax: Int) throws -> RingEngine {
        var options = RingOptions()
        options.socketsMax = socketsMax
        options.receiveBufferBytes = 16_384
        return try RingEngine(options)
    }

    private static func run<E: Engine & ~Copyable>(
        _ engine: consuming E, _ summary: String, _ options: Options, _ plan: LoadPlan
    ) throws -> LoadResult {
        var generator = try LoadGenerator(engine: engine, plan: plan, requests: RequestBytes(options, plan.target))
        generator.run()
        return LoadResult(of: generator, engine: summary)
    }
}
