// One field line: name, colon, value (RFC 9112 §5).
//
// Owns: the line's syntax. Never knows: what the field means. Every scan returns nil when its window ends before the
// line does.

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
        let name: Name
        if let known = knownName(window, at: start) {
            name = known
        } else {
            guard let other = try otherName(window, at: start, first: first) else { return nil }
            name = other
        }
        var valueStart = name.colon + 1
        while valueStart < window.count, window[valueStart].isOptionalWhitespace { valueStart += 1 }
        guard let carriageReturn = try valueEnd(window, from: valueStart) else { return nil }
        guard let end = try lineEnd(window, at: carriageReturn) else { return nil }
        var valueEnd = carriageReturn
        while valueEnd > valueStart, window[valueEnd - 1].isOptionalWhitespace { valueEnd -= 1 }
        let field = Field(
            nameStart: UInt16(start), nameCount: UInt8(name.colon - start), token: name.token.rawValue,
            valueStart: UInt16(valueStart), valueCount: UInt16(valueEnd - valueStart))
        return FieldLine(field: field, end: end)
    }

    private struct Name {
        var token: FieldName
        /// Index of the colon.
        var colon: Int
    }

    /// A name that has a number. What spells such a name up to the first colon has no faulty byte before it.
    @inline(__always) // The body of the parser's loop.
    private static func knownName(_ window: Span<UInt8>, at start: Int) -> Name? {
        var index = start
        // The longest known name and its colon have 26 bytes.
        while index + 8 <= window.count, index < start + 32 {
            let colons = window.word(at: index).bytesEqual(to: ASCII.colon)
            if colons != 0 {
                let colon = index + colons.firstFlaggedByte
                let token = FieldName.lookup(in: window, at: start, count: colon - start)
                return token == .unknown ? nil : Name(token: token, colon: colon)
            }
            index += 8
        }
        return nil
    }

    /// Any name, byte by byte.
    private static func otherName(_ window: Span<UInt8>, at start: Int, first: Bool) throws(RequestError) -> Name? {
        let tooFar = start + Limits.fieldNameBytesMax + 1
        var index = start
        while index < window.count, ByteSet.token.contains(window[index]) {
            index += 1
            if index == tooFar { throw .fieldNameTooLong }
        }
        guard index < window.count else { return nil }
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
            if !atLineStart { .whitespaceBeforeColon } else if first { .whitespaceBeforeFirstField } else { .obsoleteFolding }
        default: .invalidFieldName
        }
    }

    /// - Returns: the index of the CR that ends the value.
    @inline(__always) // The body of the parser's loop.
    private static func valueEnd(_ window: Span<UInt8>, from start: Int) throws(RequestError) -> Int? {
        var index = start
        while index < window.count {
            if index + 8 <= window.count {
                let word = window.word(at: index)
                let stops = word.bytesBelow(0x20) | word.bytesEqual(to: 0x7F)
                index += stops == 0 ? 8 : stops.firstFlaggedByte
                if stops == 0 { continue }
            }
            let byte = window[index]
            if byte == ASCII.carriageReturn { return index }
            guard byte.isFieldValueByte else { throw byte == ASCII.lineFeed ? .bareLineFeed : .invalidFieldValue }
            index += 1
        }
        return nil
    }
}

extension RequestHead {
    /// Adds a row. There must be room.
    mutating func append(_ field: Field) {
        fields[fieldCount] = field
        fieldCount += 1
        present |= 1 << UInt64(field.token)
    }
}
