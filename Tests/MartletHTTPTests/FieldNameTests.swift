import MartletHTTP
import Testing

func bytes(_ string: String) -> [UInt8] { Array(string.utf8) }

// Spans cannot be arguments of an expectation: these take arrays in their place.

func fieldName(_ name: [UInt8]) -> FieldName { FieldName(name.span) }

func fieldName(in line: [UInt8], count: Int) -> FieldName {
    FieldName.lookup(in: line.span, at: 0, count: count)
}

@Suite struct FieldNameTests {
    @Test(arguments: 1...FieldName.knownCount)
    func isFoundInAnyCase(_ number: UInt8) {
        let name = FieldName(rawValue: number)
        let spelling = "\(name.canonicalName)"
        #expect(!spelling.isEmpty)
        for variant in [spelling, spelling.lowercased(), spelling.uppercased()] {
            #expect(fieldName(bytes(variant)) == name, "\(variant)")
            // In the middle of more bytes, where whole words can be loaded, as in a head.
            let line = bytes(variant + ": value of the field\r\n")
            #expect(fieldName(in: line, count: variant.utf8.count) == name, "\(variant)")
        }
    }

    /// A known name with any one byte changed to any other is not that name, unless only the case changed.
    @Test(arguments: 1...FieldName.knownCount)
    func isNotFoundWhenSpelledOtherwise(_ number: UInt8) {
        let name = FieldName(rawValue: number)
        let lowercased = "\(name.canonicalName)".lowercased()
        let spelling = bytes(lowercased)
        for place in spelling.indices {
            for byte in UInt8.min...UInt8.max {
                var changed = spelling
                changed[place] = byte
                let same = String(decoding: changed, as: UTF8.self).lowercased() == lowercased
                let found = fieldName(changed) == name
                if found != same { Issue.record("\(changed) for \(name.canonicalName)") }
            }
        }
        #expect(fieldName(spelling + [0x61]) != name)
        #expect(fieldName(Array(spelling.dropLast())) != name)
    }

    @Test func othersAreUnknown() {
        for other in ["", "a", "x-custom", "hos", "hosts", "content-lengthy", "sec-websocket-extensionz"] {
            #expect(fieldName(bytes(other)) == .unknown)
        }
    }
}

@Suite struct StatusTests {
    @Test func reasons() {
        #expect("\(Status.ok.reason)" == "OK")
        #expect("\(Status.contentTooLarge.reason)" == "Content Too Large")
        #expect("\(Status(code: 299).reason)" == "")
    }

    @Test func everyFaultHasAnAnswer() {
        for fault in RequestError.allCases {
            #expect(fault.status.code >= 400 && fault.status.code < 600)
            #expect("\(fault.explanation)".hasSuffix("."))
        }
    }
}

@Suite struct RequestHeadTests {
    @Test func layout() {
        #expect(MemoryLayout<Field>.size == 8)
        #expect(MemoryLayout<RequestHead>.size <= 900)
    }
}
