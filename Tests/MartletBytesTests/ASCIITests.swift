import MartletBytes
import Testing

@Suite struct ASCIITests {
    static let letters = "abcdefghijklmnopqrstuvwxyz"
    static let alphanumerics = letters + letters.uppercased() + "0123456789"

    /// The set as a string, and its spelling in the grammar.
    static let sets: [(ByteSet, String)] = [
        (.token, alphanumerics + "!#$%&'*+-.^_`|~"),
        (.target, String(decoding: (UInt8(0x21)...0x7E).filter { $0 != UInt8(ascii: "#") }, as: UTF8.self)),
        (.host, alphanumerics + "-._~%"),
        (.addressLiteral, "0123456789abcdefABCDEF:."),
    ]

    @Test(arguments: sets.indices)
    func setsAreTheGrammars(_ index: Int) {
        let (set, members) = ASCIITests.sets[index]
        for byte in UInt8.min...UInt8.max {
            #expect(set.contains(byte) == members.utf8.contains(byte), "byte \(byte)")
        }
    }

    @Test func fieldValueBytes() {
        for byte in UInt8.min...UInt8.max {
            let permitted = byte == 9 || (byte >= 32 && byte != 127)
            #expect(byte.isFieldValueByte == permitted)
        }
    }

    @Test func hexDigits() {
        for byte in UInt8.min...UInt8.max {
            let expected = byte < 128 ? UInt8(String(UnicodeScalar(byte)), radix: 16) : nil
            #expect(byte.hexValue == (byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") ? nil : expected))
        }
    }
}

// Spans cannot be arguments of an expectation: these take strings in their place.

func decimal(_ text: String) -> UInt64? {
    let content = bytes(text)
    return content.span.decimal()
}

func hexadecimal(_ text: String) -> UInt64? {
    let content = bytes(text)
    return content.span.hexadecimal()
}

func equals(_ text: String, _ literal: StaticString) -> Bool {
    let content = bytes(text)
    return content.span.equals(literal)
}

func equalsIgnoringCase(_ text: String, _ lowercase: StaticString) -> Bool {
    let content = bytes(text)
    return content.span.equalsIgnoringCase(lowercase)
}

func sameIgnoringCase(_ text: String, _ other: String) -> Bool {
    let (left, right) = (bytes(text), bytes(other))
    return left.span.equalsIgnoringCase(right.span)
}

@Suite struct NumberTests {
    @Test func readsDecimal() {
        #expect(decimal("0") == 0)
        #expect(decimal("0042") == 42)
        #expect(decimal("18446744073709551615") == UInt64.max)
        for faulty in ["", "+1", "-1", " 1", "1 ", "1_0", "0x1", "18446744073709551616", "99999999999999999999"] {
            #expect(decimal(faulty) == nil, "\(faulty)")
        }
    }

    @Test func readsHexadecimal() {
        #expect(hexadecimal("fF09") == 0xFF09)
        #expect(hexadecimal("ffffffffffffffff") == UInt64.max)
        for faulty in ["", "0x1", "g", "10000000000000000"] {
            #expect(hexadecimal(faulty) == nil, "\(faulty)")
        }
    }
}

@Suite struct WordTests {
    static let hostMarks = Array("-.".utf8)

    /// Every byte at every place of a word among neighbours that provoke carries and borrows.
    @Test func firstFlaggedByteIsTheFirstMatch() {
        for filler in [0x00, 0x01, 0x1F, 0x20, 0x21, 0x2E, 0x3A, 0x41, 0x61, 0x7E, 0x7F, 0x80, 0xFF] as [UInt8] {
            for byte in UInt8.min...UInt8.max {
                for place in 0..<8 {
                    var content = [UInt8](repeating: filler, count: 8)
                    content[place] = byte
                    let word = content.span.word(at: 0)
                    check(word.bytesEqual(to: 0x3A), content) { $0 == 0x3A }
                    check(word.bytesEqual(to: 0x7F), content) { $0 == 0x7F }
                    check(word.bytesEndingTarget(or: 0x3F), content) { !ByteSet.target.contains($0) || $0 == 0x3F }
                    check(word.bytesOutsideDomainName, content) { byte in
                        !ASCIITests.alphanumerics.utf8.contains(byte) && !WordTests.hostMarks.contains(byte)
                    }
                    check(word.controlBytes, content, mayFlag: 0x7E) { $0 < 0x20 || $0 == 0x7F }
                }
            }
        }
    }

    func check(_ mask: UInt64, _ content: [UInt8], mayFlag: UInt8? = nil, _ matches: (UInt8) -> Bool) {
        let first = content.firstIndex(where: matches)
        let flagged = mask == 0 ? nil : mask.firstFlaggedByte
        if first == flagged { return }
        if let flagged, content[flagged] == mayFlag, flagged < first ?? 8 { return }
        Issue.record("\(content): \(String(describing: flagged))")
    }

    @Test func literalsAndSpansAgree() {
        let text: StaticString = "transfer-encoding"
        let copy = bytes("transfer-encoding")
        let span = copy.span
        let words = (span.word(at: 0), span.word(at: 9), span.word(at: 12, length: 5))
        #expect(text.word(at: 0) == words.0)
        #expect(text.word(at: 9) == words.1)
        #expect(text.word(at: 12) == words.2)
    }
}

@Suite struct CompareTests {
    @Test func caseAside() {
        #expect(equalsIgnoringCase("Keep-ALIVE", "keep-alive"))
        #expect(!equalsIgnoringCase("Keep\rALIVE", "keep-alive"))
        #expect(!equalsIgnoringCase("keep-aliv", "keep-alive"))
        #expect(sameIgnoringCase("A[z", "a[Z"))
        #expect(!sameIgnoringCase("[", "{"))
        #expect(equals("GMT", "GMT"))
        #expect(!equals("gmt", "GMT"))
    }
}
