// Bytes to requests: parses what arrived in place, and keeps a copy only of what must wait for more.
//
// Invariants: `input` names the bytes that are worked on, in the receive buffer or in the connection's own block; they are released or
// kept before another connection is looked at. A receive buffer never outlives the turn: an idle or slow peer pins none.

internal import MartletEngine
internal import MartletHTTP
internal import MartletHTTP1

/// The bytes being worked on.
@safe struct Input {
    var slot: UInt32?
    /// What of them has not been worked on.
    private var start: UnsafeRawPointer?
    private(set) var left = 0
    /// Where the bytes lie: lent by the engine, or in a block that the connection kept.
    var received: ReceivedBytes?
    var block: BlockPointer?
    /// A parse that was begun on a shorter piece of the same bytes.
    var parser = RequestParser()

    init() {}

    init(slot: UInt32, bytes: UnsafeRawBufferPointer, received: ReceivedBytes? = nil, block: BlockPointer? = nil, parser: RequestParser = RequestParser()) {
        self.slot = slot
        unsafe start = bytes.baseAddress
        left = bytes.count
        self.received = received
        unsafe self.block = unsafe block
        self.parser = parser
    }

    /// The next bytes were worked on.
    mutating func drop(_ count: Int) {
        precondition(count >= 0 && count <= left, "no more bytes are worked on than there are")
        if let start = unsafe start { unsafe self.start = unsafe start + count }
        left &-= count  // Safe: checked above.
    }

    mutating func dropAll() { drop(left) }

    /// They were used or kept, and are somebody else's now.
    mutating func letGo() {
        slot = nil
        received = nil
        unsafe block = nil
    }

    var rest: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: start, count: left) }
    var span: Span<UInt8> {
        @_lifetime(borrow self) get {
            let span = unsafe Span<UInt8>(_unsafeBytes: rest)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }
}

/// In front of the bytes of a kept block: how far the parse of its first head has come.
struct KeptHead {
    var parser: RequestParser
    var head: RequestHead

    static var bytes: Int { (MemoryLayout<KeptHead>.stride + 63) & ~63 }
}

extension Worker where E: ~Copyable {
    // MARK: Where bytes come in (the seam at which a transport such as TLS would decrypt)

    @inline(__always) // One straight run per request.
    mutating func arrived(_ socket: SocketID, _ received: ReceivedBytes) {
        let slot = socket.slot
        let row = unsafe core.connection(slot)
        let bytes = unsafe received.bytes
        unsafe core.pointee.counters.bytesReceived &+= UInt64(bytes.count)  // Safe: 64 bits do not wrap.
        switch unsafe row.pointee.requestStage {
        case .none, .closing, .lingering:
            return engine.release(received)
        case .head, .collectingBody, .streamingBody, .discardingBody, .complete:
            break
        }
        unsafe core.pointee.slotInHand = slot
        if unsafe row.pointee.unparsed.isNone {
            unsafe input = Input(slot: slot, bytes: bytes, received: received)
        } else {
            arrivedBehind(slot, received)
        }
    }

    /// Something waits already: these bytes belong behind it.
    @inline(never) // Rare: heads in pieces, and requests that wait.
    private mutating func arrivedBehind(_ slot: UInt32, _ received: ReceivedBytes) {
        if let kept = unsafe core.connection(slot).pointee.unparsed.pointer { unsafe keepMore(slot, kept, received.bytes) }
        engine.release(received)
        takeKept(slot)
    }

    /// Works on what the connection has kept.
    private mutating func takeKept(_ slot: UInt32) {
        let row = unsafe core.connection(slot)
        guard let kept = unsafe row.pointee.unparsed.pointer else { return }
        unsafe row.pointee.unparsed = .none
        let state = unsafe kept.payload.assumingMemoryBound(to: KeptHead.self)
        unsafe core.pointee.head = state.pointee.head
        unsafe core.pointee.slotInHand = slot
        input = unsafe Input(slot: slot, bytes: kept.bytes, block: kept, parser: state.pointee.parser)
    }

    mutating func resumeInput(_ slot: UInt32) -> Work? {
        unsafe core.pointee.slotInHand = slot
        switch unsafe core.connection(slot).pointee.requestStage {
        case .none, .closing, .lingering:
            unsafe core.pointee.slotInHand = nil
            return nil
        case .head, .collectingBody, .streamingBody, .discardingBody, .complete:
            break
        }
        takeKept(slot)
        if input.slot == nil { input = unsafe Input(slot: slot, bytes: UnsafeRawBufferPointer(start: nil, count: 0)) }
        return unsafe finishExchangeIfDone(slot, core.connection(slot))
    }

    // MARK: One step at a time

    @inline(__always) // One straight run per request.
    mutating func continueInput(_ slot: UInt32) -> Work? {
        let row = unsafe core.connection(slot)
        while true {
            if unsafe row.pointee.requestStage == .head {
                if input.left > 0, unsafe !isHeldBack(row.pointee.outputBytes) {
                    if let work = unsafe parseHead(slot, row) { return work }
                    if unsafe row.pointee.requestStage != .head { continue }
                }
            } else {
                switch unsafe continueBody(slot, row) {
                case .work(let work): return work
                case .again: continue
                case .nothing: break
                }
            }
            // An answer that no handler gave (a refusal) ends its exchange here.
            if unsafe row.pointee.responseStage == .complete, let work = unsafe finishRefused(slot, row) { return work }
            unsafe endInput(slot, row)
            return nil
        }
    }

    @inline(never) // Once per connection.
    private mutating func finishRefused(_ slot: UInt32, _ row: ConnectionRow) -> Work? { unsafe finishExchangeIfDone(slot, row) }

    /// A step in a body, unless no more of it is here, or is wanted now.
    @inline(never) // Keeps the run of a request without a body short.
    private mutating func continueBody(_ slot: UInt32, _ row: ConnectionRow) -> Progress {
        let work: Work?
        switch unsafe row.pointee.requestStage {
        case .collectingBody:
            if input.left == 0 { return .nothing }
            work = collectBody(slot)
        case .streamingBody:
            if unsafe row.pointee.flags.contains(.readingPaused) { return .nothing }
            work = streamBody(slot)
            if work == nil, unsafe row.pointee.requestStage == .streamingBody { return .nothing }
        case .discardingBody:
            if input.left == 0 { return .nothing }
            work = discardBody(slot)
        case .head, .complete, .none, .lingering, .closing:
            return .nothing
        }
        return work.map { .work($0) } ?? .again
    }

    /// A peer that does not take its answers is not given more of them.
    mutating func isHeldBack(_ waiting: Int) -> Bool {
        // When memory is short one answer at a time is enough for each.
        return unsafe waiting > core.pointee.settings.outputHighWaterBytes || (waiting > 0 && core.pointee.blocks.isTight)
    }

    /// Nothing more can be done with these bytes now: the rest is kept, the buffer goes back, the output goes out.
    @inline(never) // Once per request, from two places.
    mutating func endInput(_ slot: UInt32, _ row: ConnectionRow) {
        let stage = unsafe row.pointee.requestStage
        let isOver = stage == .none || stage == .closing || stage == .lingering
        if !isOver, input.left > 0 {
            keepRest(slot)
        } else if let block = unsafe input.block {
            unsafe core.pointee.blocks.giveBack(block)
        }
        if let received = input.received { engine.release(received) }
        input.letGo()
        unsafe core.pointee.slotInHand = nil
        if isOver { return }
        unsafe flush(slot, row)
        if unsafe !steerReceiving(slot, row) { endOfInput(slot) }
        unsafe noteDeadline(slot, row)
    }

    // MARK: Heads

    @inline(__always) // One straight run per request.
    private mutating func parseHead(_ slot: UInt32, _ row: ConnectionRow) -> Work? {
        do throws(RequestError) {
            guard try unsafe input.parser.parse(input.span, into: &core.pointee.head, limits: core.pointee.settings.limits) else { return nil }
        } catch {
            refuse(slot, error)
            return nil
        }
        unsafe core.pointee.headBytes = unsafe input.rest.baseAddress!
        unsafe core.pointee.bodyBytes = UnsafeRawBufferPointer(start: nil, count: 0)
        unsafe input.drop(core.pointee.head.byteCount)
        return unsafe beginRequest(slot, row)
    }

    /// The peer's fault: its status, and the end of the connection (what follows cannot be trusted to be a request).
    @inline(never) // Once per connection.
    mutating func refuse(_ slot: UInt32, _ error: RequestError) {
        let row = unsafe core.connection(slot)
        unsafe core.pointee.counters.malformed += 1
        input.dropAll()
        if unsafe row.pointee.responseStage == .streaming {
            return unsafe core.pointee.cut(slot)
        }
        unsafe row.pointee.requestStage = .complete
        unsafe core.pointee.answerError(slot, error.status, error.explanation, closing: true)
    }

    // MARK: Collected bodies

    /// Begins to collect; a body that is here already is used where it lies.
    mutating func beginCollecting(_ slot: UInt32, bytesMax: Int) -> Work? {
        let row = unsafe core.connection(slot)
        let head = unsafe core.pointee.head.byteCount
        var capacity = head
        if case .length(let length) = unsafe core.pointee.head.framing {
            guard length <= UInt64(bytesMax) else {
                refuse(slot, .bodyTooLarge)
                return nil
            }
            let available = input.left
            if available >= Int(length) {
                unsafe core.pointee.bodyBytes = UnsafeRawBufferPointer(rebasing: input.rest[..<Int(length)])
                input.drop(Int(length))
                unsafe row.pointee.requestStage = .complete
                return unsafe handOver(slot, row)
            }
            capacity += Int(length)
        } else {
            capacity += min(bytesMax, 4096)
        }
        guard let block = unsafe newKept(capacity, head: core.pointee.headBytes, headCount: head) else {
            unsafe core.pointee.cut(slot)
            input.dropAll()
            return nil
        }
        unsafe row.pointee.assembly = unsafe BlockAddress(block)
        unsafe row.pointee.bodyBytesMax = UInt64(bytesMax)
        unsafe row.pointee.requestStage = .collectingBody
        unsafe core.pointee.sendContinue(slot)
        return nil
    }

    /// A block that begins with the request in hand: its table, then its head's bytes.
    private mutating func newKept(_ capacity: Int, head: UnsafeRawPointer, headCount: Int) -> BlockPointer? {
        guard let block = unsafe core.pointee.blocks.take(KeptHead.bytes + capacity) else { return nil }
        unsafe block.payload.initializeMemory(as: KeptHead.self, to: KeptHead(parser: RequestParser(), head: core.pointee.head))
        unsafe block.pointee.start = KeptHead.bytes
        unsafe (block.payload + KeptHead.bytes).copyMemory(from: head, byteCount: headCount)
        unsafe block.pointee.end = KeptHead.bytes + headCount
        return unsafe block
    }

    private mutating func collectBody(_ slot: UInt32) -> Work? {
        guard let (piece, last) = unsafe nextBodyPiece(slot) else { return nil }
        guard let block = unsafe assemblyWithRoom(slot, piece.count) else { return nil }
        if piece.count > 0 {
            unsafe (block.payload + block.pointee.end).copyMemory(from: piece.baseAddress!, byteCount: piece.count)
            unsafe block.pointee.end += piece.count
        }
        guard last else { return nil }
        // The request in hand is now the one in the block; the block is released when the request is over.
        let state = unsafe block.payload.assumingMemoryBound(to: KeptHead.self)
        unsafe core.pointee.head = state.pointee.head
        unsafe core.pointee.headBytes = unsafe block.bytes.baseAddress!
        unsafe core.pointee.bodyBytes = UnsafeRawBufferPointer(rebasing: block.bytes[core.pointee.head.byteCount...])
        unsafe core.connection(slot).pointee.requestStage = .complete
        return unsafe handOver(slot, core.connection(slot))
    }

    /// The assembly with room for so many bytes more: chunked bodies grow by doubling, up to the limit (413).
    private mutating func assemblyWithRoom(_ slot: UInt32, _ count: Int) -> BlockPointer? {
        let row = unsafe core.connection(slot)
        guard let block = unsafe row.pointee.assembly.pointer else { return nil }
        let headCount = unsafe block.payload.assumingMemoryBound(to: KeptHead.self).pointee.head.byteCount
        let bodyCount = unsafe block.pointee.end - KeptHead.bytes - headCount
        guard unsafe UInt64(bodyCount + count) <= row.pointee.bodyBytesMax else {
            refuse(slot, .bodyTooLarge)
            return nil
        }
        if unsafe block.room >= count { return unsafe block }
        let used = unsafe block.pointee.end
        guard let larger = unsafe core.pointee.blocks.take(max(used * 2, used + count)) else {
            unsafe core.pointee.cut(slot)
            input.dropAll()
            return nil
        }
        unsafe larger.payload.copyMemory(from: block.payload, byteCount: used)
        unsafe larger.pointee.start = unsafe block.pointee.start
        unsafe larger.pointee.end = used
        unsafe core.pointee.blocks.giveBack(block)
        unsafe row.pointee.assembly = unsafe BlockAddress(larger)
        return unsafe larger
    }

    // MARK: Streamed and dropped bodies

    private mutating func streamBody(_ slot: UInt32) -> Work? {
        let row = unsafe core.connection(slot)
        guard let (piece, last) = unsafe nextBodyPiece(slot) else { return nil }
        if last { unsafe row.pointee.requestStage = .complete }
        if unsafe piece.isEmpty && !last { return nil }
        unsafe core.pointee.bodyBytes = unsafe piece
        guard unsafe row.pointee.flags.contains(.exchangeHeld) else { return nil }
        step = .receivedPiece
        return .received(exchange(slot), last: last)
    }

    private mutating func discardBody(_ slot: UInt32) -> Work? {
        guard let (_, last) = unsafe nextBodyPiece(slot) else { return nil }
        guard last else { return nil }
        unsafe core.connection(slot).pointee.requestStage = .complete
        return unsafe finishExchangeIfDone(slot, core.connection(slot))
    }

    /// The next run of the body in the input, and whether the body ends with it; nil when the input has no more of it or is faulty.
    private mutating func nextBodyPiece(_ slot: UInt32) -> (UnsafeRawBufferPointer, Bool)? {
        let row = unsafe core.connection(slot)
        if unsafe row.pointee.flags.contains(.chunkedRequest) { return unsafe nextChunk(slot) }
        let remaining = unsafe row.pointee.bodyRemaining
        let count = min(input.left, Int(clamping: remaining))
        guard count > 0 || remaining == 0 else { return nil }
        let piece = unsafe UnsafeRawBufferPointer(rebasing: input.rest[..<count])
        input.drop(count)
        unsafe row.pointee.bodyRemaining = remaining - UInt64(count)
        countBody(slot, count)
        return unsafe (piece, remaining == UInt64(count))
    }

    private mutating func nextChunk(_ slot: UInt32) -> (UnsafeRawBufferPointer, Bool)? {
        do throws(RequestError) {
            let rest = unsafe input.rest
            switch try unsafe core.connection(slot).pointee.chunked.next(input.span, limits: core.pointee.settings.limits) {
            case .data(let range, let consumed):
                input.drop(consumed)
                countBody(slot, range.count)
                return unsafe (UnsafeRawBufferPointer(rebasing: rest[range]), false)
            case .needMore(let consumed):
                input.drop(consumed)
                return nil
            case .end(let consumed):
                input.drop(consumed)
                return unsafe (UnsafeRawBufferPointer(start: nil, count: 0), true)
            }
        } catch {
            refuse(slot, error)
            return nil
        }
    }

    private mutating func countBody(_ slot: UInt32, _ count: Int) {
        let row = unsafe core.connection(slot)
        let counted = unsafe row.pointee.bodyBytesInWindow
        unsafe row.pointee.bodyBytesInWindow = UInt32(clamping: UInt64(counted) + UInt64(count))
    }

    // MARK: What must wait

    /// Keeps the rest of the input in a block of the connection's own.
    @inline(never) // Rare: heads in pieces, and requests that wait.
    private mutating func keepRest(_ slot: UInt32) {
        let rest = unsafe input.rest
        if let block = unsafe input.block {
            // In place: the rest moves to the front.
            let payload = unsafe block.payload
            unsafe (payload + KeptHead.bytes).copyMemory(from: rest.baseAddress!, byteCount: rest.count)
            unsafe block.pointee.start = KeptHead.bytes
            unsafe block.pointee.end = KeptHead.bytes + rest.count
            unsafe store(slot, block)
            return
        }
        guard let block = unsafe newKept(rest.count, head: rest.baseAddress!, headCount: rest.count) else {
            return unsafe core.pointee.cut(slot)
        }
        unsafe store(slot, block)
    }

    private mutating func store(_ slot: UInt32, _ block: BlockPointer) {
        let state = unsafe block.payload.assumingMemoryBound(to: KeptHead.self)
        unsafe state.pointee.parser = input.parser
        unsafe state.pointee.head = unsafe core.pointee.head
        unsafe core.connection(slot).pointee.unparsed = unsafe BlockAddress(block)
    }

    /// Puts new bytes behind the kept ones, in a larger block if need be.
    private mutating func keepMore(_ slot: UInt32, _ kept: BlockPointer, _ bytes: UnsafeRawBufferPointer) {
        var block = unsafe kept
        if unsafe block.room < bytes.count {
            let used = unsafe block.pointee.end
            guard let larger = unsafe core.pointee.blocks.take(max(used * 2, used + bytes.count)) else {
                return unsafe core.pointee.cut(slot)
            }
            unsafe larger.payload.copyMemory(from: block.payload, byteCount: used)
            unsafe larger.pointee.start = unsafe block.pointee.start
            unsafe larger.pointee.end = used
            unsafe core.pointee.blocks.giveBack(block)
            unsafe block = unsafe larger
            unsafe core.connection(slot).pointee.unparsed = unsafe BlockAddress(block)
        }
        unsafe (block.payload + block.pointee.end).copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
        unsafe block.pointee.end += bytes.count
    }
}
