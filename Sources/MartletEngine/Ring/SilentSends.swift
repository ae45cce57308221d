// Sends that have no completion when they succeed.
//
// Such a send is taken whole by the socket inside the io_uring_enter that submits it (MSG_DONTWAIT with MSG_WAITALL), or it fails there: a short or refused
// one posts its completion before that enter returns. So once everything was submitted and the completion queue did not overflow, a send of this list
// without a completion in the queue has succeeded.

struct SilentSends {
    /// More than these in one turn are sent with a completion.
    private static let capacity = 1024

    private var prepared = [UInt32](repeating: 0, count: capacity)
    private var preparedCount = 0
    /// Submitted by an enter that has returned.
    private var decided = [UInt32](repeating: 0, count: capacity)
    private var decidedCount = 0
    private var taken = 0
    /// The next wait must not block, so that their ends are told.
    var areAwaited = false

    var hasRoom: Bool { preparedCount < Self.capacity }
    var isEmpty: Bool { preparedCount == 0 }
    var hasDecided: Bool { taken < decidedCount }

    mutating func append(_ slot: UInt32) {
        prepared[preparedCount] = slot
        preparedCount += 1
    }

    mutating func decide() {
        precondition(!hasDecided, "the ends of a turn's sends are told before the next wait")
        swap(&prepared, &decided)
        decidedCount = preparedCount
        preparedCount = 0
        taken = 0
    }

    mutating func takeDecided() -> UInt32 {
        taken += 1
        return decided[taken - 1]
    }
}
