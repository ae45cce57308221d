// Handles that are to run in the next turn, in order. Each place owns a reference.
//
// Nothing here lets go of a reference: what dies may run Python code, which may come back here.

internal import CPython

@safe struct ReadyQueue: ~Copyable {
    private var places: UnsafeMutablePointer<Reference?>
    private var capacity = capacityMin
    private var head = 0
    private(set) var count = 0

    private static let capacityMin = 64
    /// Room of a burst that is kept for the next one.
    private static let capacityKept = 4096

    init() {
        unsafe places = .allocate(capacity: capacity)
        unsafe places.initialize(repeating: nil, count: capacity)
    }

    mutating func append(_ handle: consuming Object) {
        if count == capacity { resize(capacity * 2) }
        unsafe places[(head + count) & (capacity - 1)] = handle.leave()
        count += 1
    }

    mutating func popFirst() -> Object? {
        guard count > 0 else { return nil }
        let first = unsafe places[head]
        head = (head + 1) & (capacity - 1)
        count -= 1
        if count == 0, capacity > Self.capacityKept { resize(Self.capacityMin) }
        return unsafe Object(taking: first)
    }

    /// Somebody else's reference.
    func item(_ index: Int) -> Reference? {
        index >= 0 && index < count ? unsafe places[(head + index) & (capacity - 1)] : nil
    }

    private mutating func resize(_ newCapacity: Int) {
        let new = UnsafeMutablePointer<Reference?>.allocate(capacity: newCapacity)
        unsafe new.initialize(repeating: nil, count: newCapacity)
        for index in 0..<count { unsafe new[index] = unsafe places[(head + index) & (capacity - 1)] }
        unsafe places.deallocate()
        unsafe places = unsafe new
        head = 0
        capacity = newCapacity
    }

    deinit { unsafe places.deallocate() }
}
