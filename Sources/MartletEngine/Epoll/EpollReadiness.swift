// What the kernel says: readiness is written into the rows, and the calls that it allows are made here, one for each event.
//
// Order of a turn: what was announced, the kernel's readiness, new connections, then one read of every socket that has something.

internal import CUring
internal import Glibc

extension EpollEngine {
    @usableFromInline package mutating func next() -> Event? {
        precondition(!isLent, "received bytes are released before the next event is asked for")
        if !announced.isEmpty { return takeAnnounced() }
        if deadlinePassed {
            deadlinePassed = false
            return .woken
        }
        while true {
            if let index = accepting {
                if let event = acceptOne(index) { return event }
                continue
            }
            guard head < tail else { break }
            let entry = unsafe events[head]
            head += 1
            counters.completions += 1
            if let event = unsafe translate(entry.data.u64, entry.events) { return event }
        }
        while readsLeft > 0, !ready.isEmpty {
            readsLeft -= 1
            if let event = readFirst() { return event }
        }
        return announced.isEmpty ? nil : takeAnnounced()
    }

    private mutating func translate(_ data: UInt64, _ readiness: UInt32) -> Event? {
        switch EpollWatch(rawValue: UInt8(data >> 56)) {
        case .socket: return becameReady(SocketID(packed: data), readiness)
        case .listener:
            let index = Int(data & 0xFFFF)
            if acceptsLeft > 0, listeners[index].wanted, listeners[index].watched { accepting = index }
            return nil
        case .waker: return .woken
        case .descriptor: return .readable
        case .timer:
            // The coarse clock may still stand before the deadline, and the owner would wait for it again and again.
            if let deadline = armedDeadline { now = max(now, deadline) }
            armedDeadline = nil
            return .woken
        case nil: return nil
        }
    }

    private mutating func becameReady(_ socket: SocketID, _ readiness: UInt32) -> Event? {
        guard isOpen(socket) else {
            counters.staleCompletions += 1
            return nil
        }
        let slot = socket.slot
        let hasEnd = readiness & MARTLET_READY_END != 0
        if hasEnd { unsafe sockets.row(slot).pointee.state.insert(.endSignalled) }
        if hasEnd || readiness & MARTLET_READY_READ != 0 {
            unsafe sockets.row(slot).pointee.state.insert(.readable)
            if unsafe sockets.row(slot).pointee.state.contains(.wantsReceive), addReady(slot) { readsLeft += 1 }
        }
        guard hasEnd || readiness & MARTLET_READY_WRITE != 0 else { return nil }
        if unsafe sockets.row(slot).pointee.state.contains(.connecting) { return connectEnded(socket) }
        if unsafe sockets.row(slot).pointee.state.contains(.sendWaits) { continueSend(slot) }
        return nil
    }

    // MARK: Reading

    /// One read of the socket that has waited longest.
    private mutating func readFirst() -> Event? {
        let slot = ready.first - 1
        removeReady(slot)
        let socket = unsafe SocketID(slot: slot, generation: sockets.row(slot).pointee.generation)
        while true {
            let count = unsafe martlet_receive(sockets.row(slot).pointee.descriptor, receiveMemory.base, options.receiveBufferBytes)
            if count < 0, errno == EINTR { continue }
            return count > 0 ? received(socket, count) : receiveStopped(socket, count == 0 ? 0 : errno)
        }
    }

    /// A short read emptied the kernel's queue, so that the next bytes are an edge; only the end, already signalled, is not.
    private mutating func received(_ socket: SocketID, _ count: Int) -> Event? {
        let slot = socket.slot
        if count < options.receiveBufferBytes, unsafe !sockets.row(slot).pointee.state.contains(.endSignalled) {
            unsafe sockets.row(slot).pointee.state.remove(.readable)
        } else {
            _ = addReady(slot)
        }
        isLent = true
        return unsafe .received(socket, ReceivedBytes(UnsafeRawBufferPointer(start: receiveMemory.base, count: count), buffer: 0))
    }

    private mutating func receiveStopped(_ socket: SocketID, _ code: Int32) -> Event? {
        let slot = socket.slot
        if code == EAGAIN {
            unsafe sockets.row(slot).pointee.state.remove(.readable)
            return nil
        }
        unsafe sockets.row(slot).pointee.state.remove(.wantsReceive)
        return .receiveEnded(socket, code == 0 ? nil : SystemError(code, .recv))
    }

    // MARK: Opening

    private mutating func acceptOne(_ index: Int) -> Event? {
        guard listeners[index].wanted, listeners[index].watched, acceptsLeft > 0 else {
            // Level-triggered: a listener that still has connections is named again by the next wait.
            accepting = nil
            return nil
        }
        acceptsLeft -= 1
        let descriptor = martlet_accept(listeners[index].descriptor)
        guard descriptor >= 0 else {
            acceptFailed(index, errno)
            return nil
        }
        guard let socket = open(descriptor), watch(socket) else {
            counters.acceptsRefused += 1
            _ = Glibc.close(descriptor)
            return nil
        }
        return .accepted(socket, listener: UInt16(index))
    }

    private mutating func acceptFailed(_ index: Int, _ code: Int32) {
        switch code {
        case EMFILE, ENFILE, ENOBUFS, ENOMEM:
            // The connections wait in the kernel's backlog until there is room again.
            counters.acceptsPaused += 1
            listeners[index].isPaused = true
            listenersResume = now + acceptPauseNanoseconds
            unwatchListener(index)
            accepting = nil
        case EBADF, ENOTSOCK, EINVAL:
            unwatchListener(index)
            accepting = nil
        case EAGAIN: accepting = nil
        // The connection ended before it was taken; the next one is asked for.
        default: break
        }
    }

    private mutating func connectEnded(_ socket: SocketID) -> Event? {
        let slot = socket.slot
        unsafe sockets.row(slot).pointee.state.remove(.connecting)
        let code = unsafe pendingError(sockets.row(slot).pointee.descriptor)
        if code == 0 { return .connected(socket) }
        unsafe sockets.row(slot).pointee.announcedError = UInt16(truncatingIfNeeded: code)
        closeNow(slot)
        return nil
    }

    private func pendingError(_ descriptor: Int32) -> Int32 {
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) == 0 else { return errno }
        return code
    }
}
