// A table of fixed capacity whose rows are made by the kernel as they are touched (zeroed), so that a large table costs what is used of it.
//
// Rows are named by index; every access is checked against the capacity.


@safe package struct Slab<Row: BitwiseCopyable>: ~Copyable {
    @usableFromInline let memory: PageMemory
    @usableFromInline let rows: UnsafeMutablePointer<Row>
    package let capacity: Int

    /// All bits zero must be a valid row.
    package init(capacity: Int) throws(SystemError) {
        precondition(capacity > 0 && capacity <= 1 << 24, "a slab has 1 to 16,777,216 rows")
        memory = try PageMemory(byteCount: capacity * MemoryLayout<Row>.stride)
        unsafe rows = unsafe memory.base.bindMemory(to: Row.self, capacity: capacity)
        self.capacity = capacity
    }

    /// The place of a row, checked against the capacity; valid as long as the slab.
    // Inlined always: every event makes several of these, and they are a compare and an address. A subscript with addressors stays out of line.
    @inlinable @inline(__always) package func row(_ index: UInt32) -> UnsafeMutablePointer<Row> {
        precondition(index < capacity, "row outside of the slab")
        return unsafe rows + Int(index)
    }
}
