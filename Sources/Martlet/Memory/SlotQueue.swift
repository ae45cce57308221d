// Slots that want to be looked at in this turn, first in, first out. Each stands in it at most once; the row's flag says so.

internal import MartletEngine

struct SlotQueue: ~Copyable {
    private let slots: Slab<UInt32>
    private let mask: UInt32
    private var first: UInt32 = 0
    private var end: UInt32 = 0

    /// - Parameter capacity: of the connection table, a power of two.
    init(capacity: Int) throws(SystemError) {
        precondition(capacity & (capacity - 1) == 0, "the queue's capacity is a power of two")
        slots = try Slab(capacity: capacity)
        mask = UInt32(capacity - 1)
    }

    var isEmpty: Bool { first == end }

    mutating func append(_ slot: UInt32) {
        unsafe slots.row(end & mask).pointee = slot
        end &+= 1  // Safe: indices wrap; at most `capacity` slots stand in the queue.
    }

    mutating func popFirst() -> UInt32? {
        guard first != end else { return nil }
        let slot = unsafe slots.row(first & mask).pointee
        first &+= 1
        return slot
    }
}
