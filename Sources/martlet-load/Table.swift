// A slab whose rows are written as elements: the generator's tables are many, and all small.

import MartletEngine

@safe struct Table<Row: BitwiseCopyable>: ~Copyable {
    private let slab: Slab<Row>
    var count: Int { slab.capacity }

    /// All bits zero must be a valid row.
    init(count: Int) throws(SystemError) { slab = try Slab(capacity: count) }

    subscript(index: UInt32) -> Row {
        // Safe: the slab checks the index, and its rows stay where they are.
        @inline(__always) unsafeAddress { unsafe UnsafePointer(slab.row(index)) }
        @inline(__always) nonmutating unsafeMutableAddress { unsafe slab.row(index) }
    }
}
