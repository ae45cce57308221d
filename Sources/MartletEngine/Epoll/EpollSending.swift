// Sends of the three kinds: one piece of memory, a vector of pieces, a file behind a head.
//
// Each is tried inside the call; what the kernel does not take waits for the edge that says there is room.

internal import CUring
internal import Glibc

extension EpollEngine {
    package mutating func send(_ socket: SocketID, _ bytes: UnsafeRawBufferPointer) {
        guard beginSend(socket, []) else { return }
        sockets[socket.slot].sendAddress = UInt(bitPattern: bytes.baseAddress)
        sockets[socket.slot].sendCount = bytes.count
        continueSend(socket.slot)
    }

    package mutating func send(_ socket: SocketID, gathering pieces: UnsafeMutableBufferPointer<IOVector>) {
        guard beginSend(socket, .sendIsGather) else { return }
        unsafe messages[socket.slot].msg_iov = pieces.baseAddress
        unsafe messages[socket.slot].msg_iovlen = pieces.count
        continueSend(socket.slot)
    }

    package mutating func send(_ socket: SocketID, file descriptor: Int32, offset: Int64, count: Int, head: UnsafeRawBufferPointer) {
        guard beginSend(socket, .sendIsFile) else { return }
        files[socket.slot] = FileSend(headAddress: UInt(bitPattern: head.baseAddress), headCount: head.count, descriptor: descriptor, offset: offset, count: count)
        continueSend(socket.slot)
    }

    private func beginSend(_ socket: SocketID, _ kind: EpollSocket.State) -> Bool {
        let slot = socket.slot
        guard isOpen(socket) else { return false }
        precondition(!sockets[slot].state.contains(.sendInFlight), "one send of a socket is in flight at a time")
        sockets[slot].state.insert(kind.union(.sendInFlight))
        return true
    }

    /// Gives the kernel as much as it takes, and announces the end of the send when that is all, or when it can never be.
    mutating func continueSend(_ slot: UInt32) {
        sockets[slot].state.remove(.sendWaits)
        let state = sockets[slot].state
        let outcome =
            if state.contains(.sendIsFile) { FilePump.run(sockets[slot].descriptor, &files[slot]) }
            else if state.contains(.sendIsGather) { sendPieces(slot) }
            else { sendBytes(slot) }
        switch outcome {
        case .done: announce(slot)
        case .full: sockets[slot].state.insert(.sendWaits)
        case .failed(let code):
            sockets[slot].announcedError = UInt16(truncatingIfNeeded: code)
            announce(slot)
        }
    }

    private func sendBytes(_ slot: UInt32) -> FilePump.Outcome {
        while sockets[slot].sendCount > 0 {
            let memory = unsafe UnsafeRawPointer(bitPattern: sockets[slot].sendAddress)
            let taken = unsafe Glibc.send(sockets[slot].descriptor, memory, sockets[slot].sendCount, MARTLET_SEND_NOW)
            if taken < 0 {
                if errno == EINTR { continue }
                return errno == EAGAIN ? .full : .failed(errno)
            }
            sockets[slot].sendAddress += UInt(taken)
            sockets[slot].sendCount -= taken
        }
        return .done
    }

    private func sendPieces(_ slot: UInt32) -> FilePump.Outcome {
        while unsafe messages[slot].msg_iovlen > 0 {
            let taken = unsafe sendmsg(sockets[slot].descriptor, &messages[slot], MARTLET_SEND_NOW)
            if taken < 0 {
                if errno == EINTR { continue }
                return errno == EAGAIN ? .full : .failed(errno)
            }
            unsafe messages[slot].advance(by: taken)
        }
        return .done
    }
}
