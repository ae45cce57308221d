// Timers by when they are due; equal ones in the order in which they were made. Each entry owns a reference.
//
// Nothing here lets go of a reference: what dies may run Python code, which may come back here.

internal import CPython

@safe struct TimerHeap: ~Copyable {
    @unsafe private struct Entry {
        let when: Double
        let serial: UInt64
        let handle: Reference
    }

    private var entries: [Entry] = unsafe []
    private var serial: UInt64 = 0
    /// Of these, cancelled ones.
    private var cancelledCount = 0
    /// Cancelled timers are swept when they are more than this and more than half.
    private static let cancelledKept = 100
    /// Room of a burst that is kept for the next one.
    private static let capacityKept = 4096

    var count: Int { unsafe entries.count }
    /// When the first is due, in seconds of `loop.time()`.
    var next: Double? { unsafe entries.first?.when }

    mutating func insert(_ when: Double, _ handle: consuming Object) {
        serial += 1
        unsafe entries.append(Entry(when: when, serial: serial, handle: handle.leave()))
        unsafe siftUp(entries.count - 1)
    }

    mutating func popDue(_ end: Double) -> Object? {
        guard let first = unsafe entries.first, unsafe first.when <= end else { return nil }
        return popFirst()
    }

    mutating func popFirst() -> Object? {
        guard let first = unsafe entries.first else { return nil }
        let last = unsafe entries.removeLast()
        if unsafe !entries.isEmpty {
            unsafe entries[0] = unsafe last
            siftDown(0)
        } else if unsafe entries.capacity > Self.capacityKept {
            unsafe entries = unsafe []
        }
        return unsafe Object(taking: first.handle)
    }

    mutating func noteCancelled() { cancelledCount += 1 }
    mutating func noteCancelledLeft() { cancelledCount = max(0, cancelledCount - 1) }

    /// The first timer if it was cancelled.
    mutating func popCancelled(_ layout: HandleLayout) -> Object? {
        guard cancelledCount > 0, let first = unsafe entries.first, unsafe layout.isCancelled(first.handle) else { return nil }
        noteCancelledLeft()
        unsafe layout.markScheduled(first.handle, false)
        return popFirst()
    }

    /// Takes all cancelled timers out when they have become many; the caller lets go of them.
    mutating func takeCancelled(_ layout: HandleLayout) -> [Reference] {
        guard cancelledCount > Self.cancelledKept, unsafe cancelledCount * 2 > entries.count else { return unsafe [] }
        cancelledCount = 0
        var taken: [Reference] = unsafe []
        let all = unsafe entries
        unsafe entries = unsafe []
        for unsafe entry in unsafe all {
            if unsafe layout.isCancelled(entry.handle) {
                unsafe layout.markScheduled(entry.handle, false)
                unsafe taken.append(entry.handle)
            } else {
                unsafe entries.append(entry)
                unsafe siftUp(entries.count - 1)
            }
        }
        return unsafe taken
    }

    /// Somebody else's reference, in no order.
    func item(_ index: Int) -> Reference { unsafe entries[index].handle }

    private func isBefore(_ left: Entry, _ right: Entry) -> Bool {
        unsafe left.when < right.when || (left.when == right.when && left.serial < right.serial)
    }

    private mutating func siftUp(_ start: Int) {
        var index = start
        while index > 0 {
            let parent = (index - 1) / 2
            guard unsafe isBefore(entries[index], entries[parent]) else { return }
            unsafe entries.swapAt(index, parent)
            index = parent
        }
    }

    private mutating func siftDown(_ start: Int) {
        var index = start
        while true {
            let left = 2 * index + 1
            guard unsafe left < entries.count else { return }
            let right = left + 1
            let child = unsafe right < entries.count && isBefore(entries[right], entries[left]) ? right : left
            guard unsafe isBefore(entries[child], entries[index]) else { return }
            unsafe entries.swapAt(index, child)
            index = child
        }
    }
}
