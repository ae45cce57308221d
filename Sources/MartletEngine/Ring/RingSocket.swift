// What the ring knows of one socket: which operations the kernel still holds, so that a slot is freed only after the last of them.

/// A row of the socket table. All zero: free, never used.
struct RingSocket: SlotRow {
    struct State: OptionSet, BitwiseCopyable {
        let rawValue: UInt16
        static let open = State(rawValue: 1 << 0)
        /// The owner wants to receive.
        static let wantsReceive = State(rawValue: 1 << 1)
        /// The kernel holds a receive.
        static let receiveArmed = State(rawValue: 1 << 2)
        static let receiveCancelling = State(rawValue: 1 << 3)
        /// Waits in the starved list for a buffer.
        static let starved = State(rawValue: 1 << 4)
        static let sendInFlight = State(rawValue: 1 << 5)
        /// The send in flight is a vector, or a file; else one piece of memory.
        static let sendIsGather = State(rawValue: 1 << 6)
        static let sendIsFile = State(rawValue: 1 << 7)
        static let connecting = State(rawValue: 1 << 8)
        static let closing = State(rawValue: 1 << 9)
        /// Stands in the list of events that need no completion: a send that ended inside the call, or a closed socket.
        static let announced = State(rawValue: 1 << 10)
        /// The descriptor was given to the kernel to close, and is no longer ours; the owner has not been told yet.
        static let closed = State(rawValue: 1 << 12)
        /// The send says nothing when it succeeds: it ends inside the enter that takes it, and only a failure has a completion.
        static let sendIsSilent = State(rawValue: 1 << 13)
        /// A zero-copy send's memory is still the kernel's.
        static let notificationPending = State(rawValue: 1 << 11)
        /// The kernel refused to send from this socket without a copy.
        static let sendsCopies = State(rawValue: 1 << 14)
        /// Its owner could not keep up once: it is read a buffer at a time from then on, so that no burst fills memory that is cold when it is looked at.
        static let receivesSingly = State(rawValue: 1 << 15)

        /// Operations that the kernel has not ended.
        static let held: State = [.receiveArmed, .sendInFlight, .connecting, .notificationPending]
    }

    var descriptor: Int32
    var generation: UInt32
    var state: State
    /// errno of the announced event, 0 for none.
    var announcedError: UInt16
    /// Links of the free list (next only) or the starved list.
    var next: UInt32
    var previous: UInt32
    /// Link of the announced list.
    var announcedNext: UInt32
    /// What is left of a send from one piece of memory.
    var sendCount: UInt32
    var sendAddress: UInt
}
