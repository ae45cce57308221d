// Handles that are to run in the next turn, in order. Each place owns a reference.

internal import CPython

@safe struct ReadyQueue: ~Copyable {
    private var places: UnsafeMutablePointer<Reference?>
    private var capacity = 64
    private var head = 0
    private(set) var count = 0

    init() {
        unsafe places = .allocate(capacity: capacity)
        unsafe places.initialize(repeating: nil, count: capacity)
    }

    mutating func append(_ handle: consuming Object) {
        if count == capacity { grow() }
        unsafe places[(head + count) & (capacity - 1)] = handle.leave()
        count += 1
    }

    mutating func popFirst() -> Object? {
        guard count > 0 else { return nil }
        let first = unsafe places[head]
        head = (head + 1) & (capacity - 1)
        count -= 1
        return unsafe Object(taking: first)
    }

    private mutating func grow() {
        let larger = UnsafeMutablePointer<Reference?>.allocate(capacity: capacity * 2)
        unsafe larger.initialize(repeating: nil, count: capacity * 2)
        for index in 0..<count { unsafe larger[index] = unsafe places[(head + index) & (capacity - 1)] }
        unsafe places.deallocate()
        unsafe places = unsafe larger
        head = 0
        capacity *= 2
    }

    deinit { unsafe places.deallocate() }
}
