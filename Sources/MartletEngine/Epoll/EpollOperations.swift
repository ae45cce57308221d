// What the kernel is told: accepting, connecting, receiving, closing. Sends are in EpollSending.

internal import CUring
internal import Glibc

extension EpollEngine {
    // MARK: Accepting

    @usableFromInline package mutating func startAccepting(listener: UInt16, descriptor: Int32) {
        let index = Int(listener)
        while listeners.count <= index {
            listeners.append(EpollListener(descriptor: -1, wanted: false, watched: false, isPaused: false))
        }
        if listeners[index].descriptor != descriptor { unwatchListener(index) }
        listeners[index].descriptor = descriptor
        listeners[index].wanted = true
        listeners[index].isPaused = false
        watchListener(index)
    }

    @usableFromInline package mutating func stopAccepting(listener: UInt16) {
        let index = Int(listener)
        guard index < listeners.count, listeners[index].wanted else { return }
        listeners[index].wanted = false
        listeners[index].isPaused = false
        unwatchListener(index)
    }

    /// Exclusive: of several cores that share a listener, the kernel wakes one for a connection, not all.
    private mutating func watchListener(_ index: Int) {
        guard !listeners[index].watched else { return }
        guard martlet_watch(epoll, listeners[index].descriptor, MARTLET_WATCH_LISTENER, EpollWatch.listener.data | UInt64(index)) == 0 else {
            listeners[index].isPaused = true
            listenersResume = now + acceptPauseNanoseconds
            return
        }
        listeners[index].watched = true
    }

    mutating func unwatchListener(_ index: Int) {
        guard listeners[index].watched else { return }
        listeners[index].watched = false
        _ = martlet_unwatch(epoll, listeners[index].descriptor)
    }

    mutating func resumePausedListeners() {
        listenersResume = nil
        for index in listeners.indices where listeners[index].isPaused {
            listeners[index].isPaused = false
            watchListener(index)
        }
    }

    // MARK: Opening and connecting

    /// Gives a descriptor a place in the table; nil when it is full.
    mutating func open(_ descriptor: Int32) -> SocketID? {
        guard let slot = freeSlots.take(from: sockets) else { return nil }
        unsafe sockets.row(slot).pointee.descriptor = descriptor
        unsafe sockets.row(slot).pointee.state = .open
        unsafe sockets.row(slot).pointee.announcedError = 0
        return unsafe SocketID(slot: slot, generation: sockets.row(slot).pointee.generation)
    }

    /// Registers a socket for all that it may ever say. False: the kernel has no room for it, and the slot is free again.
    mutating func watch(_ socket: SocketID) -> Bool {
        let descriptor = unsafe sockets.row(socket.slot).pointee.descriptor
        if martlet_watch(epoll, descriptor, MARTLET_WATCH_SOCKET, EpollWatch.socket.data | socket.packed) == 0 { return true }
        free(socket.slot)
        return false
    }

    @usableFromInline package mutating func connect(to address: SocketAddress) throws(SystemError) -> SocketID {
        let descriptor = socket(address.family, MARTLET_SOCK_STREAM, 0)
        guard descriptor >= 0 else { throw SystemError(errno, .socket) }
        if address.family != AF_UNIX {
            var one: Int32 = 1
            _ = unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
        }
        let code = unsafe address.withKernelAddress { unsafe Glibc.connect(descriptor, $0, $1) == 0 ? 0 : errno }
        guard code == 0 || code == EINPROGRESS else {
            _ = Glibc.close(descriptor)
            throw SystemError(code, .connect)
        }
        // Registered after the call: a socket that was never connected says that it hung up.
        guard let socket = open(descriptor), watch(socket) else {
            _ = Glibc.close(descriptor)
            throw SystemError(EMFILE, .connect)
        }
        unsafe sockets.row(socket.slot).pointee.state.insert(.connecting)
        return socket
    }

    // MARK: Receiving

    @usableFromInline package mutating func watch(_ descriptor: Int32) {
        if martlet_watch_again(epoll, descriptor, MARTLET_WATCH_ONCE, EpollWatch.descriptor.data) == 0 { return }
        let code = martlet_watch(epoll, descriptor, MARTLET_WATCH_ONCE, EpollWatch.descriptor.data)
        precondition(code == 0, "the kernel refused to watch a descriptor; it cannot be a plain file")
    }

    @usableFromInline package mutating func startReceiving(_ socket: SocketID) {
        guard isOpen(socket) else { return }
        let slot = socket.slot
        unsafe sockets.row(slot).pointee.state.insert(.wantsReceive)
        // The edge came while nobody wanted to receive.
        if unsafe sockets.row(slot).pointee.state.contains(.readable) { _ = addReady(slot) }
    }

    @usableFromInline package mutating func stopReceiving(_ socket: SocketID) {
        guard isOpen(socket) else { return }
        unsafe sockets.row(socket.slot).pointee.state.remove(.wantsReceive)
        if unsafe sockets.row(socket.slot).pointee.state.contains(.ready) { removeReady(socket.slot) }
    }

    @usableFromInline package mutating func release(_ received: ReceivedBytes) {
        precondition(isLent, "received bytes are released once")
        isLent = false
    }

    /// False when it stands there already.
    mutating func addReady(_ slot: UInt32) -> Bool {
        guard unsafe !sockets.row(slot).pointee.state.contains(.ready) else { return false }
        unsafe sockets.row(slot).pointee.state.insert(.ready)
        unsafe sockets.row(slot).pointee.next = 0
        unsafe sockets.row(slot).pointee.previous = ready.last
        if ready.last != 0 { unsafe sockets.row(ready.last - 1).pointee.next = slot + 1 } else { ready.first = slot + 1 }
        ready.last = slot + 1
        readyCount += 1
        return true
    }

    mutating func removeReady(_ slot: UInt32) {
        let next = unsafe sockets.row(slot).pointee.next, previous = unsafe sockets.row(slot).pointee.previous
        if previous != 0 { unsafe sockets.row(previous - 1).pointee.next = next } else { ready.first = next }
        if next != 0 { unsafe sockets.row(next - 1).pointee.previous = previous } else { ready.last = previous }
        unsafe sockets.row(slot).pointee.state.remove(.ready)
        unsafe sockets.row(slot).pointee.next = 0
        unsafe sockets.row(slot).pointee.previous = 0
        readyCount -= 1
    }

    // MARK: Closing

    @usableFromInline package mutating func close(_ socket: SocketID) {
        guard isOpen(socket) else { return }
        unsafe sockets.row(socket.slot).pointee.announcedError = 0
        closeNow(socket.slot)
    }

    /// The kernel holds nothing of ours, so the descriptor goes at once. The slot waits for the owner to hear of it.
    mutating func closeNow(_ slot: UInt32) {
        if unsafe sockets.row(slot).pointee.state.contains(.ready) { removeReady(slot) }
        _ = unsafe Glibc.close(sockets.row(slot).pointee.descriptor)
        unsafe sockets.row(slot).pointee.state.insert(.closed)
        announce(slot)
    }

    @usableFromInline package mutating func shutdownSend(_ socket: SocketID) {
        guard isOpen(socket) else { return }
        unsafe precondition(!sockets.row(socket.slot).pointee.state.contains(.sendInFlight), "the end of sending is told after the last `sent`")
        _ = unsafe shutdown(sockets.row(socket.slot).pointee.descriptor, MARTLET_SHUT_WR)
    }

    /// The row is that of the socket named, not of a later one in its place, and its descriptor has not been closed.
    func isOpen(_ socket: SocketID) -> Bool {
        guard socket.slot < sockets.capacity, unsafe sockets.row(socket.slot).pointee.generation == socket.generation else { return false }
        return unsafe sockets.row(socket.slot).pointee.state.contains(.open) && !sockets.row(socket.slot).pointee.state.contains(.closed)
    }

    // MARK: Events that need no readiness

    mutating func announce(_ slot: UInt32) {
        // The end of a send that was not told yet gives way to the end of the socket.
        guard unsafe !sockets.row(slot).pointee.state.contains(.announced) else { return }
        unsafe sockets.row(slot).pointee.state.insert(.announced)
        unsafe sockets.row(slot).pointee.announcedNext = 0
        if announced.last != 0 { unsafe sockets.row(announced.last - 1).pointee.announcedNext = slot + 1 } else { announced.first = slot + 1 }
        announced.last = slot + 1
    }

    mutating func takeAnnounced() -> Event {
        let slot = announced.first - 1
        announced.first = unsafe sockets.row(slot).pointee.announcedNext
        if announced.first == 0 { announced.last = 0 }
        let socket = unsafe SocketID(slot: slot, generation: sockets.row(slot).pointee.generation)
        let code = unsafe Int32(sockets.row(slot).pointee.announcedError)
        if unsafe sockets.row(slot).pointee.state.contains(.closed) {
            free(slot)
            return .closed(socket, code == 0 ? nil : SystemError(code, .connect))
        }
        unsafe sockets.row(slot).pointee.state.remove([.announced, .sendInFlight, .sendIsGather, .sendIsFile])
        unsafe sockets.row(slot).pointee.announcedError = 0
        return .sent(socket, code == 0 ? nil : SystemError(code, .send))
    }

    mutating func free(_ slot: UInt32) {
        unsafe sockets.row(slot).pointee.state = []
        unsafe sockets.row(slot).pointee.descriptor = -1
        freeSlots.giveBack(slot, to: sockets)
    }
}
