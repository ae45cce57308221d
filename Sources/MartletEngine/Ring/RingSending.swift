// Sends of the three kinds: one piece of memory, a vector of pieces, a file behind a head.
//
// The kernel resumes short sends by itself (MSG_WAITALL); where it does not, they are continued here, so that the owner sees one `sent`.

internal import CUring
internal import Glibc

extension RingEngine {
    @usableFromInline package mutating func send(_ socket: SocketID, _ bytes: UnsafeRawBufferPointer) {
        guard beginSend(socket, []) else { return }
        unsafe sockets.row(socket.slot).pointee.sendAddress = UInt(bitPattern: bytes.baseAddress)
        unsafe sockets.row(socket.slot).pointee.sendCount = UInt32(bytes.count)
        submitSend(socket)
    }

    /// A send that nobody waits for saves the turn in which its completion would be read: it is tried inside the enter and silent when it succeeds.
    @usableFromInline package mutating func sendUnawaited(_ socket: SocketID, _ bytes: UnsafeRawBufferPointer) {
        let count = bytes.count
        guard let start = bytes.baseAddress, count < silentSendBytesMax, silentSends.hasRoom else { return unsafe send(socket, bytes) }
        guard beginSend(socket, .sendIsSilent) else { return }
        let slot = socket.slot
        unsafe sockets.row(slot).pointee.sendAddress = UInt(bitPattern: start)
        unsafe sockets.row(slot).pointee.sendCount = UInt32(count)
        let entry = unsafe submission()
        unsafe martlet_prepare_silent_send(entry, sockets.row(slot).pointee.descriptor, start, count)
        unsafe entry.pointee.user_data = Operation.send.userData(socket)
        silentSends.append(slot)
    }

    @usableFromInline package mutating func awaitSend(_ socket: SocketID) {
        if isOpen(socket), unsafe sockets.row(socket.slot).pointee.state.contains(.sendIsSilent) { silentSends.areAwaited = true }
    }

    @usableFromInline package mutating func send(_ socket: SocketID, gathering pieces: UnsafeMutableBufferPointer<IOVector>) {
        guard beginSend(socket, .sendIsGather) else { return }
        unsafe messages.row(socket.slot).pointee.setPieces(pieces)
        submitSend(socket)
    }

    @usableFromInline package mutating func send(_ socket: SocketID, file descriptor: Int32, offset: Int64, count: Int, head: UnsafeRawBufferPointer) {
        guard beginSend(socket, .sendIsFile) else { return }
        unsafe files.row(socket.slot).pointee = FileSend(
            headAddress: UInt(bitPattern: head.baseAddress), headCount: head.count, descriptor: descriptor, offset: offset, count: count)
        pumpFile(socket)
    }

    private func beginSend(_ socket: SocketID, _ kind: RingSocket.State) -> Bool {
        let slot = socket.slot
        guard isOpen(socket), unsafe !sockets.row(slot).pointee.state.contains(.closing) else { return false }
        unsafe precondition(!sockets.row(slot).pointee.state.contains(.sendInFlight), "one send of a socket is in flight at a time")
        unsafe sockets.row(slot).pointee.state.insert(kind.union(.sendInFlight))
        return true
    }

    private func mayZeroCopy(_ slot: UInt32) -> Bool {
        guard features.zeroCopySend, let least = options.zeroCopySendBytesMin else { return false }
        return unsafe sockets.row(slot).pointee.sendCount >= least && !sockets.row(slot).pointee.state.contains(.sendsCopies)
    }

    /// Some sockets cannot send without a copy (Unix), some kernels lack a flag of it (before 6.2), and pinned memory has a limit: this
    /// socket copies from now on. False: the error is not about zero-copy.
    func refusesZeroCopy(_ slot: UInt32, _ code: Int32) -> Bool {
        guard unsafe !sockets.row(slot).pointee.state.contains(.sendIsGather), mayZeroCopy(slot) else { return false }
        guard [EOPNOTSUPP, EINVAL, ENOMEM, ENOBUFS].contains(code) else { return false }
        unsafe sockets.row(slot).pointee.state.insert(.sendsCopies)
        return true
    }

    mutating func submitSend(_ socket: SocketID) {
        let slot = socket.slot
        let flags = MARTLET_SEND_FLAGS
        let entry = unsafe submission()
        let descriptor = unsafe sockets.row(slot).pointee.descriptor
        if unsafe sockets.row(slot).pointee.state.contains(.sendIsGather) {
            unsafe io_uring_prep_sendmsg(entry, descriptor, &messages.row(slot).pointee, UInt32(flags))
        } else {
            let memory = unsafe UnsafeRawPointer(bitPattern: sockets.row(slot).pointee.sendAddress), count = unsafe sockets.row(slot).pointee.sendCount
            if zeroCopyPays, mayZeroCopy(slot) {
                unsafe io_uring_prep_send_zc(entry, descriptor, memory, Int(count), flags, MARTLET_SEND_ZC_REPORT_USAGE)
            } else {
                unsafe io_uring_prep_send(entry, descriptor, memory, Int(count), flags)
            }
        }
        unsafe entry.pointee.user_data = Operation.send.userData(socket)
    }

    /// Counts what the kernel took; true when nothing is left.
    func advanceSend(_ socket: SocketID, by taken: Int) -> Bool {
        let slot = socket.slot
        if unsafe sockets.row(slot).pointee.state.contains(.sendIsGather) {
            unsafe messages.row(slot).pointee.advance(by: taken)
            return unsafe messages.row(slot).pointee.msg_iovlen == 0
        }
        unsafe precondition(taken <= Int(sockets.row(slot).pointee.sendCount), "the kernel sent more than it was given")
        unsafe sockets.row(slot).pointee.sendCount -= UInt32(taken)
        unsafe sockets.row(slot).pointee.sendAddress += UInt(taken)
        return unsafe sockets.row(slot).pointee.sendCount == 0
    }

    /// The ring has no sendfile: it is called here as long as the socket takes bytes, and a poll waits for room.
    mutating func pumpFile(_ socket: SocketID) {
        let slot = socket.slot
        switch unsafe FilePump.run(sockets.row(slot).pointee.descriptor, &files.row(slot).pointee) {
        case .done: announce(slot)
        case .failed(let code):
            unsafe sockets.row(slot).pointee.announcedError = UInt16(truncatingIfNeeded: code)
            announce(slot)
        case .full:
            let entry = unsafe submission()
            unsafe io_uring_prep_poll_add(entry, sockets.row(slot).pointee.descriptor, UInt32(POLLOUT))
            unsafe entry.pointee.user_data = Operation.poll.userData(socket)
        }
    }
}
