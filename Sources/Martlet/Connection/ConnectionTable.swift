// The connections of one core, by slot.

internal import MartletEngine

/// A connection's row, looked up and checked once; valid as long as the table. The steps that every request takes hand it on.
typealias ConnectionRow = UnsafeMutablePointer<Connection>

/// A table of fixed capacity; rows that were never used cost no memory. Not a `Slab`: a generic of another module is not inlined here, and a row is
/// looked up some dozen times for each request.
@safe struct ConnectionTable: ~Copyable {
    private let memory: PageMemory
    private let rows: UnsafeMutablePointer<Connection>
    let capacity: Int

    init(capacity: Int) throws(SystemError) {
        let memory = try PageMemory(byteCount: capacity * MemoryLayout<Connection>.stride)
        unsafe rows = unsafe memory.base.bindMemory(to: Connection.self, capacity: capacity)
        self.memory = memory
        self.capacity = capacity
    }

    /// A connection's row, checked against the capacity; valid as long as the table.
    @inline(__always) func row(_ slot: UInt32) -> UnsafeMutablePointer<Connection> {
        precondition(slot < capacity, "a slot outside of the connection table")
        return unsafe rows + Int(slot)
    }
}
