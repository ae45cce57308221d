// Deadlines of many rows: a row stands in the bucket in which its deadline may fall due, and is looked at only then.
//
// The owner keeps the true deadline in its own table and moves it freely; when the bucket comes due the owner is asked, and
// a row whose deadline has moved is put where it belongs now. So activity on a connection costs a store and no wheel work.
// Precision: one tick. Deadlines beyond the horizon stand in the last bucket and are moved on when it comes due.

@safe @usableFromInline package struct TimerWheel: ~Copyable {
    package static let tickNanoseconds: Nanoseconds = 100_000_000
    static let bucketCount = 512

    private struct Links: BitwiseCopyable {
        /// Neighbours in the bucket as row + 1; 0 is none.
        var next: UInt32
        var previous: UInt32
        /// Bucket + 1; 0 while the row stands in none.
        var bucket: UInt32
    }

    private let links: Slab<Links>
    private var buckets = [UInt32](repeating: 0, count: bucketCount)
    private var rowCount = 0
    /// The first tick that has not been looked at.
    private var tick: UInt64
    /// No bucket before this tick has rows.
    private var soonest: UInt64
    /// What `nextDue` found since the rows changed last: every turn asks.
    @usableFromInline var known: Nanoseconds?

    package init(capacity: Int, now: Nanoseconds) throws(SystemError) {
        links = try Slab(capacity: capacity)
        tick = now / Self.tickNanoseconds
        soonest = tick
    }

    package var isEmpty: Bool { rowCount == 0 }

    package func contains(_ row: UInt32) -> Bool { unsafe links.row(row).pointee.bucket != 0 }

    /// Puts a row where its deadline falls due; it must stand nowhere.
    package mutating func insert(_ row: UInt32, deadline: Nanoseconds) {
        unsafe precondition(links.row(row).pointee.bucket == 0, "a row stands in the wheel once")
        known = nil
        let due = max(deadline / Self.tickNanoseconds + 1, tick)
        let place = min(due, tick + UInt64(Self.bucketCount) - 1)
        let index = Int(place % UInt64(Self.bucketCount))
        soonest = rowCount == 0 ? place : min(soonest, place)
        let first = buckets[index]
        unsafe links.row(row).pointee = Links(next: first, previous: 0, bucket: UInt32(index) + 1)
        if first != 0 { unsafe links.row(first - 1).pointee.previous = row + 1 }
        buckets[index] = row + 1
        rowCount += 1
    }

    package mutating func remove(_ row: UInt32) {
        let entry = unsafe links.row(row).pointee
        guard entry.bucket != 0 else { return }
        known = nil
        if entry.previous != 0 { unsafe links.row(entry.previous - 1).pointee.next = entry.next } else { buckets[Int(entry.bucket) - 1] = entry.next }
        if entry.next != 0 { unsafe links.row(entry.next - 1).pointee.previous = entry.previous }
        unsafe links.row(row).pointee = Links(next: 0, previous: 0, bucket: 0)
        rowCount -= 1
    }

    /// When the wheel must be looked at next; nil when it is empty.
    @inlinable @inline(__always)  // A load in nearly every turn.
    package mutating func nextDue() -> Nanoseconds? { known ?? findDue() }

    @usableFromInline mutating func findDue() -> Nanoseconds? {
        guard rowCount > 0 else { return nil }
        while buckets[Int(soonest % UInt64(Self.bucketCount))] == 0 { soonest += 1 }
        known = soonest * Self.tickNanoseconds
        return known
    }

    @inlinable @inline(__always)  // As above.
    package mutating func isDue(now: Nanoseconds) -> Bool { nextDue().map { $0 <= now } ?? false }

    /// Takes out one row whose bucket has come due; nil when there is none. The owner puts it back if its deadline has moved.
    package mutating func takeDue(now: Nanoseconds) -> UInt32? {
        let current = now / Self.tickNanoseconds
        while rowCount > 0, soonest <= current {
            tick = max(tick, soonest)
            let first = buckets[Int(soonest % UInt64(Self.bucketCount))]
            if first != 0 {
                remove(first - 1)
                return first - 1
            }
            soonest += 1
        }
        tick = max(tick, current)
        return nil
    }
}
