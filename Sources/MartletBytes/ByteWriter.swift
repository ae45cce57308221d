// Appends bytes to memory that belongs to the caller.
//
// Owns: the fill position. Never knows: what the bytes mean, where the memory came from.
// Invariant: 0 <= filled <= capacity; bytes [0, filled) are initialized. Growth is the caller's business: a writer
// that would run over its capacity is a fault of ours, so every append is checked by a precondition.

/// Appends to a fixed piece of memory that the caller keeps alive for as long as the writer exists.
///
/// The writer neither allocates nor frees. Reserve enough room before writing: an append that does not fit stops the
/// program. It is not safe to share one writer between threads.
@frozen
@safe
public struct ByteWriter: ~Copyable {
    @usableFromInline
    let base: UnsafeMutableRawPointer

    /// Size of the memory in bytes.
    public let capacity: Int

    @usableFromInline
    var filled: Int

    /// Starts writing at `base + count`.
    ///
    /// - Parameters:
    ///   - base: memory valid for `capacity` bytes for the writer's whole life, written by nobody else.
    ///   - capacity: size of that memory in bytes.
    ///   - count: how many bytes at its start are already filled and must be kept.
    @inlinable
    @unsafe
    public init(_ base: UnsafeMutableRawPointer, capacity: Int, count: Int = 0) {
        precondition(count >= 0 && count <= capacity, "a writer starts within its memory")
        unsafe self.base = base
        self.capacity = capacity
        self.filled = count
    }

    /// Bytes written so far, from the start of the memory.
    @inlinable
    public var count: Int { filled }

    /// Bytes that still fit.
    @inlinable
    public var remaining: Int {
        // Cannot overflow: 0 <= filled <= capacity.
        capacity &- filled
    }

    /// The bytes written so far, borrowed from the writer.
    @inlinable
    public var written: Span<UInt8> {
        @_lifetime(borrow self)
        get {
            let start = unsafe base.assumingMemoryBound(to: UInt8.self)
            let span = unsafe Span(_unsafeStart: start, count: count)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// Appends one byte.
    @inlinable
    public mutating func append(_ byte: UInt8) {
        let end = unsafe reserve(1)
        unsafe end.storeBytes(of: byte, as: UInt8.self)
    }

    /// Appends the UTF-8 bytes of a literal.
    // Inlined always: with a literal the copy becomes one or two stores.
    @inlinable @inline(__always)
    public mutating func append(_ string: StaticString) {
        precondition(string.hasPointerRepresentation, "a literal of one character is appended as a byte")
        let count = string.utf8CodeUnitCount
        let end = unsafe reserve(count)
        unsafe end.copyMemory(from: string.utf8Start, byteCount: count)
    }

    /// Appends literals behind each other, with one check of the room for all of them.
    // Inlined always: the copies become a few stores.
    @inlinable @inline(__always)
    package mutating func append(_ first: StaticString, _ second: StaticString, _ third: StaticString, _ fourth: StaticString) {
        let counts = (first.utf8CodeUnitCount, second.utf8CodeUnitCount, third.utf8CodeUnitCount, fourth.utf8CodeUnitCount)
        // Cannot overflow: literals of one program.
        var end = unsafe reserve(counts.0 &+ counts.1 &+ counts.2 &+ counts.3)
        unsafe end.copyMemory(from: first.utf8Start, byteCount: counts.0)
        unsafe end += counts.0
        unsafe end.copyMemory(from: second.utf8Start, byteCount: counts.1)
        unsafe end += counts.1
        unsafe end.copyMemory(from: third.utf8Start, byteCount: counts.2)
        unsafe end += counts.2
        unsafe end.copyMemory(from: fourth.utf8Start, byteCount: counts.3)
    }

    /// Appends the bytes of a span.
    @inlinable
    public mutating func append(_ span: Span<UInt8>) {
        unsafe span.withUnsafeBytes { bytes in unsafe append(bytes) }
    }

    /// Appends the bytes of a buffer, which must not overlap the writer's memory.
    @inlinable @inline(__always) // A check and a copy.
    @unsafe
    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        let end = unsafe reserve(bytes.count)
        guard let start = bytes.baseAddress else { return }
        unsafe end.copyMemory(from: start, byteCount: bytes.count)
    }

    /// Appends a number in decimal, without leading zeros: at most 20 bytes.
    // Inlined always: two digits are a few instructions, more are a call away.
    @inlinable @inline(__always)
    public mutating func appendDecimal(_ value: UInt64) {
        if value < 10 {
            append(UInt8(truncatingIfNeeded: value) | 0x30)
        } else if value < 100 {
            let end = unsafe reserve(2)
            unsafe end.storeBytes(of: UInt8(truncatingIfNeeded: value / 10) | 0x30, as: UInt8.self)
            unsafe end.storeBytes(of: UInt8(truncatingIfNeeded: value % 10) | 0x30, toByteOffset: 1, as: UInt8.self)
        } else {
            appendLongDecimal(value)
        }
    }

    /// Appends exactly `digits` decimal digits of `value`, with leading zeros.
    @inlinable
    package mutating func appendDecimal(_ value: UInt64, digits: Int) {
        var end = unsafe reserve(digits) + digits
        var rest = value
        for _ in 0..<digits {
            unsafe end -= 1
            unsafe end.storeBytes(of: UInt8(truncatingIfNeeded: rest % 10) | 0x30, as: UInt8.self)
            rest /= 10
        }
        precondition(rest == 0, "the number has more digits than its field")
    }

    /// Appends a number in lower-case hexadecimal, without leading zeros: at most 16 bytes.
    @inlinable
    public mutating func appendHex(_ value: UInt64) {
        let digits = max(1, (67 - value.leadingZeroBitCount) / 4)
        var end = unsafe reserve(digits) + digits
        var rest = value
        for _ in 0..<digits {
            unsafe end -= 1
            let digit = UInt8(truncatingIfNeeded: rest & 15)
            unsafe end.storeBytes(of: digit < 10 ? digit | 0x30 : digit + 0x57, as: UInt8.self)
            rest >>= 4
        }
    }

    @usableFromInline
    mutating func appendLongDecimal(_ value: UInt64) {
        var digits = 1
        var bound: UInt64 = 10
        while digits < 20 && value >= bound {
            digits += 1
            // Wraps only past 10^19, after which the loop's first condition ends it.
            bound = bound &* 10
        }
        appendDecimal(value, digits: digits)
    }

    /// Moves the fill position and returns where the reserved bytes start.
    @inlinable @inline(__always)
    mutating func reserve(_ byteCount: Int) -> UnsafeMutableRawPointer {
        precondition(byteCount <= remaining, "a writer must not run over its memory")
        let end = unsafe base + filled
        // Cannot overflow: the sum is at most capacity.
        filled &+= byteCount
        return unsafe end
    }
}
