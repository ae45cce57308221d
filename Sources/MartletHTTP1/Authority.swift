// host [ ":" port ], as in a Host field or a request target (RFC 3986 §3.2, RFC 9110 §7.2).

internal import MartletBytes

enum Authority {
    /// Whether the bytes are a host name or address and perhaps a port. User information is refused (RFC 9110 §4.2.4),
    /// as is an empty host (§4.2.1).
    @inline(__always) // Most are names or addresses without a port, and two words long at most.
    static func isValid(_ authority: Span<UInt8>, portRequired: Bool) -> Bool {
        if !portRequired, authority.count >= 8, authority.count <= 16 {
            // Safe: the words overlap within the 8 to 16 bytes. `-` and `.` alone make a name here as they do below.
            let words = unsafe SIMD2(authority.word(unchecked: 0), authority.word(unchecked: authority.count &- 8))
            if !words.haveBytesOutsideDomainName { return true }
        }
        return isValidOtherwise(authority, portRequired: portRequired)
    }

    @inline(never) // Rare.
    private static func isValidOtherwise(_ authority: Span<UInt8>, portRequired: Bool) -> Bool {
        guard let hostEnd = hostEnd(authority) else { return false }
        guard hostEnd < authority.count else { return !portRequired }
        guard authority[hostEnd] == ASCII.colon else { return false }
        return isPort(authority.extracting(hostEnd + 1..<authority.count), required: portRequired)
    }

    /// - Returns: the index after the host, or nil if there is no valid host.
    @inline(__always) // Called from one place.
    private static func hostEnd(_ authority: Span<UInt8>) -> Int? {
        guard !authority.isEmpty else { return nil }
        if authority[0] == ASCII.openBracket { return literalEnd(authority) }
        var index = domainNameCount(authority)
        while index < authority.count {
            let byte = authority[index]
            if byte == ASCII.percent {
                guard index + 2 < authority.count, authority[index + 1].hexValue != nil,
                    authority[index + 2].hexValue != nil
                else { return nil }
            } else if !ByteSet.host.contains(byte) {
                break
            }
            index &+= 1 // At most the count.
        }
        return index > 0 ? index : nil
    }

    /// How many bytes at the start are letters, digits, `-` and `.`, found by whole words: the last word overlaps the
    /// one before. Of less than 8 bytes it finds none.
    @inline(__always) // A few instructions per request in the place of ten per byte.
    private static func domainNameCount(_ authority: Span<UInt8>) -> Int {
        let lastWord = authority.count &- 8 // Cannot overflow: a count is not negative.
        var index = 0
        while index < authority.count, lastWord >= 0 {
            let word = min(index, lastWord)
            // Safe: 0 <= word <= count - 8.
            let others = unsafe authority.word(unchecked: word).bytesOutsideDomainName
            // The sums are at most the count.
            if others != 0 { return word &+ others.firstFlaggedByte }
            index = word &+ 8
        }
        return index
    }

    /// - Returns: the index after the closing bracket of an IPv6 address, or nil if it is not one.
    @inline(never) // Rare.
    private static func literalEnd(_ authority: Span<UInt8>) -> Int? {
        var index = 1
        while index < authority.count, ByteSet.addressLiteral.contains(authority[index]) { index += 1 }
        guard index < authority.count, authority[index] == ASCII.closeBracket else { return nil }
        return IPv6Address.isValid(authority.extracting(1..<index)) ? index + 1 : nil
    }

    /// A port may be empty where it is optional (RFC 3986 §3.2.3).
    @inline(__always) // Called from one place.
    private static func isPort(_ digits: Span<UInt8>, required: Bool) -> Bool {
        if digits.isEmpty { return !required }
        guard digits.count <= 5 else { return false }
        var port = 0
        for index in digits.indices {
            guard digits[index].isDigit else { return false }
            // Cannot overflow: at most five digits.
            port = port &* 10 &+ Int(digits[index] & 15)
        }
        return port <= 65_535
    }
}

/// The text form of an IPv6 address (RFC 3986 §3.2.2), whose characters are already known to be hexadecimal digits,
/// colons and dots.
enum IPv6Address {
    static func isValid(_ text: Span<UInt8>) -> Bool {
        var groups = 0
        var compressed = false
        var index = 0
        if text.count >= 2, text[0] == ASCII.colon {
            guard text[1] == ASCII.colon else { return false }
            compressed = true
            index = 2
        }
        while index < text.count {
            let start = index
            while index < text.count, text[index].hexValue != nil { index += 1 }
            if index < text.count, text[index] != ASCII.colon {
                // A dot: the last 32 bits are an IPv4 address.
                groups += 2
                return isIPv4(text.extracting(start..<text.count)) && (compressed ? groups < 8 : groups == 8)
            }
            guard index > start, index - start <= 4 else { return false }
            groups += 1
            guard index < text.count else { break }
            index += 1
            guard index < text.count else { return false }
            if text[index] == ASCII.colon {
                guard !compressed else { return false }
                compressed = true
                index += 1
            }
        }
        return compressed ? groups < 8 : groups == 8
    }

    private static func isIPv4(_ text: Span<UInt8>) -> Bool {
        var parts = 0
        var index = 0
        while parts < 4 {
            let start = index
            while index < text.count, text[index].isDigit { index += 1 }
            guard index > start, index - start <= 3 else { return false }
            guard let value = text.extracting(start..<index).decimal(), value <= 255 else { return false }
            parts += 1
            if parts == 4 { break }
            guard index < text.count, text[index] == 0x2E else { return false }
            index += 1
        }
        return index == text.count
    }
}
