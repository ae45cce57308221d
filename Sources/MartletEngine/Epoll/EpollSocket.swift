// What the epoll engine knows of one socket: what the kernel last said it is ready for, and what the owner wants of it.

/// A row of the socket table. All zero: free, never used.
struct EpollSocket: SlotRow {
    struct State: OptionSet, BitwiseCopyable {
        let rawValue: UInt16
        static let open = State(rawValue: 1 << 0)
        /// The owner wants to receive.
        static let wantsReceive = State(rawValue: 1 << 1)
        /// The kernel may have bytes, the end or an error; it will not say so again before a read found nothing.
        static let readable = State(rawValue: 1 << 2)
        /// The peer's end was signalled: a short read does not mean that nothing follows.
        static let endSignalled = State(rawValue: 1 << 3)
        /// Stands in the list of sockets to read from.
        static let ready = State(rawValue: 1 << 4)
        static let sendInFlight = State(rawValue: 1 << 5)
        /// The send in flight is a vector, or a file; else one piece of memory.
        static let sendIsGather = State(rawValue: 1 << 6)
        static let sendIsFile = State(rawValue: 1 << 7)
        static let connecting = State(rawValue: 1 << 8)
        /// The kernel took no more bytes; it says when it does.
        static let sendWaits = State(rawValue: 1 << 9)
        /// Stands in the list of events that need no readiness: a send that ended inside the call, or a closed socket.
        static let announced = State(rawValue: 1 << 10)
        /// The descriptor is closed; the owner has not been told yet.
        static let closed = State(rawValue: 1 << 11)
    }

    var descriptor: Int32
    var generation: UInt32
    var state: State
    /// errno of the announced event, 0 for none.
    var announcedError: UInt16
    /// Links of the free list (next only) or the ready list.
    var next: UInt32
    var previous: UInt32
    /// Link of the announced list.
    var announcedNext: UInt32
    /// What is left of a send from one piece of memory.
    var sendCount: Int
    var sendAddress: UInt
}

/// What a watched descriptor is, above its name in the 64 bits that epoll hands back.
enum EpollWatch: UInt8 {
    case socket = 0, listener, waker, timer, descriptor

    var data: UInt64 { UInt64(rawValue) << 56 }
}

/// A listener that the engine accepts from.
struct EpollListener {
    var descriptor: Int32
    var wanted: Bool
    /// Registered with epoll: not while it rests.
    var watched: Bool
    /// Set while the table of files is full.
    var isPaused: Bool
}
