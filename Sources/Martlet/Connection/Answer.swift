// Puts an answer together: status line, fields, framing, body, in this order, in the connection's output.
//
// All ways to answer end here: ResponseWriter, Exchange, Ticket, and the server's own errors.

internal import MartletBytes
internal import MartletEngine
public import MartletHTTP
internal import MartletHTTP1

/// The fields that somebody set for an answer, already in their final spelling.
typealias FieldLines = UnsafeRawBufferPointer

/// Where the body of a whole answer comes from.
@unsafe enum AnswerBody {
    case bytes(UnsafeRawBufferPointer)
    case shared(SharedBytes)
    case file(SharedFile, offset: Int, count: Int)

    var byteCount: Int {
        switch unsafe self {
        case .bytes(let bytes): bytes.count
        case .shared(let shared): shared.count
        case .file(_, _, let count): count
        }
    }
}

extension Core {
    /// Fields that the writer in hand has set.
    var fieldsInHand: FieldLines { unsafe FieldLines(start: fieldBase, count: fieldCount) }

    /// Bodies up to this size are written behind their head; larger ones into blocks of their own.
    private static let inlineBodyBytesMax = 2048
    private static let headOverheadBytes = 512

    /// The whole answer from memory, with the fields that the writer in hand has set.
    @usableFromInline mutating func answer(_ slot: UInt32, _ status: Status, bytes: UnsafeRawBufferPointer) {
        unsafe answer(slot, status, fields: fieldsInHand, bytes: bytes)
    }

    /// The whole answer from memory: the usual one, so it takes one reservation and one pass.
    mutating func answer(_ slot: UInt32, _ status: Status, fields: FieldLines, bytes: UnsafeRawBufferPointer) {
        let row = unsafe connection(slot)
        // Nothing to send with a 304 says nothing of how long the other answer would be (RFC 9110 §8.6).
        let length: UInt64? = bytes.count == 0 && status == .notModified ? nil : UInt64(bytes.count)
        guard let framing = unsafe beginAnswer(row, status, length: length) else { return }
        let isInline = bytes.count <= Self.inlineBodyBytesMax
        let need = preamble.byteCount + Self.headOverheadBytes + fields.count + (isInline ? bytes.count : 0)
        guard let block = unsafe reserve(slot, row, need) else { return }
        var writer = unsafe writer(block)
        unsafe writeHead(status, fields, framing, into: &writer)
        let hasBody = framing.carriesBody
        if hasBody, isInline { unsafe writer.append(bytes) }
        unsafe commit(row, block, writer.count)
        if hasBody, !isInline { unsafe appendBytes(slot, bytes) }
        unsafe finishAnswer(slot, row)
    }

    mutating func answer(_ slot: UInt32, _ status: Status, fields: FieldLines, body: AnswerBody) {
        if case .bytes(let bytes) = unsafe body { return unsafe answer(slot, status, fields: fields, bytes: bytes) }
        guard let framing = unsafe beginAnswer(connection(slot), status, length: UInt64(body.byteCount)) else { return }
        guard unsafe appendHead(slot, status, fields, framing) else { return }
        if framing.carriesBody {
            switch unsafe body {
            case .bytes: break
            case .shared(let shared): appendShared(slot, shared)
            case .file(let file, let offset, let count): appendFile(slot, file, offset: offset, count: count)
            }
        }
        unsafe finishAnswer(slot, connection(slot))
    }

    /// Begins an answer whose body comes in pieces. Without a length it goes out in chunks, to an HTTP/1.0 client until the close.
    mutating func beginStreaming(_ slot: UInt32, _ status: Status, fields: FieldLines, length: UInt64?) {
        let row = unsafe connection(slot)
        // An answer that goes on while the body comes is one that reads it: the client is told before the answer's head.
        if unsafe row.pointee.requestStage == .streamingBody { sendContinue(slot) }
        guard let framing = unsafe beginAnswer(row, status, length: length, isStreamed: true) else { return }
        guard unsafe appendHead(slot, status, fields, framing) else { return }
        unsafe row.pointee.flags.remove([.chunkedAnswer, .sizedAnswer, .bodylessAnswer])
        switch framing.body {
        case .chunked: unsafe row.pointee.flags.insert(.chunkedAnswer)
        case .length(let length):
            unsafe row.pointee.flags.insert(.sizedAnswer)
            unsafe row.pointee.answerRemaining = length
        case .untilClose: break
        case .none, .announced: unsafe row.pointee.flags.insert(.bodylessAnswer)
        }
        unsafe row.pointee.responseStage = .streaming
        wantFlush(slot)
    }

    private mutating func appendHead(_ slot: UInt32, _ status: Status, _ fields: FieldLines, _ framing: ResponseFraming) -> Bool {
        let row = unsafe connection(slot)
        guard let block = unsafe reserve(slot, row, preamble.byteCount + Self.headOverheadBytes + fields.count) else { return false }
        var writer = unsafe writer(block)
        unsafe writeHead(status, fields, framing, into: &writer)
        unsafe commit(row, block, writer.count)
        return true
    }

    // Mutating, because a method that is not, called from one that is, gets a copy of the whole core (Swift 6.3).
    @inline(__always) // One straight run per request.
    private mutating func writeHead(_ status: Status, _ fields: FieldLines, _ framing: ResponseFraming, into writer: inout ByteWriter) {
        if status == .ok, ownFields.isEmpty {
            preamble.appendOK(into: &writer)
        } else {
            ResponseSerializer.statusLine(status, into: &writer)
            preamble.appendFields(without: ownFields, into: &writer)
        }
        unsafe writer.append(fields)
        ResponseSerializer.framing(framing, into: &writer)
        ResponseSerializer.endOfHead(into: &writer)
    }

    /// Decides the framing; nil when nobody waits for an answer any more.
    @inline(__always) // One straight run per request.
    private mutating func beginAnswer(_ row: ConnectionRow, _ status: Status, length: UInt64?, isStreamed: Bool = false) -> ResponseFraming? {
        guard unsafe row.pointee.responseStage == .pending else { return nil }
        precondition(status.code >= 200 && status.code <= 599, "a final answer has a status from 200 to 599")
        let flags = unsafe row.pointee.flags
        var keepsAlive = flags.contains(.requestKeepsAlive) && !flags.contains(.closes) && !isDraining
        let most = settings.requestsPerConnectionMax
        if most > 0, unsafe row.pointee.requestsAnswered + 1 >= most { keepsAlive = false }
        // A streamed answer may well read the body to its end; if it does not, the connection ends without having been announced.
        if !isStreamed, unsafe !row.pointee.canReuseAfterEarlyAnswer { keepsAlive = false }
        let framing = ResponseFraming(
            status: status, method: flags.contains(.isHead) ? .head : .get, version: flags.contains(.isHTTP10) ? .http10 : .http11,
            keepAliveWanted: keepsAlive, length: length)
        if !framing.keepsAlive {
            unsafe row.pointee.flags.insert(.closes)
            // The client may be sending more: another request, or the rest of a body.
            if unsafe flags.contains(.requestKeepsAlive) || row.pointee.requestStage != .complete { unsafe row.pointee.flags.insert(.lingers) }
        }
        counters.answers[Int(status.code / 100)] &+= 1  // Safe: 64 bits do not wrap.
        return framing
    }

    @inline(__always) // One straight run per request.
    mutating func finishAnswer(_ slot: UInt32, _ row: ConnectionRow) {
        unsafe row.pointee.responseStage = .complete
        if slotInHand != slot { enqueue(slot, [.wantsFlush, .wantsInput]) }
    }

    // MARK: The body in pieces

    /// Appends a piece, copied; the result says how the connection stands after it.
    mutating func write(_ slot: UInt32, _ bytes: UnsafeRawBufferPointer) -> WriteResult {
        write(slot, byteCount: bytes.count) { core in unsafe core.appendBytes(slot, bytes) }
    }

    /// A piece of a body that is appended by somebody who knows how.
    mutating func write(_ slot: UInt32, byteCount: Int, _ append: (inout Core) -> Void) -> WriteResult {
        let row = unsafe connection(slot)
        guard unsafe row.pointee.responseStage == .streaming else { return .gone }
        let flags = unsafe row.pointee.flags
        if byteCount > 0, !flags.contains(.bodylessAnswer) {
            guard takePromised(slot, byteCount) else { return .gone }
            let isChunked = flags.contains(.chunkedAnswer)
            if isChunked {
                guard appendFraming(slot, ResponseSerializer.chunkHeadBytesMax, { ResponseSerializer.chunkHead(byteCount: byteCount, into: &$0) }) else {
                    return .gone
                }
            }
            append(&self)
            if isChunked {
                guard appendFraming(slot, ResponseSerializer.chunkTailBytes, { ResponseSerializer.chunkTail(into: &$0) }) else { return .gone }
            }
            wantFlush(slot)
        }
        return standing(slot)
    }

    /// Counts a piece against the promised length; one that exceeds it cuts the connection.
    private mutating func takePromised(_ slot: UInt32, _ byteCount: Int) -> Bool {
        let row = unsafe connection(slot)
        guard unsafe row.pointee.flags.contains(.sizedAnswer) else { return true }
        guard unsafe UInt64(byteCount) <= row.pointee.answerRemaining else {
            cut(slot)
            return false
        }
        unsafe row.pointee.answerRemaining -= UInt64(byteCount)
        return true
    }

    private mutating func appendFraming(_ slot: UInt32, _ byteCountMax: Int, _ write: (inout ByteWriter) -> Void) -> Bool {
        let row = unsafe connection(slot)
        guard let block = unsafe reserve(slot, row, byteCountMax) else { return false }
        var writer = unsafe writer(block)
        write(&writer)
        unsafe commit(row, block, writer.count)
        return true
    }

    // Mutating, as `writeHead` is.
    private mutating func standing(_ slot: UInt32) -> WriteResult {
        let row = unsafe connection(slot)
        if unsafe row.pointee.flags.contains(.wantsAbort) { return .gone }
        guard unsafe row.pointee.outputBytes > settings.outputHighWaterBytes else { return .open }
        unsafe row.pointee.flags.insert(.wantsWritable)
        return .full
    }

    /// Ends a streamed body. One that is shorter than its promised length cuts the connection.
    ///
    /// - Parameter trailers: field lines that go out behind a chunked body (RFC 9112 §7.1.2).
    mutating func finishStreaming(_ slot: UInt32, trailers: FieldLines = unsafe FieldLines(start: nil, count: 0)) {
        let row = unsafe connection(slot)
        guard unsafe row.pointee.responseStage == .streaming else { return }
        let flags = unsafe row.pointee.flags
        if flags.contains(.sizedAnswer), unsafe row.pointee.answerRemaining > 0 { return cut(slot) }
        if flags.contains(.chunkedAnswer), !flags.contains(.bodylessAnswer) {
            guard let block = unsafe reserve(slot, row, trailers.count + ResponseSerializer.lastChunkBytes) else { return }
            var writer = unsafe writer(block)
            if unsafe trailers.isEmpty {
                ResponseSerializer.lastChunk(into: &writer)
            } else {
                writer.append("0\r\n")
                unsafe writer.append(trailers)
                ResponseSerializer.endOfHead(into: &writer)
            }
            unsafe commit(row, block, writer.count)
        }
        unsafe finishAnswer(slot, row)
    }

    /// An interim answer: the client may send its body now.
    mutating func sendContinue(_ slot: UInt32) {
        let row = unsafe connection(slot)
        guard unsafe row.pointee.flags.contains(.expectsContinue) else { return }
        unsafe row.pointee.flags.remove(.expectsContinue)
        guard unsafe row.pointee.responseStage == .pending else { return }
        let line: StaticString = "HTTP/1.1 100 Continue\r\n\r\n"
        unsafe appendBytes(slot, UnsafeRawBufferPointer(start: line.utf8Start, count: line.utf8CodeUnitCount))
        wantFlush(slot)
    }

    /// The server's own answer to a request that no handler sees, and the end of the connection if `closing`.
    mutating func answerError(_ slot: UInt32, _ status: Status, _ explanation: StaticString, closing: Bool, retryAfter: Bool = false) {
        let row = unsafe connection(slot)
        unsafe row.pointee.responseStage = .pending
        if closing { unsafe row.pointee.flags.formUnion([.closes, .lingers]) }
        let text: StaticString = retryAfter
            ? "Content-Type: text/plain; charset=utf-8\r\nRetry-After: 1\r\n"
            : "Content-Type: text/plain; charset=utf-8\r\n"
        unsafe answer(
            slot, status, fields: FieldLines(start: text.utf8Start, count: text.utf8CodeUnitCount),
            bytes: UnsafeRawBufferPointer(start: explanation.utf8Start, count: explanation.utf8CodeUnitCount))
    }
}

extension ResponseFraming {
    /// Whether bytes of a body follow the head.
    fileprivate var carriesBody: Bool {
        switch body {
        case .length, .chunked, .untilClose: true
        case .none, .announced: false
        }
    }
}
