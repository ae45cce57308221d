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

    /// High bit of the first control character, HTAB included. A carry may flag a 0x7E behind a 0xFF as well: look at
    /// what is found.
    @inlinable
    @inline(__always)
    package var controlBytes: UInt64 {
        // Wrapping: 0x7F + 1 sets the high bit, so does a byte below 0x20 less 0x20.
        ((self &- 0x2020_2020_2020_2020) | (self &+ 0x0101_0101_0101_0101)) & ~self & 0x8080_8080_8080_8080
    }

    /// High bit of the first byte that is not visible ASCII, or is `#`, or is `stop`, which must be ASCII.
    @inlinable
    @inline(__always)
    package func bytesEndingTarget(or stop: UInt8) -> UInt64 {
        // Wrapping: as above, and a zero less 1 sets the high bit. Bytes from 0x80 up set one of the first two.
        let ends = (self &- 0x2121_2121_2121_2121) | (self &+ 0x0101_0101_0101_0101)
        let marks = ((self ^ UInt64(repeating: ASCII.hash)) &- 0x0101_0101_0101_0101)
            | ((self ^ UInt64(repeating: stop)) &- 0x0101_0101_0101_0101)
        return (ends | marks) & 0x8080_8080_8080_8080
    }

    /// High bit of the first byte that is neither letter nor digit nor `-` nor `.`.
    @inlinable
    @inline(__always)
    package var bytesOutsideDomainName: UInt64 {
        // Wrapping: an ASCII byte plus 0x80 less n sets the high bit from n on, without a carry; a carry out of a byte
        // that is not ASCII only disturbs what is above it, and that byte is flagged.
        let digit = (self &+ UInt64(repeating: 0x50)) & ~(self &+ UInt64(repeating: 0x46))
        let mark = (self &+ UInt64(repeating: 0x53)) & ~(self &+ UInt64(repeating: 0x51))
        let folded = self | UInt64(repeating: 0x20)
        let letter = (folded &+ UInt64(repeating: 0x1F)) & ~(folded &+ UInt64(repeating: 0x05))
        return (~(digit | mark | letter) | self) & 0x8080_8080_8080_8080
    }

    /// Whether the word is a literal's, which has lower-case letters and no `@[\]^_` or backquote, letters of either
    /// case being equal.
    @inlinable
    @inline(__always)
    package func equalsIgnoringCase(_ expected: UInt64) -> Bool {
        // Of those characters only letters have bit 6 set: the case bit is ignored there and nowhere else, so that a
        // carriage return does not pass for `-`.
        self | (expected & UInt64(repeating: 0x40)) >> 1 == expected
    }

    /// Index of the first byte flagged in a non-zero mask of one of the tests above.
    @inlinable
    @inline(__always)
    package var firstFlaggedByte: Int {
        trailingZeroBitCount / 8
    }
}

extension SIMD2<UInt64> {
    /// Whether any of the sixteen bytes is neither letter nor digit nor `-` nor `.`: the test of one word, for two at once.
    @inlinable
    @inline(__always)
    package var haveBytesOutsideDomainName: Bool {
        func all(_ byte: UInt8) -> SIMD2<UInt64> { SIMD2(repeating: UInt64(repeating: byte)) }
        // Wrapping: as for one word.
        let digit = (self &+ all(0x50)) & ~(self &+ all(0x46))
        let mark = (self &+ all(0x53)) & ~(self &+ all(0x51))
        let folded = self | all(0x20)
        let letter = (folded &+ all(0x1F)) & ~(folded &+ all(0x05))
        let others = ~(digit | mark | letter) | self
        return (others[0] | others[1]) & 0x8080_8080_8080_8080 != 0
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

    /// Eight bytes from `offset` on without a check: the caller proves that `0 <= offset <= count - 8`.
    @inlinable
    @inline(__always)
    @unsafe
    package func word(unchecked offset: Int) -> UInt64 {
        UInt64(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self))
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
    /// Up to eight bytes of a literal from `offset` on. With a literal the optimizer folds it to a number, which it
    // does not do for a loop: hence the powers of two.
    @inlinable
    @inline(__always)
    package func word(at offset: Int) -> UInt64 {
        let length = utf8CodeUnitCount - offset
        // Safe: each load ends at or before offset + length, the literal's own count.
        let start = unsafe UnsafeRawPointer(utf8Start) + offset
        if length >= 8 { return UInt64(littleEndian: unsafe start.loadUnaligned(as: UInt64.self)) }
        var word: UInt64 = 0
        var done = 0
        if length & 4 != 0 {
            word = UInt64(UInt32(littleEndian: unsafe start.loadUnaligned(as: UInt32.self)))
            done = 4
        }
        if length & 2 != 0 {
            let part = UInt16(littleEndian: unsafe start.loadUnaligned(fromByteOffset: done, as: UInt16.self))
            word |= UInt64(part) << UInt64(8 * done)
            done += 2
        }
        if length & 1 != 0 {
            let part = unsafe start.load(fromByteOffset: done, as: UInt8.self)
            word |= UInt64(part) << UInt64(8 * done)
        }
        return word
    }
}
