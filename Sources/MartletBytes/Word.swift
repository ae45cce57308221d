// Eight bytes at a time, in one register.
//
// Owns: the SWAR tests and the one unaligned load. Invariant: the first byte in memory is the lowest byte of the
// word, whatever the machine; so "the first match" is the lowest set bit.
// The matching tests may also flag bytes above the first real match (a borrow runs upwards), never below it.

extension UInt64 {
    /// The byte repeated eight times.
    // Tiny, and an immediate where the byte is a literal.
    @inlinable
    @inline(__always)
    package init(repeating byte: UInt8) {
        // Cannot overflow: 255 * 0x0101… is all ones.
        self = UInt64(byte) &* 0x0101_0101_0101_0101
    }

    /// High bit of each byte that is zero.
    @inlinable
    @inline(__always)
    package var zeroBytes: UInt64 {
        // The borrow is what the file's header speaks of.
        (self &- 0x0101_0101_0101_0101) & ~self & 0x8080_8080_8080_8080
    }

    /// High bit of each byte that equals `byte`.
    @inlinable
    @inline(__always)
    package func bytesEqual(to byte: UInt8) -> UInt64 {
        (self ^ UInt64(repeating: byte)).zeroBytes
    }

    /// High bit of each byte below `bound`, for a bound of at most 128.
    @inlinable
    @inline(__always)
    package func bytesBelow(_ bound: UInt8) -> UInt64 {
        // The borrow is what the file's header speaks of.
        (self &- UInt64(repeating: bound)) & ~self & 0x8080_8080_8080_8080
    }

    /// High bit of each byte that is not ASCII.
    @inlinable
    @inline(__always)
    package var bytesAboveASCII: UInt64 { self & 0x8080_8080_8080_8080 }

    /// Index of the first byte flagged in a non-zero mask of one of the tests above.
    @inlinable
    @inline(__always)
    package var firstFlaggedByte: Int {
        trailingZeroBitCount / 8
    }
}

extension Span where Element == UInt8 {
    /// Eight bytes from `offset` on; they must be in the span.
    @inlinable
    @inline(__always)
    package func word(at offset: Int) -> UInt64 {
        // Safe: the load checks its bounds, and every bit pattern is a number.
        UInt64(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// `length` bytes from `offset` on in the low bytes of a word, the others zero. Length is at most 8.
    @inlinable
    package func word(at offset: Int, length: Int) -> UInt64 {
        var word: UInt64 = 0
        var index = length
        while index > 0 {
            index -= 1
            word = word << 8 | UInt64(self[offset + index])
        }
        return word
    }
}

extension StaticString {
    /// Up to eight bytes of a literal from `offset` on. With a literal the optimizer folds it to a number.
    @inlinable
    @inline(__always)
    package func word(at offset: Int) -> UInt64 {
        let length = Swift.min(8, utf8CodeUnitCount - offset)
        var word: UInt64 = 0
        for index in 0..<8 where index < length {
            // Safe: offset + index is below the literal's own count.
            word |= UInt64(unsafe utf8Start[offset + index]) << UInt64(8 * index)
        }
        return word
    }
}
