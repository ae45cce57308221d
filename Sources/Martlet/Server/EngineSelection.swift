// Which engine runs, and why: tried on this machine, never guessed from its version.

internal import MartletEngine

enum SelectedEngine: Sendable {
    case ring
    case epoll
}

enum EngineSelection {
    /// Makes as many rings as there are cores, all at once: limits bite on the last one. They are gone again before the server starts.
    static func choose(_ configuration: Configuration, coreCount: Int) throws(ServerError) -> (SelectedEngine, String) {
        if configuration.engine == .epoll { return (.epoll, "engine: epoll (asked for)") }
        do {
            let summary = try trial(configuration.ring, coreCount)
            return (.ring, reason(summary, configuration.engine))
        } catch {
            if configuration.engine == .uring { throw .engineUnavailable("\(error)") }
            return (.epoll, "engine: epoll (\(error))")
        }
    }

    /// One line for the log, of a ring that works.
    static func reason(_ summary: String, _ choice: EngineChoice) -> String {
        "engine: \(summary) (\(choice == .auto ? "it works here" : "asked for"))"
    }

    /// Recursion keeps each ring alive while the next is tried.
    private static func trial(_ options: RingOptions, _ count: Int) throws -> String {
        // The sizes that are charged to limits stay; the table of sockets is not needed.
        var small = options
        small.socketsMax = 64
        let engine = try RingEngine(small)
        if count > 1 { _ = try trial(options, count - 1) }
        return engine.summary
    }
}
