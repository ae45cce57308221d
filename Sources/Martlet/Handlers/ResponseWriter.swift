// One answer. Not copyable and not escapable: answering twice or storing the writer does not compile, and forgetting it is a 500.

public import MartletBytes
internal import MartletEngine
public import MartletHTTP
public import MartletHTTP1

/// Answers one request, in one of four ways: `send` a whole answer, `stream` one in pieces, take a `ticket` to answer later from any
/// thread, or `keep` the exchange to answer later on the core's own thread.
///
/// Fields set before are part of the answer. `Content-Length`, `Transfer-Encoding` and `Connection` are the server's own
/// (RFC 9112 §6, §9); a value with CR, LF or another control character is refused (RFC 9110 §5.5).
@frozen @safe public struct ResponseWriter: ~Copyable, ~Escapable {
    @usableFromInline let core: UnsafeMutablePointer<Core>
    @usableFromInline let slot: UInt32

    @_lifetime(immortal)
    @inlinable init(core: UnsafeMutablePointer<Core>, slot: UInt32) {
        unsafe self.core = core
        self.slot = slot
        unsafe core.pointee.fieldCount = 0
    }

    // MARK: Fields

    /// Adds a field with a literal value.
    // Inlined always: where the name is a literal too, the line is a few stores.
    @inlinable @inline(__always)
    public mutating func field(_ name: FieldName, _ value: StaticString) {
        do throws(ResponseFieldError) {
            var writer = fieldWriter(name.canonicalName.utf8CodeUnitCount + value.utf8CodeUnitCount)
            try ResponseSerializer.field(name: name, value: value, into: &writer)
            keep(writer)
        } catch {
            preconditionFailure("Content-Length, Transfer-Encoding and Connection are the server's own to write")
        }
    }

    /// Adds a field; a value that would break out of its line is refused.
    public mutating func field(_ name: FieldName, _ value: Span<UInt8>) throws(ResponseFieldError) {
        var writer = fieldWriter(name.canonicalName.utf8CodeUnitCount + value.count)
        try ResponseSerializer.field(name: name, value: value, into: &writer)
        keep(writer)
    }

    /// Adds a field of any name.
    public mutating func field(name: Span<UInt8>, _ value: Span<UInt8>) throws(ResponseFieldError) {
        var writer = fieldWriter(name.count + value.count)
        try ResponseSerializer.field(name: name, value: value, into: &writer)
        keep(writer)
    }

    @inlinable func fieldWriter(_ byteCount: Int) -> ByteWriter {
        let used = unsafe core.pointee.fieldCount
        precondition(used + byteCount + 4 <= Core.fieldBytesMax, "the fields of one answer have at most 65,536 bytes")
        return unsafe ByteWriter(core.pointee.fieldBase, capacity: Core.fieldBytesMax, count: used)
    }

    @inlinable func keep(_ writer: borrowing ByteWriter) { unsafe core.pointee.fieldCount = writer.count }

    // MARK: Whole answers

    /// Sends bytes; they are copied into the connection's output.
    public consuming func send(_ status: Status = .ok, body: Span<UInt8>) {
        unsafe body.withUnsafeBytes { unsafe core.pointee.answer(slot, status, bytes: $0) }
        discard self
    }

    /// Sends a literal.
    @inlinable
    public consuming func send(_ status: Status = .ok, body: StaticString) {
        let bytes = unsafe UnsafeRawBufferPointer(start: body.utf8Start, count: body.utf8CodeUnitCount)
        unsafe core.pointee.answer(slot, status, bytes: bytes)
        discard self
    }

    /// Sends bytes that are not copied.
    public consuming func send(_ status: Status = .ok, shared: SharedBytes) {
        unsafe core.pointee.answer(slot, status, fields: core.pointee.fieldsInHand, body: .shared(shared))
        discard self
    }

    /// Sends a part of a file from the page cache, without its bytes passing through the program.
    public consuming func send(_ status: Status = .ok, file: SharedFile, offset: Int = 0, count: Int) {
        precondition(offset >= 0 && count >= 0 && offset + count <= file.byteCount, "the part lies within the file")
        unsafe core.pointee.answer(slot, status, fields: core.pointee.fieldsInHand, body: .file(file, offset: offset, count: count))
        discard self
    }

    /// Sends an answer without a body.
    public consuming func send(_ status: Status) {
        unsafe core.pointee.answer(slot, status, bytes: UnsafeRawBufferPointer(start: nil, count: 0))
        discard self
    }

    // MARK: Answers that go on

    /// Sends the head now; the body comes by `Exchange.write` and ends by `Exchange.finish`.
    ///
    /// - Parameter length: of the body in bytes, if it is known; else it goes out in chunks.
    public consuming func stream(_ status: Status = .ok, length: UInt64? = nil) -> Exchange {
        unsafe core.pointee.beginStreaming(slot, status, fields: core.pointee.fieldsInHand, length: length)
        return keep()
    }

    /// Nothing is sent yet: `Exchange.withWriter` answers later, on the core's own thread. A streamed request body arrives meanwhile.
    public consuming func keep() -> Exchange {
        unsafe core.pointee.connection(slot).pointee.flags.insert(.exchangeHeld)
        let exchange = unsafe Exchange(core: core, slot: slot, serial: core.pointee.connection(slot).pointee.serial)
        discard self
        return exchange
    }

    /// Nothing is sent yet: the ticket answers later, from any thread.
    public consuming func ticket() -> Ticket {
        let ticket = unsafe Ticket(core.pointee.mailbox, slot: slot, serial: core.pointee.connection(slot).pointee.serial)
        discard self
        return ticket
    }

    /// The answer of a handler that gave none.
    deinit {
        unsafe core.pointee.counters.unanswered += 1
        unsafe core.pointee.fieldCount = 0
        unsafe core.pointee.answerError(slot, .internalServerError, "The application did not answer.\n", closing: false)
    }
}
