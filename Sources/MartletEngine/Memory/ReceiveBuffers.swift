// The buffers that the kernel fills: a registered ring of fixed-size pieces, used in rotation.
//
// Starts small, because every buffer becomes resident within a rotation, and grows when the kernel runs out, up to a bound.
// Invariant: a buffer is either the kernel's or lent to the core; it goes back exactly once.

internal import CUring

@safe struct ReceiveBuffers: ~Copyable {
    /// Bytes after the last buffer that a parser may read in whole words without leaving the mapping.
    static let slackBytes = 64

    private let memory: PageMemory
    private let ringMemory: PageMemory
    private let entries: UnsafeMutablePointer<io_uring_buf_ring>
    private let mask: UInt32
    let bytesEach: Int
    private let entryBytes: UInt32
    let countMax: Int
    private(set) var count: Int
    /// Filled by the kernel and not given back yet.
    private(set) var lentCount = 0
    /// Given back since the last `publish`.
    private var returned: UInt32 = 0

    static let group: UInt32 = 0

    init(_ ring: UnsafeMutablePointer<io_uring>, bytesEach: Int, count: Int, countMax: Int) throws(SystemError) {
        precondition(countMax & (countMax - 1) == 0 && countMax <= 32768, "the number of receive buffers is a power of two, at most 32,768")
        precondition(count > 0 && count <= countMax, "the receive buffers start within their bound")
        let memory = try PageMemory(byteCount: bytesEach * countMax + Self.slackBytes)
        let ringMemory = try PageMemory(byteCount: countMax * MemoryLayout<io_uring_buf>.stride)
        var registration = io_uring_buf_reg()
        registration.ring_addr = unsafe UInt64(UInt(bitPattern: ringMemory.base))
        registration.ring_entries = UInt32(countMax)
        registration.bgid = UInt16(Self.group)
        let code = unsafe io_uring_register_buf_ring(ring, &registration, 0)
        guard code == 0 else { throw SystemError(-code, .ioUringRegisterBufRing) }
        unsafe entries = unsafe ringMemory.base.assumingMemoryBound(to: io_uring_buf_ring.self)
        self.memory = memory
        self.ringMemory = ringMemory
        mask = UInt32(countMax - 1)
        self.bytesEach = bytesEach
        entryBytes = UInt32(bytesEach)
        self.countMax = countMax
        self.count = 0
        grow(by: count)
        publish()
    }

    /// The bytes that the kernel put into a buffer. The kernel's numbers are checked: a wrong one would reach outside of the pool.
    func bytes(_ buffer: UInt16, count byteCount: Int) -> UnsafeRawBufferPointer {
        precondition(Int(buffer) < count && byteCount <= bytesEach, "the kernel named a receive buffer that it was never given")
        return unsafe UnsafeRawBufferPointer(start: memory.base + Int(buffer) * bytesEach, count: byteCount)
    }

    /// A completion named a buffer: it is the core's until it is given back.
    mutating func markLent() { lentCount += 1 }

    @inline(__always) // As above.
    mutating func giveBack(_ buffer: UInt16) {
        precondition(Int(buffer) < count && lentCount > 0, "a receive buffer was given back that was never lent")
        lentCount -= 1
        put(buffer)
    }

    @inline(__always) // A few stores for each receive.
    private mutating func put(_ buffer: UInt16) {
        unsafe martlet_buffer_add(entries, memory.base + Int(buffer) * bytesEach, entryBytes, UInt32(buffer), mask, returned)
        returned += 1
    }

    /// Shows the kernel everything that was given back; one store for a whole turn.
    mutating func publish() {
        guard returned > 0 else { return }
        unsafe martlet_buffers_advance(entries, returned)
        returned = 0
    }

    /// More buffers, within the bound.
    mutating func grow(by more: Int) {
        let end = min(count + more, countMax)
        while count < end {
            count += 1
            put(UInt16(count - 1))
        }
    }
}
