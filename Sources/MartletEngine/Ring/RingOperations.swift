// What the kernel is told: accepting, connecting, receiving, closing. Sends are in RingSending.

internal import CUring
internal import Glibc

/// How long a listener rests when the table of files is full.
let acceptPauseNanoseconds: Nanoseconds = 100_000_000

extension RingEngine {
    // MARK: Accepting

    @usableFromInline package mutating func startAccepting(listener: UInt16, descriptor: Int32) {
        let index = Int(listener)
        while listeners.count <= index {
            listeners.append(RingListener(descriptor: -1, wanted: false, armed: false, generation: 0, isPaused: false))
        }
        listeners[index].descriptor = descriptor
        listeners[index].wanted = true
        listeners[index].isPaused = false
        if !listeners[index].armed { armAccept(index) }
    }

    @usableFromInline package mutating func stopAccepting(listener: UInt16) {
        let index = Int(listener)
        guard index < listeners.count, listeners[index].wanted else { return }
        listeners[index].wanted = false
        listeners[index].isPaused = false
        guard listeners[index].armed else { return }
        let entry = unsafe submission()
        unsafe martlet_prepare_cancel(entry, acceptUserData(index))
        unsafe entry.pointee.user_data = Operation.ignored.userData
    }

    mutating func armAccept(_ index: Int) {
        listeners[index].armed = true
        let entry = unsafe submission()
        unsafe martlet_prepare_accept(entry, listeners[index].descriptor, features.multishotAccept ? 1 : 0)
        unsafe entry.pointee.user_data = acceptUserData(index)
    }

    func acceptUserData(_ index: Int) -> UInt64 {
        Operation.accept.userData(SocketID(slot: UInt32(index), generation: listeners[index].generation))
    }

    mutating func resumePausedListeners() {
        listenersResume = nil
        for index in listeners.indices where listeners[index].isPaused {
            listeners[index].isPaused = false
            if listeners[index].wanted, !listeners[index].armed { armAccept(index) }
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

    @usableFromInline package mutating func connect(to address: SocketAddress) throws(SystemError) -> SocketID {
        let descriptor = socket(address.family, MARTLET_SOCK_STREAM, 0)
        guard descriptor >= 0 else { throw SystemError(errno, .socket) }
        if address.family != AF_UNIX {
            var one: Int32 = 1
            _ = unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
        }
        // A connect to loopback ends inside the call; where it does not, the ring waits for it.
        let code = unsafe address.withKernelAddress { unsafe Glibc.connect(descriptor, $0, $1) == 0 ? 0 : errno }
        guard code == 0 || code == EINPROGRESS else {
            _ = Glibc.close(descriptor)
            throw SystemError(code, .connect)
        }
        guard let socket = open(descriptor) else {
            _ = Glibc.close(descriptor)
            throw SystemError(EMFILE, .connect)
        }
        unsafe sockets.row(socket.slot).pointee.state.insert(.connecting)
        let entry = unsafe submission()
        unsafe io_uring_prep_poll_add(entry, descriptor, UInt32(POLLOUT))
        unsafe entry.pointee.user_data = Operation.connect.userData(socket)
        return socket
    }

    // MARK: Receiving

    @usableFromInline package mutating func watch(_ descriptor: Int32) {
        let entry = unsafe submission()
        unsafe io_uring_prep_poll_add(entry, descriptor, UInt32(POLLIN))
        unsafe entry.pointee.user_data = Operation.watch.userData
    }

    @usableFromInline package mutating func startReceiving(_ socket: SocketID) {
        let state = unsafe sockets.row(socket.slot).pointee.state
        guard isOpen(socket), !state.contains(.closing) else { return }
        unsafe sockets.row(socket.slot).pointee.state.insert(.wantsReceive)
        // A cancelled receive that has not ended yet is armed anew when it does.
        if state.isDisjoint(with: [.receiveArmed, .starved]) { armReceive(socket, pollFirst: false) }
    }

    @usableFromInline package mutating func stopReceiving(_ socket: SocketID) {
        guard isOpen(socket) else { return }
        let slot = socket.slot
        unsafe sockets.row(slot).pointee.state.remove(.wantsReceive)
        if unsafe sockets.row(slot).pointee.state.contains(.starved) { removeStarved(slot) }
        let state = unsafe sockets.row(slot).pointee.state
        unsafe sockets.row(slot).pointee.state.insert(.receivesSingly)
        guard state.contains(.receiveArmed), !state.contains(.receiveCancelling) else { return }
        unsafe sockets.row(slot).pointee.state.insert(.receiveCancelling)
        let entry = unsafe submission()
        unsafe martlet_prepare_cancel(entry, Operation.receive.userData(socket))
        unsafe entry.pointee.user_data = Operation.ignored.userData
    }

    mutating func armReceive(_ socket: SocketID, pollFirst: Bool) {
        let slot = socket.slot
        unsafe sockets.row(slot).pointee.state.insert(.receiveArmed)
        let isMultishot = unsafe features.multishotReceive && !sockets.row(slot).pointee.state.contains(.receivesSingly)
        let entry = unsafe submission()
        unsafe martlet_prepare_recv(entry, sockets.row(slot).pointee.descriptor, ReceiveBuffers.group, isMultishot ? 1 : 0, pollFirst ? 1 : 0)
        unsafe entry.pointee.user_data = Operation.receive.userData(socket)
    }

    @usableFromInline package mutating func release(_ received: ReceivedBytes) {
        buffers.giveBack(received.buffer)
    }

    // MARK: Sockets that found no buffer

    mutating func addStarved(_ slot: UInt32) {
        guard unsafe sockets.row(slot).pointee.state.contains(.wantsReceive) else { return }
        unsafe sockets.row(slot).pointee.state.insert(.starved)
        unsafe sockets.row(slot).pointee.next = 0
        unsafe sockets.row(slot).pointee.previous = starved.last
        if starved.last != 0 { unsafe sockets.row(starved.last - 1).pointee.next = slot + 1 } else { starved.first = slot + 1 }
        starved.last = slot + 1
    }

    mutating func removeStarved(_ slot: UInt32) {
        let next = unsafe sockets.row(slot).pointee.next, previous = unsafe sockets.row(slot).pointee.previous
        if previous != 0 { unsafe sockets.row(previous - 1).pointee.next = next } else { starved.first = next }
        if next != 0 { unsafe sockets.row(next - 1).pointee.previous = previous } else { starved.last = previous }
        unsafe sockets.row(slot).pointee.state.remove(.starved)
        unsafe sockets.row(slot).pointee.next = 0
        unsafe sockets.row(slot).pointee.previous = 0
    }

    /// Arms them again only when the kernel has buffers, or it would refuse at once and the loop would spin. Those that it filled
    /// since the last wait count as its own: they are read in the next turn, so that a refusal then is not repeated.
    mutating func resumeStarved() {
        guard buffers.lentCount < buffers.count else { return }
        buffers.publish()
        while !starved.isEmpty {
            let slot = starved.first - 1
            removeStarved(slot)
            unsafe armReceive(SocketID(slot: slot, generation: sockets.row(slot).pointee.generation), pollFirst: true)
        }
    }

    // MARK: Closing

    /// shutdown(2) ends what the kernel holds; the descriptor is closed after the last completion, and only then the slot is free.
    @usableFromInline package mutating func close(_ socket: SocketID) {
        guard isOpen(socket), unsafe !sockets.row(socket.slot).pointee.state.contains(.closing) else { return }
        let slot = socket.slot
        unsafe sockets.row(slot).pointee.state.remove(.wantsReceive)
        unsafe sockets.row(slot).pointee.state.insert(.closing)
        if unsafe sockets.row(slot).pointee.state.contains(.starved) { removeStarved(slot) }
        awaitSend(socket)
        if unsafe !sockets.row(slot).pointee.state.isDisjoint(with: .held) {
            _ = unsafe shutdown(sockets.row(slot).pointee.descriptor, MARTLET_SHUT_RDWR)
        }
        finishCloseIfReleased(socket)
    }

    mutating func finishCloseIfReleased(_ socket: SocketID) {
        let slot = socket.slot
        let state = unsafe sockets.row(slot).pointee.state
        // The send itself is over when its notification is waited for.
        let holdsMemory = state.contains(.notificationPending)
        guard state.isDisjoint(with: [.receiveArmed, .connecting, .announced]), holdsMemory || !state.contains(.sendInFlight) else { return }
        if !state.contains(.closed) {
            // A peer that reads nothing would keep the memory of a zero-copy send for as long as it likes: a reset ends that.
            if holdsMemory { unsafe resetOnClose(sockets.row(slot).pointee.descriptor) }
            let entry = unsafe submission()
            unsafe martlet_prepare_close(entry, sockets.row(slot).pointee.descriptor)
            unsafe entry.pointee.user_data = Operation.ignored.userData
            unsafe sockets.row(slot).pointee.state.insert(.closed)
        }
        if !holdsMemory { announce(slot) }
    }

    @inline(never) // Keeps the check of a stack with an array out of the completion loop.
    private func resetOnClose(_ descriptor: Int32) {
        var setting = linger(l_onoff: 1, l_linger: 0)
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &setting, socklen_t(MemoryLayout<linger>.size))
    }

    @usableFromInline package mutating func shutdownSend(_ socket: SocketID) {
        guard isOpen(socket), unsafe !sockets.row(socket.slot).pointee.state.contains(.closing) else { return }
        unsafe precondition(!sockets.row(socket.slot).pointee.state.contains(.sendInFlight), "the end of sending is told after the last `sent`")
        _ = unsafe shutdown(sockets.row(socket.slot).pointee.descriptor, MARTLET_SHUT_WR)
    }

    /// The row is that of the socket named, not of a later one in its place.
    func isOpen(_ socket: SocketID) -> Bool {
        guard socket.slot < sockets.capacity else { return false }
        let row = unsafe sockets.row(socket.slot)
        return unsafe row.pointee.generation == socket.generation && row.pointee.state.contains(.open)
    }

    @usableFromInline package func peerAddress(of socket: SocketID) -> SocketAddress? {
        guard isOpen(socket), unsafe !sockets.row(socket.slot).pointee.state.contains(.closed) else { return nil }
        return unsafe ListeningSocket.peerAddress(sockets.row(socket.slot).pointee.descriptor)
    }

    @usableFromInline package func localAddress(of socket: SocketID) -> SocketAddress? {
        guard isOpen(socket), unsafe !sockets.row(socket.slot).pointee.state.contains(.closed) else { return nil }
        return unsafe ListeningSocket.localAddress(sockets.row(socket.slot).pointee.descriptor)
    }

    // MARK: Events that need no completion

    mutating func announce(_ slot: UInt32) {
        unsafe sockets.row(slot).pointee.state.insert(.announced)
        unsafe sockets.row(slot).pointee.announcedNext = 0
        if announced.last != 0 { unsafe sockets.row(announced.last - 1).pointee.announcedNext = slot + 1 } else { announced.first = slot + 1 }
        announced.last = slot + 1
    }

    /// Nil when the event was the end of a send on a socket that is closing.
    mutating func takeAnnounced() -> Event? {
        let slot = announced.first - 1
        announced.first = unsafe sockets.row(slot).pointee.announcedNext
        if announced.first == 0 { announced.last = 0 }
        unsafe sockets.row(slot).pointee.state.remove(.announced)
        let socket = unsafe SocketID(slot: slot, generation: sockets.row(slot).pointee.generation)
        let code = unsafe Int32(sockets.row(slot).pointee.announcedError)
        if unsafe sockets.row(slot).pointee.state.contains(.closed) {
            free(slot)
            return .closed(socket, code == 0 ? nil : SystemError(code, .connect))
        }
        unsafe sockets.row(slot).pointee.state.remove([.sendInFlight, .sendIsFile])
        unsafe sockets.row(slot).pointee.announcedError = 0
        if unsafe sockets.row(slot).pointee.state.contains(.closing) {
            finishCloseIfReleased(socket)
            return nil
        }
        return .sent(socket, code == 0 ? nil : SystemError(code, .sendfile))
    }

    private mutating func free(_ slot: UInt32) {
        unsafe sockets.row(slot).pointee.state = []
        unsafe sockets.row(slot).pointee.descriptor = -1
        freeSlots.giveBack(slot, to: sockets)
    }

    // MARK: Waking

    mutating func armWakeRead() {
        let entry = unsafe submission()
        unsafe io_uring_prep_read(entry, waker.descriptor, wakeCount, 8, 0)
        unsafe entry.pointee.user_data = Operation.wake.userData
    }
}
