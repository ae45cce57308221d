// One field line: name, colon, value (RFC 9112 §5).
//
// Owns: the line's syntax. Never knows: what the field means. Every scan returns nil when its window ends before the
// line does. Indices only grow from a valid start and stay at or below the window's count, which is at most 65,535: so
// the sums below cannot overflow, and offsets fit into 16 bits.

internal import MartletBytes
internal import MartletHTTP

struct FieldLine {
    var field: Field
    /// Index after the line's CR LF.
    var end: Int

    /// Parses the line that starts at `start`, which must be in the window and must not hold a CR.
    ///
    /// - Parameter first: whether it follows the request line (it decides what leading white space is called).
    @inline(__always) // The body of the parser's loop.
    static func parse(_ window: Span<UInt8>, at start: Int, first: Bool) throws(RequestError) -> FieldLine? {
        var name = knownName(window, at: start)
        if name.token == .unknown {
            guard let other = try otherName(window, at: start, first: first) else { return nil }
            name = other
        }
        var valueStart = name.colon &+ 1
        if valueStart < window.count, window[valueStart] == ASCII.space { valueStart &+= 1 }
        while valueStart < window.count, window[valueStart].isOptionalWhitespace { valueStart &+= 1 }
        guard let carriageReturn = try valueEnd(window, from: valueStart) else { return nil }
        guard let end = try lineEnd(window, at: carriageReturn) else { return nil }
        var valueEnd = carriageReturn
        while valueEnd > valueStart, window[valueEnd &- 1].isOptionalWhitespace { valueEnd &-= 1 }
        let field = Field(
            nameStart: UInt16(truncatingIfNeeded: start),
            // A known name has at most 25 bytes, another one at most 255.
            nameCount: UInt8(truncatingIfNeeded: name.colon &- start), token: name.token.rawValue,
            valueStart: UInt16(truncatingIfNeeded: valueStart),
            valueCount: UInt16(truncatingIfNeeded: valueEnd &- valueStart))
        return FieldLine(field: field, end: end)
    }

    private struct Name {
        var token: FieldName
        /// Index of the colon.
        var colon: Int
    }

    /// A name that has a number; its token is unknown if it has none. What spells a known name up to the first colon
    /// has no faulty byte before it.
    @inline(__always) // The body of the parser's loop.
    private static func knownName(_ window: Span<UInt8>, at start: Int) -> Name {
        var index = start
        let lastWord = window.count &- 8
        // Every request has this one: one compare instead of a search for the colon and a look-up.
        // Safe: start <= count - 8 is checked first.
        if start <= lastWord, unsafe (window.word(unchecked: start) & 0xFF_FFFF_FFFF).equalsIgnoringCase(("host:" as StaticString).word(at: 0)) {
            return Name(token: .host, colon: start &+ 4)
        }
        // The longest known name and its colon have 26 bytes.
        while index <= lastWord, index < start &+ 32 {
            // Safe: index <= count - 8 is the loop's condition.
            let word = unsafe window.word(unchecked: index)
            let colons = word.bytesEqual(to: ASCII.colon)
            if colons != 0 {
                let colon = index &+ colons.firstFlaggedByte
                return Name(token: known(window, at: start, count: colon &- start, lastRead: word), colon: colon)
            }
            index &+= 8
        }
        return Name(token: .unknown, colon: start)
    }

    /// - Parameter lastRead: the word that holds the colon; it starts with the name if that has less than 8 bytes.
    @inline(__always) // The body of the parser's loop.
    private static func known(_ window: Span<UInt8>, at start: Int, count: Int, lastRead: UInt64) -> FieldName {
        // The shift is below 64.
        if count < 8 { return FieldName.lookup(short: lastRead & ~(UInt64.max &<< UInt64(8 &* count)), count: count) }
        if count > 16 { return FieldName.lookup(in: window, at: start, count: count) }
        return FieldName.lookup(
            first: window.word(at: start), last: window.word(at: start &+ count &- 8), count: count)
    }

    /// Any name, byte by byte.
    @inline(never) // Keeps the loop for known names in registers.
    private static func otherName(_ window: Span<UInt8>, at start: Int, first: Bool) throws(RequestError) -> Name? {
        let end = min(window.count, start + Limits.fieldNameBytesMax + 1)
        var index = start
        // Letters, digits and hyphens by words: most names have nothing else.
        while index <= end - 8 {
            // Safe: index <= end - 8, and end is at most the count.
            let others = unsafe window.word(unchecked: index).bytesOutsideDomainName
            index &+= others == 0 ? 8 : others.firstFlaggedByte
            if others != 0 { break }
        }
        while index < end, ByteSet.token.contains(window[index]) { index &+= 1 }
        guard index - start <= Limits.fieldNameBytesMax else { throw .fieldNameTooLong }
        guard index < end else { return nil }
        if window[index] == ASCII.colon, index > start {
            return Name(token: FieldName.lookup(in: window, at: start, count: index - start), colon: index)
        }
        throw nameFault(window[index], atLineStart: index == start, first: first)
    }

    private static func nameFault(_ byte: UInt8, atLineStart: Bool, first: Bool) -> RequestError {
        switch byte {
        case ASCII.colon: .emptyFieldName
        case ASCII.lineFeed: .bareLineFeed
        case ASCII.carriageReturn: .missingColon
        case ASCII.space, ASCII.tab:
            if !atLineStart {
                .whitespaceBeforeColon
            } else if first {
                .whitespaceBeforeFirstField
            } else {
                .obsoleteFolding
            }
        default: .invalidFieldName
        }
    }

    /// - Returns: the index of the CR that ends the value.
    @inline(__always) // The body of the parser's loop.
    private static func valueEnd(_ window: Span<UInt8>, from start: Int) throws(RequestError) -> Int? {
        var index = start
        let lastWord = window.count &- 8
        while true {
            scan: while index <= lastWord {
                while index <= lastWord &- 16 {
                    // Safe: index + 16 <= count - 8 is the loop's condition.
                    let here = unsafe window.word(unchecked: index).controlBytes
                    let next = unsafe window.word(unchecked: index &+ 8).controlBytes
                    if here | next != 0 {
                        index &+= here != 0 ? here.firstFlaggedByte : 8 &+ next.firstFlaggedByte
                        break scan
                    }
                    index &+= 16
                }
                let here = window.word(at: index).controlBytes
                index &+= here != 0 ? here.firstFlaggedByte : 8
                if here != 0 { break }
            }
            guard index < window.count else { return nil }
            let byte = window[index]
            if byte == ASCII.carriageReturn { return index }
            guard byte.isFieldValueByte else { throw byte == ASCII.lineFeed ? .bareLineFeed : .invalidFieldValue }
            index &+= 1
        }
    }
}

extension RequestHead {
    /// Adds a row. There must be room.
    @inline(__always) // The body of the parser's loop.
    mutating func append(_ field: Field) {
        fields[fieldCount] = field
        fieldCount &+= 1 // At most 100: the line above would have stopped.
        present |= 1 &<< UInt64(field.token) // A token is at most 63.
    }
}
