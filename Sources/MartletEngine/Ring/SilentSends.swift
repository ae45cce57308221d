// Sends that have no completion when they succeed.
//
// Such a send is taken whole by the socket inside the io_uring_enter that submits it (MSG_DONTWAIT with MSG_WAITALL), or it fails there: a short or refused
// one posts its completion before that enter returns. So once everything was submitted and the completion queue did not overflow, a send of this list
// without a completion in the queue has succeeded.

struct SilentSends: ~Copyable {
    /// More than these in one turn are sent with a completion. A power of two: the indices below wrap.
    private static let capacity: UInt32 = 1024

    /// The sends in their order: [first, prepared) are submitted by an enter that has returned, [prepared, end) are not.
    private let slots: Slab<UInt32>
    private var first: UInt32 = 0
    private var prepared: UInt32 = 0
    private var end: UInt32 = 0
    /// The next wait must not block, so that their ends are told.
    var areAwaited = false

    init() throws(SystemError) { slots = try Slab(capacity: Int(Self.capacity)) }

    var hasRoom: Bool { end &- first < Self.capacity }
    /// None is undecided.
    var isEmpty: Bool { prepared == end }
    var hasDecided: Bool { first != prepared }

    mutating func append(_ slot: UInt32) {
        unsafe slots.row(end & (Self.capacity - 1)).pointee = slot
        end &+= 1  // Safe: indices wrap; at most `capacity` sends stand in the list.
    }

    mutating func decide() { prepared = end }

    /// There must be one.
    var firstDecided: UInt32 { unsafe slots.row(first & (Self.capacity - 1)).pointee }
    mutating func dropFirst() { first &+= 1 }  // Safe: as above.
}
