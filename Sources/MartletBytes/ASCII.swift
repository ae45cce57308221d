// Which bytes may stand where in HTTP's grammar, as sets that compile to constants.
//
// Owns: the character classes of RFC 9110 and RFC 3986. Never knows: which field or line a byte belongs to.

/// Names of the bytes that structure a message.
@usableFromInline
package enum ASCII {
    @inlinable package static var tab: UInt8 { 0x09 }
    @inlinable package static var lineFeed: UInt8 { 0x0A }
    @inlinable package static var carriageReturn: UInt8 { 0x0D }
    @inlinable package static var space: UInt8 { 0x20 }
    @inlinable package static var quote: UInt8 { 0x22 }
    @inlinable package static var hash: UInt8 { 0x23 }
    @inlinable package static var percent: UInt8 { 0x25 }
    @inlinable package static var asterisk: UInt8 { 0x2A }
    @inlinable package static var comma: UInt8 { 0x2C }
    @inlinable package static var slash: UInt8 { 0x2F }
    @inlinable package static var colon: UInt8 { 0x3A }
    @inlinable package static var semicolon: UInt8 { 0x3B }
    @inlinable package static var equals: UInt8 { 0x3D }
    @inlinable package static var questionMark: UInt8 { 0x3F }
    @inlinable package static var openBracket: UInt8 { 0x5B }
    @inlinable package static var backslash: UInt8 { 0x5C }
    @inlinable package static var closeBracket: UInt8 { 0x5D }
}

/// A set of ASCII bytes, one bit for each; no byte from 0x80 up is ever a member.
@usableFromInline
@frozen
package struct ByteSet: Sendable {
    /// Bit n stands for byte n.
    @usableFromInline let low: UInt64
    /// Bit n stands for byte 64 + n.
    @usableFromInline let high: UInt64

    @inlinable
    package init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }

    // Runs once for each byte of a name: inlined, both words become immediates.
    @inlinable
    @inline(__always)
    package func contains(_ byte: UInt8) -> Bool {
        let word = byte < 64 ? low : high
        return byte < 128 && (word >> UInt64(byte & 63)) & 1 == 1
    }

    /// tchar (RFC 9110 §5.6.2): letters, digits and ``!#$%&'*+-.^_`|~``.
    @inlinable
    package static var token: ByteSet { ByteSet(low: 0x03ff_6cfa_0000_0000, high: 0x57ff_ffff_c7ff_fffe) }

    /// Visible ASCII without `#`: what may stand in a request target. Wider than RFC 3986 by the few characters
    /// (`"<>[\]^{|}` and the backquote) that browsers send unescaped.
    @inlinable
    package static var target: ByteSet { ByteSet(low: 0xffff_fff6_0000_0000, high: 0x7fff_ffff_ffff_ffff) }

    /// unreserved (RFC 3986 §2.3) and `%`: what may stand in a host name. Narrower than reg-name by the sub-delims:
    /// no real host has them, and `,` or `;` in a host is an attempt at confusing somebody.
    @inlinable
    package static var host: ByteSet { ByteSet(low: 0x03ff_6020_0000_0000, high: 0x47ff_fffe_87ff_fffe) }

    /// What may stand between the brackets of an IPv6 literal (RFC 3986 §3.2.2).
    @inlinable
    package static var addressLiteral: ByteSet { ByteSet(low: 0x07ff_4000_0000_0000, high: 0x0000_007e_0000_007e) }
}

extension UInt8 {
    @inlinable
    package var isDigit: Bool {
        // Wrapping turns every byte below "0" into a large number.
        self &- 0x30 < 10
    }

    /// field-vchar, SP, HTAB or obs-text (RFC 9110 §5.5): every byte but the control characters.
    @inlinable
    package var isFieldValueByte: Bool { (self >= 0x20 && self != 0x7F) || self == ASCII.tab }

    /// OWS (RFC 9110 §5.6.3).
    @inlinable
    package var isOptionalWhitespace: Bool { self == ASCII.space || self == ASCII.tab }

    /// The value of a hexadecimal digit, nil for any other byte.
    @inlinable
    package var hexValue: UInt8? {
        if isDigit { return self & 15 }
        let letter = (self | 0x20) &- 0x61 // Wrapping as in isDigit.
        return letter < 6 ? letter + 10 : nil
    }
}
