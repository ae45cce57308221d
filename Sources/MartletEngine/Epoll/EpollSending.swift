// Sends of the three kinds: one piece of memory, a vector of pieces, a file behind a head.
//
// Each is tried inside the call; what the kernel does not take waits for the edge that says there is room.

internal import CUring
internal import Glibc

extension EpollEngine {
    @usableFromInline package mutating func send(_ socket: SocketID, _ bytes: UnsafeRawBufferPointer) {
        guard beginSend(socket, []) else { return }
        unsafe sockets.row(socket.slot).pointee.sendAddress = UInt(bitPattern: bytes.baseAddress)
        unsafe sockets.row(socket.slot).pointee.sendCount = bytes.count
        continueSend(socket.slot)
    }

    @usableFromInline package mutating func send(_ socket: SocketID, gathering pieces: UnsafeMutableBufferPointer<IOVector>) {
        guard beginSend(socket, .sendIsGather) else { return }
        unsafe messages.row(socket.slot).pointee.setPieces(pieces)
        continueSend(socket.slot)
    }

    @usableFromInline package mutating func send(_ socket: SocketID, file descriptor: Int32, offset: Int64, count: Int, head: UnsafeRawBufferPointer) {
        guard beginSend(socket, .sendIsFile) else { return }
        unsafe files.row(socket.slot).pointee = FileSend(
            headAddress: UInt(bitPattern: head.baseAddress), headCount: head.count, descriptor: descriptor, offset: offset, count: count)
        continueSend(socket.slot)
    }

    private func beginSend(_ socket: SocketID, _ kind: EpollSocket.State) -> Bool {
        let slot = socket.slot
        guard isOpen(socket) else { return false }
        unsafe precondition(!sockets.row(slot).pointee.state.contains(.sendInFlight), "one send of a socket is in flight at a time")
        unsafe sockets.row(slot).pointee.state.insert(kind.union(.sendInFlight))
        return true
    }

    /// Gives the kernel as much as it takes, and announces the end of the send when that is all, or when it can never be.
    mutating func continueSend(_ slot: UInt32) {
        unsafe sockets.row(slot).pointee.state.remove(.sendWaits)
        let state = unsafe sockets.row(slot).pointee.state
        let outcome =
            if state.contains(.sendIsFile) { unsafe FilePump.run(sockets.row(slot).pointee.descriptor, &files.row(slot).pointee) }
            else if state.contains(.sendIsGather) { sendPieces(slot) }
            else { sendBytes(slot) }
        switch outcome {
        case .done: announce(slot)
        case .full: unsafe sockets.row(slot).pointee.state.insert(.sendWaits)
        case .failed(let code):
            unsafe sockets.row(slot).pointee.announcedError = UInt16(truncatingIfNeeded: code)
            announce(slot)
        }
    }

    // Mutating, because a method that is not, called from one that is, gets a copy of the whole engine (Swift 6.3).
    private mutating func sendBytes(_ slot: UInt32) -> FilePump.Outcome {
        while unsafe sockets.row(slot).pointee.sendCount > 0 {
            let memory = unsafe UnsafeRawPointer(bitPattern: sockets.row(slot).pointee.sendAddress)
            let taken = unsafe martlet_send(sockets.row(slot).pointee.descriptor, memory, sockets.row(slot).pointee.sendCount)
            if taken < 0 {
                if errno == EINTR { continue }
                return errno == EAGAIN ? .full : .failed(errno)
            }
            unsafe sockets.row(slot).pointee.sendAddress += UInt(taken)
            unsafe sockets.row(slot).pointee.sendCount -= taken
        }
        return .done
    }

    private mutating func sendPieces(_ slot: UInt32) -> FilePump.Outcome {
        while unsafe messages.row(slot).pointee.msg_iovlen > 0 {
            let taken = unsafe sendmsg(sockets.row(slot).pointee.descriptor, &messages.row(slot).pointee, MARTLET_SEND_NOW)
            if taken < 0 {
                if errno == EINTR { continue }
                return errno == EAGAIN ? .full : .failed(errno)
            }
            unsafe messages.row(slot).pointee.advance(by: taken)
        }
        return .done
    }
}
