// Sends of the three kinds: one piece of memory, a vector of pieces, a file behind a head.
//
// The kernel resumes short sends by itself (MSG_WAITALL); where it does not, they are continued here, so that the owner sees one `sent`.

internal import CUring
internal import Glibc

extension RingEngine {
    package mutating func send(_ socket: SocketID, _ bytes: UnsafeRawBufferPointer) {
        guard beginSend(socket, []) else { return }
        sockets[socket.slot].sendAddress = UInt(bitPattern: bytes.baseAddress)
        sockets[socket.slot].sendCount = UInt32(bytes.count)
        submitSend(socket)
    }

    package mutating func send(_ socket: SocketID, gathering pieces: UnsafeMutableBufferPointer<IOVector>) {
        guard beginSend(socket, .sendIsGather) else { return }
        unsafe messages[socket.slot].msg_iov = pieces.baseAddress
        unsafe messages[socket.slot].msg_iovlen = pieces.count
        submitSend(socket)
    }

    package mutating func send(_ socket: SocketID, file descriptor: Int32, offset: Int64, count: Int, head: UnsafeRawBufferPointer) {
        guard beginSend(socket, .sendIsFile) else { return }
        files[socket.slot] = FileSend(headAddress: UInt(bitPattern: head.baseAddress), headCount: head.count, descriptor: descriptor, offset: offset, count: count)
        pumpFile(socket)
    }

    private func beginSend(_ socket: SocketID, _ kind: RingSocket.State) -> Bool {
        let slot = socket.slot
        guard isOpen(socket), !sockets[slot].state.contains(.closing) else { return false }
        precondition(!sockets[slot].state.contains(.sendInFlight), "one send of a socket is in flight at a time")
        sockets[slot].state.insert(kind.union(.sendInFlight))
        return true
    }

    private func mayZeroCopy(_ slot: UInt32) -> Bool {
        guard features.zeroCopySend, let least = options.zeroCopySendBytesMin else { return false }
        return sockets[slot].sendCount >= least && !sockets[slot].state.contains(.sendsCopies)
    }

    /// Some sockets cannot send without a copy (Unix), some kernels lack a flag of it (before 6.2), and pinned memory has a limit: this
    /// socket copies from now on. False: the error is not about zero-copy.
    func refusesZeroCopy(_ slot: UInt32, _ code: Int32) -> Bool {
        guard !sockets[slot].state.contains(.sendIsGather), mayZeroCopy(slot) else { return false }
        guard [EOPNOTSUPP, EINVAL, ENOMEM, ENOBUFS].contains(code) else { return false }
        sockets[slot].state.insert(.sendsCopies)
        return true
    }

    mutating func submitSend(_ socket: SocketID) {
        let slot = socket.slot
        let flags = MARTLET_SEND_FLAGS
        let entry = unsafe submission()
        let descriptor = sockets[slot].descriptor
        if sockets[slot].state.contains(.sendIsGather) {
            unsafe io_uring_prep_sendmsg(entry, descriptor, &messages[slot], UInt32(flags))
        } else {
            let memory = unsafe UnsafeRawPointer(bitPattern: sockets[slot].sendAddress), count = sockets[slot].sendCount
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
        if sockets[slot].state.contains(.sendIsGather) {
            unsafe messages[slot].advance(by: taken)
            return unsafe messages[slot].msg_iovlen == 0
        }
        precondition(taken <= Int(sockets[slot].sendCount), "the kernel sent more than it was given")
        sockets[slot].sendCount -= UInt32(taken)
        sockets[slot].sendAddress += UInt(taken)
        return sockets[slot].sendCount == 0
    }

    /// The ring has no sendfile: it is called here as long as the socket takes bytes, and a poll waits for room.
    mutating func pumpFile(_ socket: SocketID) {
        let slot = socket.slot
        switch FilePump.run(sockets[slot].descriptor, &files[slot]) {
        case .done: announce(slot)
        case .failed(let code):
            sockets[slot].announcedError = UInt16(truncatingIfNeeded: code)
            announce(slot)
        case .full:
            let entry = unsafe submission()
            unsafe io_uring_prep_poll_add(entry, sockets[slot].descriptor, UInt32(POLLOUT))
            unsafe entry.pointee.user_data = Operation.poll.userData(socket)
        }
    }
}
