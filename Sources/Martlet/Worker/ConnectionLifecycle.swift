// The life of a connection: opened, request after request, closed. The request side and the response side meet here.

internal import MartletEngine
internal import MartletHTTP
internal import MartletHTTP1

extension Worker where E: ~Copyable {
    // MARK: Opening

    mutating func opened(_ socket: SocketID, _ listener: UInt16) {
        let slot = socket.slot
        let row = unsafe core.connection(slot)
        let now = unsafe core.pointee.now
        let serial = unsafe row.pointee.serial
        // The queue may still hold the slot from its last connection.
        let queued = unsafe row.pointee.flags.intersection(.queued)
        unsafe row.pointee = Connection(
            socket: socket, flags: queued.union(.receiving), serial: serial, requestStage: .head, responseStage: .none, endReason: .complete,
            listener: UInt8(truncatingIfNeeded: listener), requestsAnswered: 0,
            deadline: now + core.pointee.settings.headNanoseconds, handlerTime: 0, unparsed: .none, assembly: .none, inFlight: .none,
            fillingFirst: .none, fillingLast: .none, outputBytes: 0, bodyRemaining: 0, bodyBytesMax: 0, bodyBytesInWindow: 0,
            chunked: ChunkedDecoder(), answerRemaining: 0)
        unsafe core.pointee.counters.accepted += 1
        unsafe core.pointee.counters.open += 1
        wheel.insert(slot, deadline: examination(slot))
        engine.startReceiving(socket)
        balanceAccepting()
    }

    // MARK: A request begins

    /// The head is whole. The body decides when the handler sees the request.
    @inline(__always) // One straight run per request.
    mutating func beginRequest(_ slot: UInt32, _ row: ConnectionRow) -> Work? {
        let core = unsafe core
        let framing = unsafe core.pointee.head.framing
        var flags = unsafe row.pointee.flags
        flags.subtract([.isHead, .isHTTP10, .requestKeepsAlive, .expectsContinue, .chunkedRequest, .exchangeHeld, .wantsWritable, .readingPaused,
                        .chunkedAnswer, .sizedAnswer, .bodylessAnswer, .headTimed, .bodyTimed])
        if unsafe core.pointee.head.method == .head { flags.insert(.isHead) }
        if unsafe core.pointee.head.version == .http10 { flags.insert(.isHTTP10) }
        if unsafe core.pointee.head.keepsAlive && core.pointee.head.method != .connect { flags.insert(.requestKeepsAlive) }
        if unsafe core.pointee.head.expectsContinue { flags.insert(.expectsContinue) }
        if framing == .chunked { flags.insert(.chunkedRequest) }
        unsafe row.pointee.flags = flags
        unsafe row.pointee.responseStage = .pending
        unsafe core.pointee.counters.requests &+= 1  // Safe: 64 bits do not wrap.
        switch framing {
        case .none, .length(0):
            unsafe row.pointee.requestStage = .complete
            return unsafe handOver(slot, row)
        case .length(let length):
            guard unsafe length <= core.pointee.settings.limits.bodyBytesMax else {
                refuse(slot, .bodyTooLarge)
                return nil
            }
            unsafe row.pointee.bodyRemaining = length
        case .chunked:
            unsafe row.pointee.chunked = ChunkedDecoder()
        }
        unsafe row.pointee.requestStage = .streamingBody
        if isOverloaded { return refuseOverload(slot) }
        step = .choseBodyHandling
        return .chooseBodyHandling
    }

    /// The body is wanted whole, or in pieces behind the head.
    @inline(never) // Requests with a body.
    private mutating func follow(_ choice: BodyHandling?, _ slot: UInt32) -> Work? {
        switch choice ?? .whole(bytesMax: unsafe core.pointee.settings.wholeBodyBytesMax) {
        case .whole(let bytesMax): beginCollecting(slot, bytesMax: bytesMax)
        case .streamed: unsafe handOver(slot, core.connection(slot))
        case .wholeIfHere: isBodyHere ? beginCollecting(slot, bytesMax: .max) : unsafe handOver(slot, core.connection(slot))
        }
    }

    /// All of a body of known length lies behind its head.
    private var isBodyHere: Bool {
        guard case .length(let length) = unsafe core.pointee.head.framing else { return false }
        return UInt64(input.left) >= length
    }

    /// Gives the request in hand to the handler, unless too many are with it already.
    @inline(__always) // One straight run per request.
    mutating func handOver(_ slot: UInt32, _ row: ConnectionRow) -> Work? {
        if isOverloaded { return refuseOverload(slot) }
        unsafe core.pointee.counters.inFlight += 1
        unsafe row.pointee.flags.insert(.counted)
        step = .responded
        return .respond
    }

    private var isOverloaded: Bool {
        let most = unsafe core.pointee.settings.requestsInFlightMax
        return unsafe most > 0 && core.pointee.counters.inFlight >= UInt64(most)
    }

    /// The server's own answer in the place of the handler's.
    @inline(never) // Rare, or nothing helps.
    private mutating func refuseOverload(_ slot: UInt32) -> Work? {
        let row = unsafe core.connection(slot)
        unsafe core.pointee.counters.overloaded += 1
        let hasBody = unsafe row.pointee.requestStage == .streamingBody
        unsafe core.pointee.answerError(slot, .serviceUnavailable, "The server has too many requests in hand.\n", closing: hasBody, retryAfter: true)
        if hasBody { unsafe row.pointee.requestStage = .complete }
        _ = unsafe finishExchangeIfDone(slot, row)
        return nil
    }

    // MARK: After the handler

    /// Looks at what the handler did with what it was given last.
    @inline(__always) // One straight run per request.
    mutating func afterStep() -> Work? {
        let last = step
        step = .none
        guard let slot = input.slot else { return nil }
        if last == .choseBodyHandling { return follow(choice, slot) }
        let row = unsafe core.connection(slot)
        if last == .responded {
            unsafe releaseAssembly(row)
            if unsafe row.pointee.requestStage == .streamingBody { unsafe noteRefusedBody(slot, row) }
        }
        return unsafe finishExchangeIfDone(slot, row)
    }

    /// The handler was given the head alone: whoever holds the exchange gets the body, or nobody wants it.
    @inline(never) // Streamed bodies alone.
    private mutating func noteRefusedBody(_ slot: UInt32, _ row: ConnectionRow) {
        if unsafe !row.pointee.flags.contains(.exchangeHeld) {
            unsafe row.pointee.requestStage = .discardingBody
        } else if unsafe !row.pointee.flags.contains(.readingPaused) {
            unsafe core.pointee.sendContinue(slot)
        }
    }

    /// Ends the exchange when both sides are done with it; the next request may begin, or the connection ends.
    @inline(__always) // One straight run per request.
    mutating func finishExchangeIfDone(_ slot: UInt32, _ row: ConnectionRow) -> Work? {
        guard unsafe row.pointee.responseStage == .complete else { return nil }
        if unsafe row.pointee.requestStage != .complete, unsafe !endsEarly(row) { return nil }
        let ended = unsafe endExchange(slot, row)
        unsafe releaseAssembly(row)
        unsafe row.pointee.requestsAnswered &+= 1  // Safe: only compared, with a limit far below what would wrap it.
        if unsafe !row.pointee.flags.contains(.closes) {
            unsafe row.pointee.requestStage = .head
        } else if input.slot == slot {
            input.dropAll()
        }
        countAnswered()
        return ended
    }

    /// The answer is complete and the request is not: the rest of it is dropped as it comes, or the connection ends with the answer.
    @inline(never) // Rare.
    private mutating func endsEarly(_ row: ConnectionRow) -> Bool {
        if unsafe !row.pointee.canReuseAfterEarlyAnswer { unsafe row.pointee.flags.formUnion([.closes, .lingers]) }
        let ends = unsafe row.pointee.flags.contains(.closes)
        unsafe row.pointee.requestStage = ends ? .complete : .discardingBody
        return ends
    }

    /// The exchange is over: late answers to it are stale from now on. Returns what its holder must hear.
    @inline(__always) // One straight run per request.
    mutating func endExchange(_ slot: UInt32, _ row: ConnectionRow) -> Work? {
        let flags = unsafe row.pointee.flags
        let ended: Work? = unsafe flags.contains(.exchangeHeld) ? .ended(exchange(slot), row.pointee.endReason) : nil
        unsafe row.pointee.serial &+= 1  // Safe: identity only; it takes 4 billion requests to come round.
        unsafe row.pointee.responseStage = .none
        unsafe row.pointee.flags.subtract([.exchangeHeld, .counted, .wantsWritable, .announcesWritable, .handlerTimed, .handlerHeld])
        if flags.contains(.counted) { unsafe core.pointee.counters.inFlight -= 1 }
        return ended
    }

    @inline(__always) // One straight run per request.
    private mutating func releaseAssembly(_ row: ConnectionRow) {
        guard let block = unsafe row.pointee.assembly.pointer,
            unsafe row.pointee.requestStage != .collectingBody else { return }
        unsafe row.pointee.assembly = .none
        unsafe core.pointee.blocks.giveBack(block)
    }

    @inline(__always) // One straight run per request.
    private mutating func countAnswered() {
        guard let most = unsafe core.pointee.settings.exitsAfterRequests else { return }
        answered += 1
        if answered >= most { control.askToDrain() }
    }

    // MARK: The peer's side ends

    /// Returns what the holder of an exchange must hear: that the peer, who waits for its answer, has perhaps left.
    mutating func inputEnded(_ socket: SocketID, _ error: SystemError?) -> Work? {
        let slot = socket.slot
        unsafe core.connection(slot).pointee.flags.insert(.inputEnded)
        unsafe core.connection(slot).pointee.flags.remove(.receiving)
        let row = unsafe core.connection(slot)
        switch unsafe row.pointee.requestStage {
        case .none, .closing:
            return nil
        case .head where unsafe error == nil && !(row.pointee.unparsed.isNone && row.pointee.fillingFirst.isNone && !row.pointee.flags.contains(.sendInFlight)),
            .collectingBody where error == nil, .streamingBody where error == nil, .discardingBody where error == nil, .complete where error == nil:
            // A client may shut its side and wait for its answers: the end comes behind what came before it.
            unsafe core.pointee.enqueue(slot, .wantsInput)
            let isAwaited = unsafe row.pointee.requestStage == .complete && row.pointee.flags.contains(.exchangeHeld)
            return isAwaited ? .inputEnded(exchange(slot)) : nil
        case .head, .complete, .collectingBody, .streamingBody, .discardingBody, .lingering:
            unsafe row.pointee.endReason = .peerLeft
            beginClose(slot)
            return nil
        }
    }

    /// All that came has been looked at, and no more comes: what is answered goes out, then the connection ends.
    @inline(never) // Once per connection.
    mutating func endOfInput(_ slot: UInt32) {
        let row = unsafe core.connection(slot).pointee
        switch row.requestStage {
        case .none, .closing, .lingering, .complete:
            // A request that is being answered comes back here when it is.
            return
        case .head where isHeldBack(row.outputBytes) && !row.unparsed.isNone, .streamingBody where row.flags.contains(.readingPaused):
            return
        case .head, .collectingBody, .streamingBody, .discardingBody:
            break
        }
        if row.responseStage != .complete { unsafe core.connection(slot).pointee.endReason = .peerLeft }
        unsafe core.connection(slot).pointee.requestStage = .complete
        unsafe core.connection(slot).pointee.flags.insert(.closes)
        unsafe core.pointee.blocks.giveBack(chain: row.unparsed.pointer)
        unsafe core.connection(slot).pointee.unparsed = .none
        unsafe releaseAssembly(core.connection(slot))
        switch row.responseStage {
        case .none: unsafe core.pointee.enqueue(slot, .wantsFlush)
        case .pending, .streaming: unsafe core.pointee.enqueue(slot, [.wantsEnded, .wantsFlush])
        case .complete: unsafe core.pointee.enqueue(slot, .wantsInput)
        }
    }

    // MARK: Closing

    /// Ends a connection at once; returns what the holder of its exchange must hear.
    mutating func close(_ slot: UInt32, _ reason: EndReason) -> Work? {
        let row = unsafe core.connection(slot)
        switch unsafe row.pointee.requestStage {
        case .none, .closing: return nil
        case .head, .collectingBody, .streamingBody, .discardingBody, .complete, .lingering: break
        }
        unsafe row.pointee.endReason = reason
        beginClose(slot)
        return nil
    }

    /// Lets go of everything but what the kernel may still read, and tells the engine. The holder of the exchange hears of it from the queue.
    @inline(never) // Once per connection.
    mutating func beginClose(_ slot: UInt32) {
        unsafe core.connection(slot).pointee.requestStage = .closing
        wheel.remove(slot)
        if unsafe core.connection(slot).pointee.responseStage != .none { unsafe core.pointee.enqueue(slot, .wantsEnded) }
        keepFileInFlight(slot)
        let row = unsafe core.connection(slot)
        unsafe core.pointee.blocks.giveBack(chain: row.pointee.unparsed.pointer)
        unsafe core.pointee.blocks.giveBack(chain: row.pointee.assembly.pointer)
        unsafe core.pointee.blocks.giveBack(chain: row.pointee.fillingFirst.pointer)
        unsafe row.pointee.unparsed = .none
        unsafe row.pointee.assembly = .none
        unsafe row.pointee.fillingFirst = .none
        unsafe row.pointee.fillingLast = .none
        if input.slot == slot { input.dropAll() }
        unsafe engine.close(row.pointee.socket)
    }

    /// A file that is being sent stands first in line until its last slice is out; its descriptor must stay open as long as the kernel may read it.
    private mutating func keepFileInFlight(_ slot: UInt32) {
        let row = unsafe core.connection(slot).pointee
        guard row.flags.contains(.sendInFlight), let file = unsafe row.fillingFirst.pointer, unsafe file.pointee.kind == .file else { return }
        unsafe core.connection(slot).pointee.fillingFirst = unsafe BlockAddress(file.pointee.next)
        unsafe file.pointee.next = unsafe row.inFlight.pointer
        unsafe file.pointee.start = unsafe file.pointee.end
        unsafe core.connection(slot).pointee.inFlight = unsafe BlockAddress(file)
    }

    mutating func endOfClosing(_ slot: UInt32) -> Work? {
        let row = unsafe core.connection(slot)
        guard unsafe row.pointee.responseStage != .none else { return nil }
        return unsafe endExchange(slot, row)
    }

    mutating func closed(_ socket: SocketID) -> Work? {
        let slot = socket.slot
        let row = unsafe core.connection(slot)
        let ended = endOfClosing(slot)
        unsafe core.pointee.blocks.giveBack(chain: row.pointee.inFlight.pointer)
        unsafe row.pointee.inFlight = .none
        unsafe row.pointee.requestStage = .none
        // What its holder wrote before it heard of the end.
        unsafe core.pointee.blocks.giveBack(chain: row.pointee.fillingFirst.pointer)
        unsafe row.pointee.fillingFirst = .none
        unsafe row.pointee.fillingLast = .none
        unsafe row.pointee.outputBytes = 0
        // A slot that stands in the queue keeps saying so, or its next connection would be queued twice.
        unsafe row.pointee.flags.formIntersection(.queued)
        unsafe core.pointee.counters.open -= 1
        balanceAccepting()
        return ended
    }
}
