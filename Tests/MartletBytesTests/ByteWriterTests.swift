import MartletBytes
import Testing

/// Runs a body with a writer over a small piece of memory and returns what it wrote.
func written(capacity: Int = 64, _ body: (inout ByteWriter) -> Void) -> [UInt8] {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 1)
    defer { unsafe memory.deallocate() }
    guard let base = memory.baseAddress else { return [] }
    var writer = unsafe ByteWriter(base, capacity: capacity)
    body(&writer)
    let span = writer.written
    return span.indices.map { span[$0] }
}

func bytes(_ string: String) -> [UInt8] { Array(string.utf8) }

/// A span must not outlive its array: here the parameter keeps it.
func append(_ bytes: [UInt8], to writer: inout ByteWriter) {
    writer.append(bytes.span)
}

@Suite struct ByteWriterTests {
    @Test func appendsInOrder() {
        let result = written { writer in
            writer.append(UInt8(ascii: "a"))
            writer.append("bc")
            writer.append("d")
            append(bytes("efg"), to: &writer)
            append([], to: &writer)
        }
        #expect(result == bytes("abcdefg"))
    }

    @Test(arguments: [0, 1, 9, 10, 99, 100, 12_345, 9_999_999_999_999_999_999, 10_000_000_000_000_000_000, UInt64.max])
    func writesNumbers(_ value: UInt64) {
        #expect(written { $0.appendDecimal(value) } == bytes(String(value)))
        #expect(written { $0.appendHex(value) } == bytes(String(value, radix: 16)))
    }

    @Test func writesEveryPowerOfTwo() {
        for shift in 0..<64 {
            for value in [UInt64(1) << UInt64(shift), (UInt64(1) << UInt64(shift)) - 1] {
                #expect(written { $0.appendDecimal(value) } == bytes(String(value)))
                #expect(written { $0.appendHex(value) } == bytes(String(value, radix: 16)))
            }
        }
    }

    @Test func padsWithZeros() {
        #expect(written { $0.appendDecimal(7, digits: 4) } == bytes("0007"))
    }

    @Test func countsWhatIsLeft() {
        _ = written(capacity: 4) { writer in
            writer.append("abcd")
            let (remaining, count) = (writer.remaining, writer.count)
            #expect(remaining == 0)
            #expect(count == 4)
        }
    }

    @Test func goesOnAfterWhatIsThere() {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 4, alignment: 1)
        defer { unsafe memory.deallocate() }
        guard let base = memory.baseAddress else { return }
        unsafe base.storeBytes(of: UInt8(ascii: "x"), as: UInt8.self)
        var writer = unsafe ByteWriter(base, capacity: 4, count: 1)
        writer.append("y")
        let (first, count) = (writer.written[0], writer.count)
        #expect(first == UInt8(ascii: "x"))
        #expect(count == 2)
    }

    @Test func stopsAtItsCapacity() async {
        await #expect(processExitsWith: .failure) {
            _ = written(capacity: 3) { $0.append("abcd") }
        }
    }
}
