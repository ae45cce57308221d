// Runs Swift concurrency's jobs on the core's own thread, between completions.

internal import Synchronization

/// The executor of one core. Tasks that prefer it run where the core's connections live, so that an async handler needs no hop and no lock.
public final class CoreExecutor: TaskExecutor {
    private let mailbox: Mailbox
    /// Where one-line messages go.
    let log: @Sendable (String) -> Void
    /// Emptied and filled in turn with the mailbox's list, so that neither allocates; touched by the core's thread only.
    private let running = Mutex<[UnownedJob]>([])
    /// How often jobs that jobs left behind are run when the core ends.
    private static let lastRoundsMax = 64

    init(_ mailbox: Mailbox, log: @escaping @Sendable (String) -> Void) {
        self.mailbox = mailbox
        self.log = log
    }

    public func enqueue(_ job: consuming ExecutorJob) { mailbox.post(UnownedJob(job)) }

    /// Runs what was enqueued until now. What these jobs enqueue runs in the next turn, after the connections.
    func runJobs() { _ = runWaitingJobs() }

    /// The core has ended: tasks that were told so end, and what they hold is given back.
    func runLastJobs() {
        var rounds = 0
        while rounds < Self.lastRoundsMax, runWaitingJobs() { rounds += 1 }
    }

    /// False when there were none.
    private func runWaitingJobs() -> Bool {
        var jobs = running.withLock { jobs in
            var taken: [UnownedJob] = []
            swap(&taken, &jobs)
            return taken
        }
        mailbox.takeJobs(into: &jobs)
        let hadJobs = !jobs.isEmpty
        for job in jobs { unsafe job.runSynchronously(on: asUnownedTaskExecutor()) }
        jobs.removeAll(keepingCapacity: true)
        running.withLock { swap(&$0, &jobs) }
        return hadJobs
    }
}
