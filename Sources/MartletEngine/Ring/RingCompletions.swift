// What the kernel says: each completion becomes at most one event. Stale ones are dropped here, but the buffer they carry always goes back.

internal import CUring
internal import Glibc

extension RingEngine {
    /// The two things that every request brings are told here, without a call and in few registers; everything else by `nextOther`.
    @usableFromInline package mutating func next() -> Event? {
        guard announced.isEmpty else { return nextOther() }
        if silentSends.hasDecided {
            let slot = silentSends.firstDecided
            let row = unsafe sockets.row(slot)
            guard unsafe row.pointee.state.intersection([.sendIsSilent, .closing]) == .sendIsSilent else { return nextOther() }
            silentSends.dropFirst()
            unsafe row.pointee.state.subtract([.sendIsSilent, .sendInFlight])
            return unsafe .sent(SocketID(slot: slot, generation: row.pointee.generation), nil)
        }
        guard head != tail else { return nil }
        let entry = unsafe completions[Int(head & completionMask)]
        let socket = SocketID(packed: entry.user_data & (1 << 56 - 1))
        let carriesAndGoesOn = MARTLET_CQE_F_BUFFER | MARTLET_CQE_F_MORE
        guard entry.user_data >> 56 == UInt64(Operation.receive.rawValue), entry.flags & carriesAndGoesOn == carriesAndGoesOn, entry.res > 0,
            isOpen(socket), unsafe !sockets.row(socket.slot).pointee.state.contains(.closing) else { return nextOther() }
        passCompletion()
        buffers.markLent()
        return deliver(socket, entry)
    }

    /// In this order: what ended inside a call, sends without a completion, completions, and what these ended.
    @inline(never)
    private mutating func nextOther() -> Event? {
        while !announced.isEmpty {
            if let event = takeAnnounced() { return event }
        }
        while silentSends.hasDecided {
            if let event = takeSilentSend() { return event }
        }
        while head != tail {
            let entry = unsafe completions[Int(head & completionMask)]
            passCompletion()
            if let event = translate(entry) { return event }
        }
        // Sockets that closed while this turn's completions were read.
        while !announced.isEmpty {
            if let event = takeAnnounced() { return event }
        }
        return nil
    }

    private mutating func passCompletion() {
        // Safe: the queue's indices wrap by design, and 64 bits do not.
        head &+= 1
        counters.completions &+= 1
    }

    private mutating func translate(_ entry: io_uring_cqe) -> Event? {
        let userData = entry.user_data
        let socket = SocketID(packed: userData & (1 << 56 - 1))
        switch Operation(rawValue: UInt8(userData >> 56)) {
        case .receive: return received(socket, entry)
        case .send: return sendEnded(socket, entry)
        case .accept: return accepted(listener: socket, entry)
        case .connect: return connectEnded(socket, entry.res)
        case .poll: return pollEnded(socket, entry.res)
        case .wake: return wakeArrived()
        case .watch: return .readable
        case .timeout:
            guard entry.res != -ECANCELED else { return nil }
            // The coarse clock may still stand before the deadline, and the owner would wait for it again and again.
            if let deadline = armedDeadline, entry.res == -ETIME { now = max(now, deadline) }
            armedDeadline = nil
            return .woken
        case .ignored, nil: return nil
        }
    }

    // MARK: Receiving

    @inline(__always) // Two callers, and as a function of its own it would get a copy of the whole engine (Swift 6.3).
    private func deliver(_ socket: SocketID, _ entry: io_uring_cqe) -> Event {
        let buffer = UInt16(truncatingIfNeeded: entry.flags >> 16)
        return unsafe .received(socket, ReceivedBytes(buffers.bytes(buffer, count: Int(entry.res)), buffer: buffer))
    }

    private mutating func received(_ socket: SocketID, _ entry: io_uring_cqe) -> Event? {
        let carriesBuffer = entry.flags & MARTLET_CQE_F_BUFFER != 0
        let buffer = UInt16(truncatingIfNeeded: entry.flags >> 16)
        if carriesBuffer { buffers.markLent() }
        guard isOpen(socket) else {
            counters.staleCompletions += 1
            if carriesBuffer { buffers.giveBack(buffer) }
            return nil
        }
        let slot = socket.slot
        let ended = entry.flags & MARTLET_CQE_F_MORE == 0
        if ended { unsafe sockets.row(slot).pointee.state.remove([.receiveArmed, .receiveCancelling]) }
        if unsafe sockets.row(slot).pointee.state.contains(.closing) {
            if carriesBuffer { buffers.giveBack(buffer) }
            if ended { finishCloseIfReleased(socket) }
            return nil
        }
        if entry.res > 0, carriesBuffer {
            if ended, unsafe sockets.row(slot).pointee.state.contains(.wantsReceive) { armReceive(socket, pollFirst: false) }
            return deliver(socket, entry)
        }
        if carriesBuffer { buffers.giveBack(buffer) }
        return receiveStopped(socket, entry.res)
    }

    @inline(never) // Rare: the end of a connection, or of the buffers.
    private mutating func receiveStopped(_ socket: SocketID, _ result: Int32) -> Event? {
        switch -result {
        case ENOBUFS:
            counters.receivesStarved += 1
            // The first that starves makes them grow; the others of the same turn starve for the same reason.
            if starved.isEmpty { buffers.grow(by: buffers.count) }
            addStarved(socket.slot)
            return nil
        case EINTR, EAGAIN, ECANCELED:
            if unsafe sockets.row(socket.slot).pointee.state.contains(.wantsReceive) { armReceive(socket, pollFirst: false) }
            return nil
        case 0:
            unsafe sockets.row(socket.slot).pointee.state.remove(.wantsReceive)
            return .receiveEnded(socket, nil)
        default:
            unsafe sockets.row(socket.slot).pointee.state.remove(.wantsReceive)
            return .receiveEnded(socket, SystemError(-result, .recv))
        }
    }

    // MARK: Sending

    private mutating func sendEnded(_ socket: SocketID, _ entry: io_uring_cqe) -> Event? {
        guard isOpen(socket) else {
            counters.staleCompletions += 1
            return nil
        }
        let slot = socket.slot
        if entry.flags & MARTLET_CQE_F_NOTIF != 0 {
            unsafe sockets.row(slot).pointee.state.remove(.notificationPending)
            // Every byte was copied after all (loopback): this machine gains nothing by it.
            if UInt32(bitPattern: entry.res) & MARTLET_NOTIF_USAGE_ZC_COPIED != 0 { zeroCopyPays = false }
            // A send that ended short goes on once its first part is released.
            let isWhole = unsafe sockets.row(slot).pointee.sendCount == 0 || sockets.row(slot).pointee.announcedError != 0
            return isWhole ? sendReleased(socket) : continueSend(socket)
        }
        if entry.flags & MARTLET_CQE_F_MORE != 0 { unsafe sockets.row(slot).pointee.state.insert(.notificationPending) }
        guard entry.res >= 0 else {
            let code = -entry.res
            if code == EINTR || code == EAGAIN || refusesZeroCopy(slot, code) { return continueSend(socket) }
            unsafe sockets.row(slot).pointee.announcedError = UInt16(truncatingIfNeeded: code)
            return sendReleased(socket)
        }
        return advanceSend(socket, by: Int(entry.res)) ? sendReleased(socket) : continueSend(socket)
    }

    /// A send of the list that has no completion has succeeded.
    private mutating func takeSilentSend() -> Event? {
        let slot = silentSends.firstDecided
        silentSends.dropFirst()
        guard unsafe sockets.row(slot).pointee.state.contains(.sendIsSilent) else { return nil }
        unsafe sockets.row(slot).pointee.state.remove(.sendIsSilent)
        return unsafe sendReleased(SocketID(slot: slot, generation: sockets.row(slot).pointee.generation))
    }

    /// The send is over once the kernel neither sends nor holds its memory.
    private mutating func sendReleased(_ socket: SocketID) -> Event? {
        let slot = socket.slot
        if unsafe sockets.row(slot).pointee.state.contains(.notificationPending) {
            if unsafe sockets.row(slot).pointee.state.contains(.closing) { finishCloseIfReleased(socket) }
            return nil
        }
        unsafe sockets.row(slot).pointee.state.remove([.sendInFlight, .sendIsGather, .sendIsFile])
        let code = unsafe sockets.row(slot).pointee.announcedError
        unsafe sockets.row(slot).pointee.announcedError = 0
        if unsafe sockets.row(slot).pointee.state.contains(.closing) {
            finishCloseIfReleased(socket)
            return nil
        }
        return .sent(socket, code == 0 ? nil : SystemError(Int32(code), .send))
    }

    private mutating func continueSend(_ socket: SocketID) -> Event? {
        if unsafe sockets.row(socket.slot).pointee.state.contains(.closing) { return sendReleased(socket) }
        if unsafe sockets.row(socket.slot).pointee.state.contains(.notificationPending) { return nil }
        submitSend(socket)
        return nil
    }

    /// Only sends of files wait for room.
    private mutating func pollEnded(_ socket: SocketID, _ result: Int32) -> Event? {
        guard isOpen(socket) else {
            counters.staleCompletions += 1
            return nil
        }
        if unsafe sockets.row(socket.slot).pointee.state.contains(.closing) { return sendReleased(socket) }
        pumpFile(socket)
        return nil
    }

    // MARK: Opening

    private mutating func accepted(listener: SocketID, _ entry: io_uring_cqe) -> Event? {
        let index = Int(listener.slot)
        let isCurrent = index < listeners.count && listeners[index].generation == listener.generation
        if isCurrent, entry.flags & MARTLET_CQE_F_MORE == 0 { listeners[index].armed = false }
        guard entry.res >= 0 else {
            if isCurrent { acceptFailed(index, -entry.res) }
            return nil
        }
        if isCurrent, listeners[index].wanted, !listeners[index].armed { armAccept(index) }
        guard let socket = open(entry.res) else {
            counters.acceptsRefused += 1
            _ = Glibc.close(entry.res)
            return nil
        }
        return .accepted(socket, listener: UInt16(index))
    }

    private mutating func acceptFailed(_ index: Int, _ code: Int32) {
        guard listeners[index].wanted, !listeners[index].armed else { return }
        switch code {
        case EMFILE, ENFILE, ENOBUFS, ENOMEM:
            // The connections wait in the kernel's backlog until there is room again.
            counters.acceptsPaused += 1
            listeners[index].isPaused = true
            listenersResume = now + acceptPauseNanoseconds
        case EBADF, ENOTSOCK:
            break
        case EINVAL where features.multishotAccept:
            features.multishotAccept = false
            armAccept(index)
        case EINVAL:
            break
        default:
            armAccept(index)
        }
    }

    private mutating func connectEnded(_ socket: SocketID, _ result: Int32) -> Event? {
        guard isOpen(socket) else {
            counters.staleCompletions += 1
            return nil
        }
        unsafe sockets.row(socket.slot).pointee.state.remove(.connecting)
        let code = unsafe result < 0 ? -result : pendingError(sockets.row(socket.slot).pointee.descriptor)
        if code == 0, unsafe !sockets.row(socket.slot).pointee.state.contains(.closing) { return .connected(socket) }
        unsafe sockets.row(socket.slot).pointee.state.insert(.closing)
        unsafe sockets.row(socket.slot).pointee.announcedError = UInt16(truncatingIfNeeded: code)
        finishCloseIfReleased(socket)
        return nil
    }

    private func pendingError(_ descriptor: Int32) -> Int32 {
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) == 0 else { return errno }
        return code
    }

    // MARK: Waking

    private mutating func wakeArrived() -> Event? {
        if waker.descriptor >= 0 { armWakeRead() }
        return .woken
    }
}
