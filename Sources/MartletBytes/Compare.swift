// Comparing received bytes with literals and with each other.

extension Span where Element == UInt8 {
    /// Whether the bytes are those of a literal.
    @inlinable
    package func equals(_ literal: StaticString) -> Bool {
        guard count == literal.utf8CodeUnitCount else { return false }
        for index in indices {
            // Safe: the counts are equal.
            if unsafe literal.utf8Start[index] != self[index] { return false }
        }
        return true
    }

    /// Whether the bytes are those of a literal in lower case, with ASCII letters of either case being equal.
    @inlinable
    package func equalsIgnoringCase(_ lowercase: StaticString) -> Bool {
        guard count == lowercase.utf8CodeUnitCount else { return false }
        for index in indices {
            // Safe: the counts are equal.
            let expected = unsafe lowercase.utf8Start[index]
            // Only a letter may differ by the case bit: a control character must not pass for `-`.
            let fold: UInt8 = expected &- 0x61 < 26 ? 0x20 : 0 // Wrapping: what is below "a" becomes large.
            if self[index] | fold != expected { return false }
        }
        return true
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
