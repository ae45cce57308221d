// Answers a request later, from any thread.

internal import MartletBytes
internal import MartletEngine
public import MartletHTTP
public import MartletHTTP1

/// Why a ticket's answer was not taken.
public enum TicketError: Error, Sendable {
    /// The core's mailbox is full (`Configuration.mailboxCapacity`); the client gets 503.
    case overloaded
    /// A field was refused; the client gets 500.
    case invalidField(ResponseFieldError)
}

/// The right to answer one request, from any thread, once. A ticket that is dropped answers 500.
///
/// Answers of up to about 1,900 bytes of fields and body allocate nothing; larger ones allocate once. A late ticket (the client has
/// left, a deadline has answered) does no harm: it is recognized and dropped.
public struct Ticket: ~Copyable, Sendable {
    private let mailbox: Mailbox
    private let slot: UInt32
    private let serial: UInt32
    private var isSpent = false

    init(_ mailbox: Mailbox, slot: UInt32, serial: UInt32) {
        self.mailbox = mailbox
        self.slot = slot
        self.serial = serial
    }

    /// Answers with a body that is copied, and at most one field: its type.
    public consuming func send(_ status: Status = .ok, contentType: StaticString? = nil, body: Span<UInt8>) throws(TicketError) {
        var fields = InlineArray<256, UInt8>(repeating: 0)
        var count = 0
        if let contentType {
            precondition(contentType.utf8CodeUnitCount <= 200, "a content type has at most 200 bytes")
            var span = fields.mutableSpan
            count = unsafe span.withUnsafeMutableBytes { raw in
                var writer = unsafe ByteWriter(raw.baseAddress!, capacity: raw.count)
                ResponseSerializer.field(name: "Content-Type", value: contentType, into: &writer)
                return writer.count
            }
        }
        try deliver(status, fields: fields.span.extracting(first: count), body: body)
    }

    /// Answers with fields that were written by `FieldBlock`.
    public consuming func send(_ status: Status = .ok, fields: FieldBlock, body: Span<UInt8>) throws(TicketError) {
        try deliver(status, fields: fields.bytes.span, body: body)
    }

    private consuming func deliver(_ status: Status, fields: Span<UInt8>, body: Span<UInt8>) throws(TicketError) {
        guard let letter = unsafe mailbox.takeLetter() else {
            mailbox.refuse(Refusal(slot: slot, serial: serial, isOverload: true))
            isSpent = true
            throw .overloaded
        }
        let need = fields.count + body.count
        let overflow = unsafe need > Letter.payloadBytes ? UnsafeMutableRawPointer.allocate(byteCount: need, alignment: 16) : nil
        unsafe letter.initialize(to: Letter(
            slot: slot, serial: serial, status: status.code, fieldByteCount: fields.count, bodyByteCount: body.count, overflow: overflow))
        var writer = unsafe ByteWriter(letter.payload, capacity: need)
        writer.append(fields)
        writer.append(body)
        unsafe mailbox.post(letter)
        isSpent = true
    }

    deinit { if !isSpent { mailbox.refuse(Refusal(slot: slot, serial: serial, isOverload: false)) } }
}

/// Fields of an answer, checked as they are added; made once and used for any number of answers.
public struct FieldBlock: Sendable {
    var bytes: [UInt8] = []

    public init() {}

    /// Adds a field; a value that would break out of its line is refused.
    public mutating func append(_ name: FieldName, _ value: Span<UInt8>) throws(ResponseFieldError) {
        let room = name.canonicalName.utf8CodeUnitCount + value.count + 4
        try write(room) { (writer) throws(ResponseFieldError) in try ResponseSerializer.field(name: name, value: value, into: &writer) }
    }

    /// Adds a field of any name.
    public mutating func append(name: Span<UInt8>, _ value: Span<UInt8>) throws(ResponseFieldError) {
        try write(name.count + value.count + 4) { (writer) throws(ResponseFieldError) in
            try ResponseSerializer.field(name: name, value: value, into: &writer)
        }
    }

    private mutating func write(_ room: Int, _ body: (inout ByteWriter) throws(ResponseFieldError) -> Void) throws(ResponseFieldError) {
        var failure: ResponseFieldError?
        let line = unsafe [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
            var writer = unsafe ByteWriter(UnsafeMutableRawPointer(buffer.baseAddress!), capacity: room)
            do throws(ResponseFieldError) {
                try body(&writer)
                count = writer.count
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        bytes += line
    }
}
