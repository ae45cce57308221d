// A thread that answers tickets: stands for whatever a program does away from its cores.

import Glibc
import Martlet
import Synchronization

@safe final class LaterThread: @unchecked Sendable {
    static let shared = LaterThread()

    /// Tickets in the order in which they came; a ring, so that nothing is allocated for a request.
    private struct Queue: ~Copyable {
        static let capacity = 1024
        var tickets = InlineArray<1024, Ticket?> { _ in nil }
        var first = 0
        var count = 0
    }

    private let queue = Mutex(Queue())
    private let arrived: UnsafeMutablePointer<sem_t>

    private init() {
        unsafe arrived = .allocate(capacity: 1)
        unsafe sem_init(arrived, 0, 0)
        var thread = pthread_t()
        let me = unsafe Unmanaged.passRetained(self)
        let code = unsafe pthread_create(&thread, nil, { raw in
            unsafe Unmanaged<LaterThread>.fromOpaque(raw!).takeRetainedValue().work()
        }, me.toOpaque())
        precondition(code == 0, "the thread that answers later cannot be started")
    }

    func answer(_ ticket: consuming Ticket) {
        var offered: Ticket? = consume ticket
        queue.withLock { queue in
            guard queue.count < Queue.capacity else { return }
            queue.tickets[(queue.first + queue.count) % Queue.capacity] = offered.take()
            queue.count += 1
        }
        if let refused = offered.take() {
            try? refused.send(.serviceUnavailable, contentType: "text/plain", body: "Too many answers are waiting.\n".utf8.span)
        } else {
            unsafe sem_post(arrived)
        }
    }

    private func work() -> Never {
        let text: InlineArray<13, UInt8> = [72, 101, 108, 108, 111, 44, 32, 87, 111, 114, 108, 100, 33]
        while true {
            while unsafe sem_wait(arrived) != 0 {}
            var taken = queue.withLock { queue in
                let ticket = queue.tickets[queue.first].take()
                queue.first = (queue.first + 1) % Queue.capacity
                queue.count -= 1
                return ticket
            }
            // The only failure is a full mailbox, and then the server has answered 503.
            if let ticket = taken.take() { try? ticket.send(contentType: "text/plain", body: text.span) }
        }
    }
}
