// Puts an answer together: status line, fields, framing, body, in this order, in the connection's output.
//
// All ways to answer end here: ResponseWriter, Exchange, Ticket, and the server's own errors.

internal import MartletBytes
internal import MartletEngine
internal import MartletHTTP
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
    var fieldsInHand: FieldLines { unsafe FieldLines(start: fieldMemory.base, count: fieldCount) }

    /// Bodies up to this size are written behind their head; larger ones into blocks of their own.
    private static let inlineBodyBytesMax = 2048
    private static let headOverheadBytes = 512

    /// The whole answer from memory: the usual one, so it takes one reservation and one pass.
    mutating func answer(_ slot: UInt32, _ status: Status, fields: FieldLines, bytes: UnsafeRawBufferPointer) {
        guard let framing = beginAnswer(slot, status, length: UInt64(bytes.count)) else { return }
        let isInline = bytes.count <= Self.inlineBodyBytesMax
        let need = preamble.byteCount + Self.headOverheadBytes + fields.count + (isInline ? bytes.count : 0)
        guard let block = unsafe reserve(slot, need) else { return }
        var writer = unsafe writer(block)
        unsafe writeHead(status, fields, framing, into: &writer)
        let hasBody = carriesBody(framing)
        if hasBody, isInline { unsafe writer.append(bytes) }
        unsafe commit(slot, block, writer.count)
        if hasBody, !isInline { unsafe appendBytes(slot, bytes) }
        finishAnswer(slot)
    }

    mutating func answer(_ slot: UInt32, _ status: Status, fields: FieldLines, body: AnswerBody) {
        if case .bytes(let bytes) = unsafe body { return unsafe answer(slot, status, fields: fields, bytes: bytes) }
        guard let framing = unsafe beginAnswer(slot, status, length: UInt64(body.byteCount)) else { return }
        guard unsafe appendHead(slot, status, fields, framing) else { return }
        if carriesBody(framing) {
            switch unsafe body {
            case .bytes: break
            case .shared(let shared): appendShared(slot, shared)
            case .file(let file, let offset, let count): appendFile(slot, file, offset: offset, count: count)
            }
        }
        finishAnswer(slot)
    }

    /// Begins an answer whose body comes in pieces. Without a length it goes out in chunks, to an HTTP/1.0 client until the close.
    mutating func beginStreaming(_ slot: UInt32, _ status: Status, fields: FieldLines, length: UInt64?) {
        let row = unsafe connection(slot)
        // An answer that goes on while the body comes is one that reads it: the client is told before the answer's head.
        if unsafe row.pointee.requestStage == .streamingBody { sendContinue(slot) }
        guard let framing = beginAnswer(slot, status, length: length, isStreamed: true) else { return }
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
        guard let block = unsafe reserve(slot, preamble.byteCount + Self.headOverheadBytes + fields.count) else { return false }
        var writer = unsafe writer(block)
        unsafe writeHead(status, fields, framing, into: &writer)
        unsafe commit(slot, block, writer.count)
        return true
    }

    private func carriesBody(_ framing: ResponseFraming) -> Bool {
        switch framing.body {
        case .length, .chunked, .untilClose: true
        case .none, .announced: false
        }
    }

    private func writeHead(_ status: Status, _ fields: FieldLines, _ framing: ResponseFraming, into writer: inout ByteWriter) {
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
    private mutating func beginAnswer(_ slot: UInt32, _ status: Status, length: UInt64?, isStreamed: Bool = false) -> ResponseFraming? {
        let row = unsafe connection(slot)
        guard unsafe row.pointee.responseStage == .pending else { return nil }
        precondition(status.code >= 200 && status.code <= 599, "a final answer has a status from 200 to 599")
        let flags = unsafe row.pointee.flags
        var keepsAlive = flags.contains(.requestKeepsAlive) && !flags.contains(.closes) && !isDraining
        let most = settings.requestsPerConnectionMax
        if most > 0, unsafe row.pointee.requestsAnswered + 1 >= most { keepsAlive = false }
        // A streamed answer may well read the body to its end; if it does not, the connection ends without having been announced.
        if !isStreamed, !canReuseAfterEarlyAnswer(slot) { keepsAlive = false }
        let framing = ResponseFraming(
            status: status, method: flags.contains(.isHead) ? .head : .get, version: flags.contains(.isHTTP10) ? .http10 : .http11,
            keepAliveWanted: keepsAlive, length: length)
        if !framing.keepsAlive {
            unsafe row.pointee.flags.insert(.closes)
            // The client may be sending more: another request, or the rest of a body.
            if unsafe flags.contains(.requestKeepsAlive) || row.pointee.requestStage != .complete { unsafe row.pointee.flags.insert(.lingers) }
        }
        counters.answers[Int(status.code / 100)] += 1
        return framing
    }

    /// A body that the answer did not wait for is read to its end only when that is cheap and sure; else the connection ends.
    func canReuseAfterEarlyAnswer(_ slot: UInt32) -> Bool {
        let row = unsafe connection(slot)
        switch unsafe row.pointee.requestStage {
        case .streamingBody, .discardingBody:
            let flags = unsafe row.pointee.flags
            return unsafe !flags.contains(.expectsContinue) && !flags.contains(.chunkedRequest) && row.pointee.bodyRemaining <= CoreSettings.discardBytesMax
        default:
            return true
        }
    }

    mutating func finishAnswer(_ slot: UInt32) {
        unsafe connection(slot).pointee.responseStage = .complete
        wantFlush(slot)
        if slotInHand != slot { enqueue(slot, .wantsInput) }
    }

    // MARK: The body in pieces

    /// Appends a piece; the result says how the connection stands after it.
    mutating func write(_ slot: UInt32, _ bytes: UnsafeRawBufferPointer) -> WriteResult {
        let row = unsafe connection(slot)
        guard unsafe row.pointee.responseStage == .streaming else { return .gone }
        let flags = unsafe row.pointee.flags
        if bytes.count > 0, !flags.contains(.bodylessAnswer) {
            if flags.contains(.sizedAnswer) {
                guard unsafe UInt64(bytes.count) <= row.pointee.answerRemaining else {
                    cut(slot)
                    return .gone
                }
                unsafe row.pointee.answerRemaining -= UInt64(bytes.count)
            }
            unsafe appendPiece(slot, bytes, chunked: flags.contains(.chunkedAnswer))
            wantFlush(slot)
        }
        if unsafe row.pointee.flags.contains(.wantsAbort) { return .gone }
        guard unsafe row.pointee.outputBytes > settings.outputHighWaterBytes else { return .open }
        unsafe row.pointee.flags.insert(.wantsWritable)
        return .full
    }

    private mutating func appendPiece(_ slot: UInt32, _ bytes: UnsafeRawBufferPointer, chunked: Bool) {
        guard chunked else { return unsafe appendBytes(slot, bytes) }
        guard let head = unsafe reserve(slot, ResponseSerializer.chunkHeadBytesMax) else { return }
        var headWriter = unsafe writer(head)
        ResponseSerializer.chunkHead(byteCount: bytes.count, into: &headWriter)
        unsafe commit(slot, head, headWriter.count)
        unsafe appendBytes(slot, bytes)
        guard let tail = unsafe reserve(slot, ResponseSerializer.chunkTailBytes) else { return }
        var tailWriter = unsafe writer(tail)
        ResponseSerializer.chunkTail(into: &tailWriter)
        unsafe commit(slot, tail, tailWriter.count)
    }

    /// Ends a streamed body. One that is shorter than its promised length cuts the connection.
    mutating func finishStreaming(_ slot: UInt32) {
        let row = unsafe connection(slot)
        guard unsafe row.pointee.responseStage == .streaming else { return }
        let flags = unsafe row.pointee.flags
        if flags.contains(.sizedAnswer), unsafe row.pointee.answerRemaining > 0 { return cut(slot) }
        if flags.contains(.chunkedAnswer), !flags.contains(.bodylessAnswer) {
            guard let block = unsafe reserve(slot, ResponseSerializer.lastChunkBytes) else { return }
            var writer = unsafe writer(block)
            ResponseSerializer.lastChunk(into: &writer)
            unsafe commit(slot, block, writer.count)
        }
        finishAnswer(slot)
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
