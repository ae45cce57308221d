// Opening connections, closing them, and what happens when the server does.

import MartletEngine
import MartletHTTP1

extension LoadGenerator where E: ~Copyable {
    /// The connection that a socket belongs to; nil for a socket of the past.
    func owner(of socket: SocketID) -> UInt32? {
        let index = owners[socket.slot]
        guard index < UInt32(plan.connections), connections[index].socket == socket else { return nil }
        switch connections[index].phase {
        case .connecting, .open, .ending, .closing: return index
        case .waiting: return nil
        }
    }

    // MARK: Opening

    /// Opens as many of those that were never tried as may be under way at once.
    mutating func openConnections(_ now: Nanoseconds) {
        while nextToOpen < UInt32(plan.connections), nextToOpen + unresolved - UInt32(plan.connections) < Self.connectingMax {
            nextToOpen += 1
            open(nextToOpen - 1, now)
        }
    }

    private mutating func open(_ index: UInt32, _ now: Nanoseconds) {
        do throws(SystemError) {
            let socket = try engine.connect(to: plan.target.address)
            owners[socket.slot] = index
            var connection = ClientConnection()
            connection.phase = .connecting
            connection.socket = socket
            connection.since = now
            // It may still stand in the queue from its last socket.
            connection.isQueued = connections[index].isQueued
            connections[index] = connection
        } catch {
            connectFailed(index, error)
        }
    }

    mutating func connected(_ socket: SocketID) {
        guard let index = owner(of: socket) else { return }
        let now = Clock.precise()
        connections[index].phase = .open
        connections[index].since = now
        failingSince = nil
        tally.connectionsOpened += 1
        if !isStarted { unresolved -= 1 }
        engine.startReceiving(socket)
        enqueueIfFree(index)
        dispatch(now)
    }

    private mutating func connectFailed(_ index: UInt32, _ error: SystemError?) {
        connections[index].phase = .waiting
        tally.count(.connect)
        if !isStarted { unresolved -= 1 }
        if failingSince == nil { failingSince = Clock.precise() }
        if tally.connectError == nil { tally.connectError = error }
    }

    // MARK: Closing

    mutating func close(_ index: UInt32, _ now: Nanoseconds) {
        connections[index].phase = .closing
        connections[index].since = now
        engine.close(connections[index].socket)
    }

    /// Counts what is lost with the connection, and closes it.
    mutating func fail(_ index: UInt32, _ failure: Failure, _ now: Nanoseconds) {
        tally.count(failure, max(1, UInt64(connections[index].outstanding)))
        dropOutstanding(index)
        close(index, now)
    }

    mutating func dropOutstanding(_ index: UInt32) {
        outstanding -= UInt64(connections[index].outstanding)
        connections[index].outstanding = 0
    }

    mutating func closed(_ socket: SocketID, _ error: SystemError?) {
        guard let index = owner(of: socket) else { return }
        if connections[index].phase == .connecting {
            connectFailed(index, error)
        } else {
            connections[index].phase = .waiting
            let now = Clock.precise()
            if mayBeNeeded(now) { open(index, now) }
        }
    }

    /// Whether anything is left to send. Before the start each connection is tried once.
    private func mayBeNeeded(_ now: Nanoseconds) -> Bool {
        guard isStarted else { return false }
        switch schedule.pace {
        case .closed: return left > 0 && now < schedule.sendEnd
        case .open(let interval): return nextIndex < schedule.totalCount(interval: interval)
        }
    }

    // MARK: Deadlines

    mutating func checkConnections(_ now: Nanoseconds) {
        for index in 0..<nextToOpen {
            switch connections[index].phase {
            case .waiting:
                if mayBeNeeded(now) { open(index, now) }
            case .connecting:
                // It stays what it is until the engine says `closed`: then it has failed.
                if now - connections[index].since > plan.timeout { engine.close(connections[index].socket) }
            case .ending:
                if now - connections[index].since > plan.timeout { fail(index, .timeout, now) }
            case .open:
                if connections[index].outstanding > 0, now > firstSent(index) + plan.timeout { fail(index, .timeout, now) }
            case .closing: break
            }
        }
    }

    private func firstSent(_ index: UInt32) -> Nanoseconds {
        times[index * UInt32(plan.depth) + connections[index].firstTime].sent
    }
}
