// Which rows of a socket table are free. The list runs through the rows themselves, so that it costs no memory; last in, first out: cache-warm.

/// A row of a socket table, as the list of free ones sees it.
protocol SlotRow: BitwiseCopyable {
    /// Counts the sockets that had this row, so that a late completion of an earlier one is recognized.
    var generation: UInt32 { get set }
    /// The next free slot + 1; the row's own to use while it is taken.
    var next: UInt32 { get set }
}

struct FreeSlots {
    /// One past the highest slot that was ever taken.
    private(set) var used: UInt32 = 0
    /// Slot + 1; 0 means none.
    private var first: UInt32 = 0

    /// Nil when the table is full.
    mutating func take<Row: SlotRow>(from rows: borrowing Slab<Row>) -> UInt32? {
        if first != 0 {
            let slot = first - 1
            first = unsafe rows.row(slot).pointee.next
            unsafe rows.row(slot).pointee.next = 0
            return slot
        }
        guard used < rows.capacity else { return nil }
        used += 1
        return used - 1
    }

    /// Under the next generation, which has as many bits as a socket's name has for it.
    mutating func giveBack<Row: SlotRow>(_ slot: UInt32, to rows: borrowing Slab<Row>) {
        unsafe rows.row(slot).pointee.generation = unsafe (rows.row(slot).pointee.generation + 1) & 0xFF_FFFF
        unsafe rows.row(slot).pointee.next = first
        first = slot + 1
    }
}
