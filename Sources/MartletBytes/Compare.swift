// Comparing received bytes with literals and with each other.

extension Span where Element == UInt8 {
    /// Whether the bytes are those of a literal.
    // Inlined always: a short literal becomes a number.
    @inlinable
    @inline(__always)
    public func equals(_ literal: StaticString) -> Bool {
        let length = literal.utf8CodeUnitCount
        guard count == length else { return false }
        if length <= 8 { return word(at: 0, length: length) == literal.word(at: 0) }
        return equals(long: literal)
    }

    /// A literal of the same length.
    @usableFromInline
    func equals(long literal: StaticString) -> Bool {
        for index in indices {
            // Safe: the counts are equal.
            if unsafe literal.utf8Start[index] != self[index] { return false }
        }
        return true
    }

    /// Whether the bytes are those of a literal in lower case, with ASCII letters of either case being equal. The
    /// literal has letters, digits and ``!"#$%&'()*+,-./:;<=>?{|}~`` and at most 16 of them.
    // Inlined so that the literal becomes one or two immediates.
    @inlinable
    @inline(__always)
    package func equalsIgnoringCase(_ lowercase: StaticString) -> Bool {
        let length = lowercase.utf8CodeUnitCount
        guard count == length else { return false }
        if length <= 8 { return word(at: 0, length: length).equalsIgnoringCase(lowercase.word(at: 0)) }
        // The two words overlap and cover up to 16 bytes.
        precondition(length <= 16, "a literal to compare with has at most 16 bytes")
        return word(at: 0).equalsIgnoringCase(lowercase.word(at: 0))
            && word(at: length - 8).equalsIgnoringCase(lowercase.word(at: length - 8))
    }

    /// Whether two spans are equal, with ASCII letters of either case being equal.
    @inlinable
    package func equalsIgnoringCase(_ other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in indices where self[index].lowercased != other[index].lowercased { return false }
        return true
    }
}

extension UInt8 {
    @inlinable
    package var lowercased: UInt8 {
        self &- 0x41 < 26 ? self | 0x20 : self // Wrapping: what is below "A" becomes large.
    }
}
