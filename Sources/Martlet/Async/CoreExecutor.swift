// Runs Swift concurrency's jobs on the core's own thread, between completions.

internal import Synchronization

/// The executor of one core. Tasks that prefer it run where the core's connections live, so that an async handler needs no hop and no lock.
public final class CoreExecutor: TaskExecutor {
    private let mailbox: Mailbox
    /// Emptied and filled in turn with the mailbox's list, so that neither allocates; touched by the core's thread only.
    private let running = Mutex<[UnownedJob]>([])

    init(_ mailbox: Mailbox) { self.mailbox = mailbox }

    public func enqueue(_ job: consuming ExecutorJob) { mailbox.post(UnownedJob(job)) }

    /// Runs what was enqueued until now. What these jobs enqueue runs in the next turn, after the connections.
    func runJobs() {
        var jobs = running.withLock { jobs in
            var taken: [UnownedJob] = []
            swap(&taken, &jobs)
            return taken
        }
        mailbox.takeJobs(into: &jobs)
        for job in jobs { unsafe job.runSynchronously(on: asUnownedTaskExecutor()) }
        jobs.removeAll(keepingCapacity: true)
        running.withLock { swap(&$0, &jobs) }
    }
}
