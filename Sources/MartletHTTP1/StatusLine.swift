// The status line: version, code, reason (RFC 9112 §4).
//
// Owns: the line's syntax. Never knows: what the code means. Returns nil when its window ends before the line does.

internal import MartletBytes
internal import MartletHTTP

enum StatusLine {
    /// `HTTP/1.1 200 `: what stands before the reason.
    private static var prefixBytes: Int { 13 }

    /// Parses the line at the window's start.
    ///
    /// - Returns: the index after its CR LF, or nil when it is not complete.
    static func parse(_ window: Span<UInt8>, into head: inout ResponseHead) throws(ResponseError) -> Int? {
        var index = 0
        var code: UInt16 = 0
        while index < prefixBytes {
            guard index < window.count else { return nil }
            guard isExpected(window[index], at: index) else { throw .invalidStatusLine }
            if index >= 9, index < 12 { code = code * 10 + UInt16(window[index] & 15) }
            index += 1
        }
        while index < window.count, window[index].isFieldValueByte { index += 1 }
        guard index < window.count else { return nil }
        let end: Int?
        do throws(RequestError) {
            end = try lineEnd(window, at: index)
        } catch {
            throw .invalidStatusLine
        }
        guard let end else { return nil }
        head.version = window[7] == 0x30 ? .http10 : .http11
        head.status = Status(code: code)
        return end
    }

    private static func isExpected(_ byte: UInt8, at index: Int) -> Bool {
        let version: StaticString = "HTTP/1."
        switch index {
        // Safe: the index is below the literal's seven bytes.
        case 0..<7: return unsafe byte == version.utf8Start[index]
        case 8, 12: return byte == ASCII.space
        case 9: return byte.isDigit && byte != 0x30
        default: return byte.isDigit
        }
    }
}
