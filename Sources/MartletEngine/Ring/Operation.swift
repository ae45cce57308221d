// What a completion answers: an operation code above the socket's name, in the 64 bits that the kernel hands back.

enum Operation: UInt8 {
    case ignored = 0, accept, receive, send, connect, poll, timeout, wake, watch

    func userData(_ socket: SocketID) -> UInt64 { UInt64(rawValue) << 56 | socket.packed }
    var userData: UInt64 { UInt64(rawValue) << 56 }
}

/// A listener that the ring accepts from.
struct RingListener {
    var descriptor: Int32
    var wanted: Bool
    var armed: Bool
    /// Tells completions of an earlier arming from this one's.
    var generation: UInt32
    /// Set while the table of files is full.
    var isPaused: Bool
}
