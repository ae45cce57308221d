// What another runtime's host does with an exchange: fields already in their final spelling, bytes that the runtime owns, interim answers, trailers.

internal import MartletBytes
internal import MartletEngine
package import MartletHTTP
internal import MartletHTTP1

/// Fields of the server's own that an answer brings itself.
@frozen package struct OwnFields: OptionSet, Sendable {
    package let rawValue: UInt8
    @inlinable package init(rawValue: UInt8) { self.rawValue = rawValue }
    // The empty literal is a generic call in another module.
    @inlinable package static var none: OwnFields { OwnFields(rawValue: 0) }
    package static let server = OwnFields(rawValue: 1)
    package static let date = OwnFields(rawValue: 2)
}

extension Exchange {
    /// Index of the connection's row: small, and used again when the connection has ended.
    package var slotIndex: Int { Int(slot) }

    /// The peer sends no more.
    package var inputHasEnded: Bool { unsafe core.pointee.connection(slot).pointee.flags.contains(.inputEnded) }

    /// True while nothing of an answer exists.
    package var isPending: Bool { isLive && stage == .pending }

    private var stage: ResponseStage { unsafe core.pointee.connection(slot).pointee.responseStage }

    /// True when the output waits above its high-water mark; `Handler.writable` tells when that is over.
    package var isFull: Bool { unsafe isLive && core.pointee.connection(slot).pointee.flags.contains(.wantsWritable) }

    /// The connection ends with this answer.
    package func closeAfterAnswer() {
        if isLive { unsafe core.pointee.connection(slot).pointee.flags.formUnion([.closes, .lingers]) }
    }

    /// A whole answer from memory, which is copied.
    package func answer(_ status: Status, fields: UnsafeRawBufferPointer, own: OwnFields, bytes: UnsafeRawBufferPointer) {
        guard isPending else { return }
        unsafe core.pointee.ownFields = own
        unsafe core.pointee.answer(slot, status, fields: fields, bytes: bytes)
        unsafe core.pointee.ownFields = .none
    }

    /// The head of an answer; the body comes by `write`.
    package func begin(_ status: Status, fields: UnsafeRawBufferPointer, own: OwnFields, length: UInt64?) {
        guard isPending else { return }
        unsafe core.pointee.ownFields = own
        unsafe core.pointee.beginStreaming(slot, status, fields: fields, length: length)
        unsafe core.pointee.ownFields = .none
    }

    /// A piece of the body, which is copied.
    package func write(copying bytes: UnsafeRawBufferPointer) -> WriteResult {
        isLive ? unsafe core.pointee.write(slot, bytes) : .gone
    }

    /// A piece of the body that stays where it is; `owner` is let go of when the kernel has it.
    package func write(_ bytes: UnsafeRawBufferPointer, owner: AnyObject) -> WriteResult {
        isLive ? unsafe core.pointee.write(slot, byteCount: bytes.count) { core in unsafe core.appendForeign(slot, bytes, owner: owner) } : .gone
    }

    /// A piece of the body from a file, by the kernel.
    package func write(_ file: SharedFile, offset: Int, count: Int) -> WriteResult {
        isLive ? unsafe core.pointee.write(slot, byteCount: count) { core in core.appendFile(slot, file, offset: offset, count: count) } : .gone
    }

    /// An interim answer (RFC 9110 §15.2), with fields in their final spelling. HTTP/1.0 clients get none.
    package func interim(_ status: Status, fields: UnsafeRawBufferPointer) {
        guard isPending else { return }
        unsafe core.pointee.interim(slot, status, fields: fields)
    }

    /// Ends the connection after what was written, without the rest of the answer: the client sees that it is not whole.
    package func truncate() {
        if isLive { unsafe core.pointee.truncate(slot) }
    }

    /// Ends a streamed answer; trailers go out when it is chunked (RFC 9112 §7.1.2).
    package func finish(trailers: UnsafeRawBufferPointer) {
        if isLive { unsafe core.pointee.finishStreaming(slot, trailers: trailers) }
    }
}

extension Core {
    mutating func interim(_ slot: UInt32, _ status: Status, fields: FieldLines) {
        let row = unsafe connection(slot)
        guard unsafe !row.pointee.flags.contains(.isHTTP10) else { return }
        guard let block = unsafe reserve(slot, row, ResponseSerializer.statusLineBytesMax + fields.count + 2) else { return }
        var writer = unsafe writer(block)
        ResponseSerializer.statusLine(status, into: &writer)
        unsafe writer.append(fields)
        ResponseSerializer.endOfHead(into: &writer)
        unsafe commit(row, block, writer.count)
        wantFlush(slot)
    }

    mutating func truncate(_ slot: UInt32) {
        let row = unsafe connection(slot)
        // A body that lasts until the close looks whole when the connection ends in order: it must not.
        let showsItsEnd = unsafe !row.pointee.flags.isDisjoint(with: [.chunkedAnswer, .sizedAnswer])
        guard showsItsEnd, unsafe row.pointee.responseStage == .streaming else { return cut(slot) }
        unsafe row.pointee.flags.formUnion([.closes, .lingers])
        unsafe finishAnswer(slot, row)
    }
}

extension Request {
    /// The body is here whole (it may be empty): nothing of it comes by `received`.
    public var isBodyComplete: Bool { unsafe core.pointee.connection(slot).pointee.requestStage == .complete }
    package var expectsContinue: Bool { unsafe core.pointee.head.expectsContinue }
}
