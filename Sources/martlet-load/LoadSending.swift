// What is sent when: the requests that are due go to the connections that can take one, the longest waiting first.

import MartletEngine

extension LoadGenerator where E: ~Copyable {
    mutating func dispatch(_ now: Nanoseconds) {
        guard isStarted else { return }
        noteMeasureStart(now)
        while queue.count > 0 {
            let due = dueCount(now)
            guard due > 0, let index = queue.popFirst() else { return }
            connections[index].isQueued = false
            guard canTake(index) else { continue }
            // Spread over those that wait, so that a backlog does not queue up on one connection.
            let share = max(1, due / UInt64(queue.count + 1))
            send(index, Int(min(share, UInt64(room(index)))), now)
        }
    }

    /// How many requests may be sent now.
    private func dueCount(_ now: Nanoseconds) -> UInt64 {
        switch schedule.pace {
        case .closed: now < schedule.sendEnd ? left : 0
        case .open(let interval): schedule.dueCount(at: now, interval: interval) - nextIndex
        }
    }

    /// Requests that a connection can take: up to the depth, and up to its last one.
    private func room(_ index: UInt32) -> Int {
        let free = UInt64(plan.depth) - UInt64(connections[index].outstanding)
        return Int(min(free, plan.requestsPerConnection - connections[index].sent))
    }

    private func canTake(_ index: UInt32) -> Bool {
        connections[index].phase == .open && !connections[index].isSending && room(index) > 0
    }

    mutating func enqueueIfFree(_ index: UInt32) {
        guard !connections[index].isQueued, canTake(index) else { return }
        connections[index].isQueued = true
        queue.append(index)
    }

    private mutating func send(_ index: UInt32, _ count: Int, _ now: Nanoseconds) {
        let depth = UInt32(plan.depth)
        for _ in 0..<count {
            let place = (connections[index].firstTime + connections[index].outstanding) % depth
            times[index * depth + place] = RequestTimes(due: takeDue(now), sent: now)
            connections[index].outstanding += 1
        }
        outstanding += UInt64(count)
        connections[index].sent += UInt64(count)
        connections[index].isSending = true
        let batch = unsafe requests.batch(count, closing: connections[index].sent == plan.requestsPerConnection)
        if now >= schedule.measureStart { tally.bytesSent += UInt64(batch.count) }
        unsafe engine.send(connections[index].socket, batch)
    }

    /// Takes the next request, and says when it was due.
    private mutating func takeDue(_ now: Nanoseconds) -> Nanoseconds {
        switch schedule.pace {
        case .closed:
            if left != .max, now >= schedule.measureStart { left -= 1 }
            return now
        case .open(let interval):
            nextIndex += 1
            return min(now, schedule.time(of: nextIndex - 1, interval: interval))
        }
    }

    /// What a user would have given up on is not sent any more, so that the backlog has a bound in time.
    mutating func skipOverdue(_ now: Nanoseconds) {
        guard isStarted, case .open(let interval) = schedule.pace, now > schedule.start + plan.timeout else { return }
        let overdue = schedule.dueCount(at: now - plan.timeout, interval: interval)
        guard overdue > nextIndex else { return }
        tally.count(.unsent, overdue - nextIndex)
        nextIndex = overdue
    }

    mutating func sent(_ socket: SocketID, _ error: SystemError?) {
        // Why a send failed is said by what is received, or by the timeout.
        guard let index = owner(of: socket), error == nil else { return }
        connections[index].isSending = false
        enqueueIfFree(index)
        if queue.count > 0 { dispatch(Clock.precise()) }
    }
}
