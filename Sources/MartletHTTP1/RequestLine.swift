// The request line: method, target, version (RFC 9112 §3).
//
// Owns: the line's syntax. Never knows: limits (its window ends where they do), what a target's form means.
// Every scan returns nil when its window ends before the line does.

internal import MartletBytes
internal import MartletHTTP

enum RequestLine {
    /// Parses the line that starts at `start`.
    ///
    /// - Returns: the index after its CR LF, or nil when it is not complete.
    @inline(__always) // Called from one place.
    static func parse(
        _ line: Span<UInt8>, at start: Int, into head: inout RequestHead
    ) throws(RequestError) -> Int? {
        guard let methodEnd = try parseMethod(line, at: start, into: &head) else { return nil }
        // Cannot overflow, here and below: indices into a line of at most 65,535 bytes.
        let targetStart = methodEnd &+ 1
        guard let pathEnd = try targetEnd(line, from: targetStart, or: ASCII.questionMark) else { return nil }
        var end = pathEnd
        if line[pathEnd] == ASCII.questionMark {
            guard let queryEnd = try queryEnd(line, from: pathEnd &+ 1) else { return nil }
            head.hasQuery = true
            head.query = ByteRange(pathEnd &+ 1, queryEnd)
            end = queryEnd
        }
        guard end > targetStart else { throw .invalidTarget }
        guard let lineEnd = try parseVersion(line, at: end &+ 1, into: &head) else { return nil }
        head.methodRange = ByteRange(start, methodEnd)
        head.target = ByteRange(targetStart, end)
        head.path = ByteRange(targetStart, pathEnd)
        if line[targetStart] != ASCII.slash || head.method == .connect {
            try RequestTarget.interpret(line, of: &head)
        }
        return lineEnd
    }

    /// - Returns: the index of the space after the method.
    @inline(__always) // Part of one straight run per request.
    private static func parseMethod(
        _ line: Span<UInt8>, at start: Int, into head: inout RequestHead
    ) throws(RequestError) -> Int? {
        // A line that is complete has more than 8 bytes: what is shorter is seen again.
        // Safe: start <= count - 8 is checked first.
        if start <= line.count &- 8, unsafe line.word(unchecked: start) & 0xFFFF_FFFF == ("GET " as StaticString).word(at: 0) {
            head.method = .get
            return start &+ 3
        }
        return try parseOtherMethod(line, at: start, into: &head)
    }

    @inline(never) // Keeps the most frequent run short.
    private static func parseOtherMethod(
        _ line: Span<UInt8>, at start: Int, into head: inout RequestHead
    ) throws(RequestError) -> Int? {
        if start <= line.count &- 8 {
            // Safe: start <= count - 8 was checked.
            if let method = unsafe Method(startOf: line.word(unchecked: start)) {
                head.method = method
                return start &+ method.name.utf8CodeUnitCount
            }
        }
        head.method = .other
        var index = start
        while index < line.count, ByteSet.token.contains(line[index]) { index &+= 1 }
        guard index < line.count else { return nil }
        guard line[index] == ASCII.space, index > start else {
            throw line[index] == ASCII.lineFeed ? .bareLineFeed : .invalidMethod
        }
        return index
    }

    @inline(never) // The second of two scans, which not every target has.
    private static func queryEnd(_ line: Span<UInt8>, from start: Int) throws(RequestError) -> Int? {
        try targetEnd(line, from: start, or: ASCII.space)
    }

    /// - Returns: the index of the first `stop` or space from `start` on.
    @inline(__always) // Specialized for its two stops.
    private static func targetEnd(
        _ line: Span<UInt8>, from start: Int, or stop: UInt8
    ) throws(RequestError) -> Int? {
        var index = start
        let lastWord = line.count &- 8
        while index <= lastWord {
            // Safe: index <= count - 8 is the loop's condition.
            let ends = unsafe line.word(unchecked: index).bytesEndingTarget(or: stop)
            if ends != 0 {
                index &+= ends.firstFlaggedByte
                break
            }
            index &+= 8
        }
        // A word ends the scan where it should, the last few bytes of the line may not.
        while index < line.count {
            let byte = line[index]
            if byte == ASCII.space || byte == stop || !ByteSet.target.contains(byte) { break }
            index &+= 1
        }
        guard index < line.count else { return nil }
        let byte = line[index]
        guard byte == ASCII.space || byte == stop else { throw targetFault(byte, isFirst: index == start) }
        return index
    }

    private static func targetFault(_ byte: UInt8, isFirst: Bool) -> RequestError {
        switch byte {
        case ASCII.lineFeed: .bareLineFeed
        case ASCII.carriageReturn where !isFirst: .missingVersion
        default: .invalidTarget
        }
    }

    /// - Returns: the index after the line's CR LF.
    @inline(__always) // Part of one straight run per request.
    private static func parseVersion(
        _ line: Span<UInt8>, at start: Int, into head: inout RequestHead
    ) throws(RequestError) -> Int? {
        if start < line.count &- 8 {
            // Safe: start < count - 8 was checked.
            let word = unsafe line.word(unchecked: start)
            if word == ("HTTP/1.1" as StaticString).word(at: 0), line[start &+ 8] == ASCII.carriageReturn {
                head.version = .http11
                return try lineEnd(line, at: start &+ 8)
            }
        }
        return try parseOtherVersion(line, at: start, into: &head)
    }

    @inline(never) // Rare.
    private static func parseOtherVersion(
        _ line: Span<UInt8>, at start: Int, into head: inout RequestHead
    ) throws(RequestError) -> Int? {
        guard let version = try parseUnusualVersion(line, at: start) else { return nil }
        head.version = version
        guard start &+ 8 < line.count else { return nil }
        let byte = line[start &+ 8]
        guard byte == ASCII.carriageReturn || byte == ASCII.lineFeed else { throw .invalidVersion }
        return try lineEnd(line, at: start &+ 8)
    }

    /// Any version, byte by byte: `HTTP/`, a digit, a dot, a digit.
    private static func parseUnusualVersion(
        _ line: Span<UInt8>, at start: Int
    ) throws(RequestError) -> Version? {
        let prefix: StaticString = "HTTP/"
        for offset in 0..<8 {
            guard start + offset < line.count else { return nil }
            let byte = line[start + offset]
            if byte == ASCII.lineFeed { throw .bareLineFeed }
            switch offset {
            case 0..<5:
                // Safe: the offset is below the literal's five bytes.
                guard unsafe prefix.utf8Start[offset] == byte else {
                    throw offset == 0 && byte == ASCII.carriageReturn ? .missingVersion : .invalidVersion
                }
            case 6:
                guard byte == 0x2E else { throw .invalidVersion }
            default:
                guard byte.isDigit else { throw .invalidVersion }
                if offset == 5 && byte != 0x31 { throw .unsupportedVersion }
            }
        }
        return line[start + 7] == 0x30 ? .http10 : .http11
    }
}

extension Method {
    /// The method whose name and the space after it start this word, if it is one that is known.
    fileprivate init?(startOf word: UInt64) {
        let four = word & 0xFFFF_FFFF
        let five = word & 0xFF_FFFF_FFFF
        if five == ("POST " as StaticString).word(at: 0) {
            self = .post
        } else if five == ("HEAD " as StaticString).word(at: 0) {
            self = .head
        } else if four == ("PUT " as StaticString).word(at: 0) {
            self = .put
        } else if word & 0xFF_FFFF_FFFF_FFFF == ("DELETE " as StaticString).word(at: 0) {
            self = .delete
        } else if word & 0xFFFF_FFFF_FFFF == ("PATCH " as StaticString).word(at: 0) {
            self = .patch
        } else if word == ("OPTIONS " as StaticString).word(at: 0) {
            self = .options
        } else if word == ("CONNECT " as StaticString).word(at: 0) {
            self = .connect
        } else if word & 0xFFFF_FFFF_FFFF == ("TRACE " as StaticString).word(at: 0) {
            self = .trace
        } else {
            return nil
        }
    }
}
