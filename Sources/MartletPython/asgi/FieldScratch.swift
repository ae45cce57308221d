// Where field lines are spelled before it is known how many bytes they have. One per service; its content is good until the next answer's.

internal import CPython
internal import MartletBytes
internal import MartletEngine
internal import MartletHTTP
internal import MartletHTTP1

@safe final class FieldScratch {
    /// Bytes of fields that one answer may have.
    static let bytesMax = 65_536

    private let memory: PageMemory
    private(set) var count = 0
    /// Lines that every answer has: `--header`.
    private let extras: [UInt8]

    init(extras: [UInt8]) throws(SystemError) {
        memory = try PageMemory(byteCount: Self.bytesMax)
        self.extras = extras
    }

    func begin() { count = 0 }

    func withBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        unsafe body(UnsafeRawBufferPointer(start: memory.base, count: count))
    }

    /// False with an exception raised.
    func append(_ pair: borrowing FieldPairs) -> Bool {
        let need = ResponseSerializer.fieldBytes(nameCount: pair.name.count, valueCount: pair.value.count)
        guard count + need + extras.count <= Self.bytesMax else {
            unsafe Python.raise(martlet_exc_value_error(), "'headers': the fields of an answer have at most \(Self.bytesMax) bytes")
            return false
        }
        var writer = unsafe ByteWriter(memory.base, capacity: Self.bytesMax, count: count)
        do throws(ResponseFieldError) {
            try ResponseSerializer.field(name: pair.name, value: pair.value, into: &writer)
        } catch {
            raise(error, pair.name)
            return false
        }
        count = writer.count
        return true
    }

    private func raise(_ error: ResponseFieldError, _ name: Span<UInt8>) {
        var text = ""
        for index in name.indices { text.unicodeScalars.append(Unicode.Scalar(name[index])) }
        let problem =
            switch error {
            case .invalidName: "is not a field name (RFC 9110 section 5.1)"
            case .invalidValue: "has a value with a control character (RFC 9110 section 5.5)"
            case .ownedByServer: "is the server's to write"
            }
        unsafe Python.raise(martlet_exc_value_error(), "'headers': \(text.debugDescription) \(problem)")
    }

    /// After the application's own fields.
    func appendExtras(_ status: Status) {
        guard !extras.isEmpty else { return }
        var writer = unsafe ByteWriter(memory.base, capacity: Self.bytesMax, count: count)
        for byte in extras { writer.append(byte) }
        count = writer.count
    }

    /// One line from two literals' bytes, for hints and trailers; false with an exception raised.
    func append(name: StaticString, value: Span<UInt8>) -> Bool {
        guard count + name.utf8CodeUnitCount + value.count + 4 <= Self.bytesMax else {
            unsafe Python.raise(martlet_exc_value_error(), "'links': at most \(Self.bytesMax) bytes")
            return false
        }
        var writer = unsafe ByteWriter(memory.base, capacity: Self.bytesMax, count: count)
        do throws(ResponseFieldError) {
            try ResponseSerializer.checkValue(value)
        } catch {
            unsafe Python.raise(martlet_exc_value_error(), "'links': a link has a control character")
            return false
        }
        writer.append(name)
        writer.append(": ")
        writer.append(value)
        writer.append("\r\n")
        count = writer.count
        return true
    }
}
