// The elements of a comma-separated list (RFC 9110 §5.6.1), without white space around them; empty ones are skipped.

internal import MartletBytes

struct ListElements {
    private var index = 0

    /// The next element of the list, which must be the same one each time.
    mutating func next(of list: Span<UInt8>) -> Range<Int>? {
        while index < list.count {
            while index < list.count, list[index].isOptionalWhitespace || list[index] == ASCII.comma { index += 1 }
            let start = index
            while index < list.count, list[index] != ASCII.comma { index += 1 }
            var end = index
            while end > start, list[end - 1].isOptionalWhitespace { end -= 1 }
            if end > start { return start..<end }
        }
        return nil
    }
}
