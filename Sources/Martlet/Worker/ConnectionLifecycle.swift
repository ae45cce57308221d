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
            deadline: now + core.pointee.settings.headNanoseconds, unparsed: .none, assembly: .none, inFlight: .none,
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
    mutating func beginRequest(_ slot: UInt32) -> Work? {
        let row = unsafe core.connection(slot)
        let framing = unsafe core.pointee.head.framing
        var flags = unsafe row.pointee.flags
        flags.subtract([.isHead, .isHTTP10, .requestKeepsAlive, .expectsContinue, .chunkedRequest, .exchangeHeld, .wantsWritable, .readingPaused,
                        .chunkedAnswer, .sizedAnswer, .bodylessAnswer, .headTimed, .bodyTimed, .handlerTimed])
        if unsafe core.pointee.head.method == .head { flags.insert(.isHead) }
        if unsafe core.pointee.head.version == .http10 { flags.insert(.isHTTP10) }
        if unsafe core.pointee.head.keepsAlive && core.pointee.head.method != .connect { flags.insert(.requestKeepsAlive) }
        if unsafe core.pointee.head.expectsContinue { flags.insert(.expectsContinue) }
        if framing == .chunked { flags.insert(.chunkedRequest) }
        unsafe row.pointee.flags = flags
        unsafe row.pointee.responseStage = .pending
        unsafe core.pointee.counters.requests += 1
        switch framing {
        case .none, .length(0):
            unsafe row.pointee.requestStage = .complete
            return handOver(slot)
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
        if isOverloaded(slot) { return nil }
        step = .choseBodyHandling
        return .chooseBodyHandling
    }

    /// The body is wanted whole, or in pieces behind the head.
    private mutating func follow(_ choice: BodyHandling?, _ slot: UInt32) -> Work? {
        switch choice ?? .whole(bytesMax: unsafe core.pointee.settings.wholeBodyBytesMax) {
        case .whole(let bytesMax): beginCollecting(slot, bytesMax: bytesMax)
        case .streamed: handOver(slot)
        case .wholeIfHere: isBodyHere ? beginCollecting(slot, bytesMax: .max) : handOver(slot)
        }
    }

    /// All of a body of known length lies behind its head.
    private var isBodyHere: Bool {
        guard case .length(let length) = unsafe core.pointee.head.framing else { return false }
        return unsafe UInt64(input.bytes.count - input.position) >= length
    }

    /// Gives the request in hand to the handler, unless too many are with it already.
    mutating func handOver(_ slot: UInt32) -> Work? {
        if isOverloaded(slot) { return nil }
        unsafe core.pointee.counters.inFlight += 1
        unsafe core.connection(slot).pointee.flags.insert(.counted)
        step = .responded
        return .respond
    }

    private mutating func isOverloaded(_ slot: UInt32) -> Bool {
        let row = unsafe core.connection(slot)
        let most = unsafe core.pointee.settings.requestsInFlightMax
        guard most > 0, unsafe core.pointee.counters.inFlight >= UInt64(most) else { return false }
        unsafe core.pointee.counters.overloaded += 1
        let hasBody = unsafe row.pointee.requestStage == .streamingBody
        unsafe core.pointee.answerError(slot, .serviceUnavailable, "The server has too many requests in hand.\n", closing: hasBody, retryAfter: true)
        if hasBody { unsafe row.pointee.requestStage = .complete }
        _ = finishExchangeIfDone(slot)
        return true
    }

    // MARK: After the handler

    /// Looks at what the handler did with what it was given last.
    mutating func afterStep() -> Work? {
        let last = step
        step = .none
        guard let slot = input.slot else { return nil }
        let row = unsafe core.connection(slot)
        switch last {
        case .none:
            return nil
        case .choseBodyHandling:
            return follow(choice, slot)
        case .responded:
            releaseAssembly(slot)
            let held = unsafe row.pointee.flags.contains(.exchangeHeld)
            if unsafe row.pointee.requestStage == .streamingBody {
                if held {
                    if unsafe !row.pointee.flags.contains(.readingPaused) { unsafe core.pointee.sendContinue(slot) }
                } else {
                    unsafe row.pointee.requestStage = .discardingBody
                }
            }
            return finishExchangeIfDone(slot)
        case .receivedPiece:
            return finishExchangeIfDone(slot)
        }
    }

    /// Ends the exchange when both sides are done with it; the next request may begin, or the connection ends.
    mutating func finishExchangeIfDone(_ slot: UInt32) -> Work? {
        let row = unsafe core.connection(slot)
        guard unsafe row.pointee.responseStage == .complete else { return nil }
        if unsafe row.pointee.requestStage != .complete {
            if unsafe !core.pointee.canReuseAfterEarlyAnswer(slot) { unsafe row.pointee.flags.formUnion([.closes, .lingers]) }
            guard unsafe row.pointee.flags.contains(.closes) else {
                unsafe row.pointee.requestStage = .discardingBody
                return nil
            }
            unsafe row.pointee.requestStage = .complete
        }
        let ended = unsafe endExchange(slot, core.connection(slot).pointee.endReason)
        releaseAssembly(slot)
        unsafe row.pointee.requestsAnswered += 1
        if unsafe !row.pointee.flags.contains(.closes) {
            unsafe row.pointee.requestStage = .head
        } else if input.slot == slot {
            input.position = unsafe input.bytes.count
        }
        countAnswered()
        return ended
    }

    /// The exchange is over: late answers to it are stale from now on. Returns what its holder must hear.
    mutating func endExchange(_ slot: UInt32, _ reason: EndReason) -> Work? {
        let row = unsafe core.connection(slot)
        let exchange = exchange(slot)
        let flags = unsafe row.pointee.flags
        unsafe row.pointee.serial &+= 1  // Safe: identity only; it takes 4 billion requests to come round.
        unsafe row.pointee.responseStage = .none
        unsafe row.pointee.flags.subtract([.exchangeHeld, .counted, .wantsWritable, .announcesWritable])
        if flags.contains(.counted) { unsafe core.pointee.counters.inFlight -= 1 }
        return flags.contains(.exchangeHeld) ? .ended(exchange, reason) : nil
    }

    private mutating func releaseAssembly(_ slot: UInt32) {
        let row = unsafe core.connection(slot)
        guard let block = unsafe row.pointee.assembly.pointer,
            unsafe row.pointee.requestStage != .collectingBody else { return }
        unsafe row.pointee.assembly = .none
        unsafe core.pointee.blocks.giveBack(block)
    }

    private mutating func countAnswered() {
        guard let most = unsafe core.pointee.settings.exitsAfterRequests else { return }
        answered += 1
        if answered >= most { control.askToDrain() }
    }

    // MARK: The peer's side ends

    mutating func inputEnded(_ socket: SocketID, _ error: SystemError?) {
        let slot = socket.slot
        unsafe core.connection(slot).pointee.flags.insert(.inputEnded)
        unsafe core.connection(slot).pointee.flags.remove(.receiving)
        let row = unsafe core.connection(slot)
        switch unsafe row.pointee.requestStage {
        case .none, .closing:
            return
        case .head where unsafe error == nil && !(row.pointee.unparsed.isNone && row.pointee.fillingFirst.isNone && !row.pointee.flags.contains(.sendInFlight)),
            .collectingBody where error == nil, .streamingBody where error == nil, .discardingBody where error == nil, .complete where error == nil:
            // A client may shut its side and wait for its answers: the end comes behind what came before it.
            unsafe core.pointee.enqueue(slot, .wantsInput)
        case .head, .complete, .collectingBody, .streamingBody, .discardingBody, .lingering:
            unsafe row.pointee.endReason = .peerLeft
            beginClose(slot)
        }
    }

    /// All that came has been looked at, and no more comes: what is answered goes out, then the connection ends.
    mutating func endOfInput(_ slot: UInt32) {
        let row = unsafe core.connection(slot).pointee
        switch row.requestStage {
        case .none, .closing, .lingering, .complete:
            // A request that is being answered comes back here when it is.
            return
        case .head where isHeldBack(slot) && !row.unparsed.isNone, .streamingBody where row.flags.contains(.readingPaused):
            return
        case .head, .collectingBody, .streamingBody, .discardingBody:
            break
        }
        if row.responseStage != .complete { unsafe core.connection(slot).pointee.endReason = .peerLeft }
        unsafe core.connection(slot).pointee.requestStage = .complete
        unsafe core.connection(slot).pointee.flags.insert(.closes)
        unsafe core.pointee.blocks.giveBack(chain: row.unparsed.pointer)
        unsafe core.connection(slot).pointee.unparsed = .none
        releaseAssembly(slot)
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
        if input.slot == slot { input.position = unsafe input.bytes.count }
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
        return endExchange(slot, unsafe row.pointee.endReason)
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
