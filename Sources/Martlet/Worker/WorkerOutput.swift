// Answers to sends: one send in flight per connection, and everything that gathered meanwhile in the next one.

internal import MartletEngine

extension Worker where E: ~Copyable {
    /// Bytes that one send takes at most, so that a slow peer's progress is seen.
    private static var sendBytesMax: Int { 256 << 10 }
    private static var fileBytesMax: Int { 1 << 20 }
    private static var piecesMax: Int { 64 }

    /// Hands the connection's output to the engine if nothing of it is under way (the seam at which a transport such as TLS would encrypt).
    @inline(__always) // One straight run per request.
    mutating func flush(_ slot: UInt32, _ row: ConnectionRow) {
        if unsafe row.pointee.requestStage == .closing || row.pointee.requestStage == .none { return }
        if unsafe row.pointee.flags.contains(.sendInFlight) { return unsafe engine.awaitSend(row.pointee.socket) }
        guard let first = unsafe row.pointee.fillingFirst.pointer else { return unsafe finishConnectionIfDone(slot, row) }
        unsafe row.pointee.flags.insert(.sendInFlight)
        if unsafe first.pointee.kind != .memory {
            if unsafe first.pointee.kind == .file { return unsafe sendFile(slot, row.pointee.socket, first, head: nil) }
            unsafe limitShared(row, first, to: Self.sendBytesMax)
        }
        guard let second = unsafe first.pointee.next else {
            unsafe take(row, upTo: first)
            // Between requests nothing depends on the end of an answer; a stream, a close, and input that was held back go on from it.
            let isAwaited = unsafe row.pointee.responseStage != .none || !row.pointee.unparsed.isNone
                || !row.pointee.flags.isDisjoint(with: [.closes, .wantsWritable])
            if isAwaited { return unsafe engine.send(row.pointee.socket, first.bytes) }
            return unsafe engine.sendUnawaited(row.pointee.socket, first.bytes)
        }
        if unsafe second.pointee.kind == .file { return unsafe sendFile(slot, row.pointee.socket, second, head: first) }
        unsafe gather(slot, row.pointee.socket, first)
    }

    /// Moves the chain up to a block from what is being filled to what is in flight.
    @inline(__always) // One straight run per request.
    private func take(_ row: ConnectionRow, upTo last: BlockPointer) {
        let first = unsafe row.pointee.fillingFirst
        let rest = unsafe last.pointee.next
        unsafe last.pointee.next = nil
        unsafe row.pointee.inFlight = first
        unsafe row.pointee.fillingFirst = unsafe BlockAddress(rest)
        if unsafe rest == nil { unsafe row.pointee.fillingLast = .none }
    }

    @inline(never) // Answers of several blocks.
    private mutating func gather(_ slot: UInt32, _ socket: SocketID, _ first: BlockPointer) {
        let row = unsafe core.connection(slot)
        // The vector travels in a block of its own at the front of the chain, and comes back with it.
        guard let vector = unsafe core.pointee.blocks.take(Self.piecesMax * MemoryLayout<IOVector>.stride) else {
            unsafe row.pointee.flags.remove(.sendInFlight)
            return unsafe core.pointee.cut(slot)
        }
        let pieces = unsafe vector.payload.bindMemory(to: IOVector.self, capacity: Self.piecesMax)
        var last = unsafe first
        var count = 0, byteCount = 0
        var next: BlockPointer? = unsafe first
        while let block = unsafe next, unsafe block.pointee.kind != .file, count < Self.piecesMax, byteCount < Self.sendBytesMax {
            unsafe limitShared(row, block, to: Self.sendBytesMax - byteCount)
            let bytes = unsafe block.bytes
            unsafe (pieces + count).initialize(to: IOVector(bytes))
            count += 1
            byteCount += bytes.count
            unsafe last = unsafe block
            unsafe next = unsafe block.pointee.next
        }
        unsafe take(row, upTo: last)
        unsafe vector.pointee.next = unsafe first
        unsafe row.pointee.inFlight = unsafe BlockAddress(vector)
        unsafe engine.send(socket, gathering: UnsafeMutableBufferPointer(start: pieces, count: count))
    }

    /// Leaves so many bytes in a block of shared bytes and puts the rest into one behind it. Without memory for that they go out in one send.
    @inline(never) // Shared bytes alone.
    private mutating func limitShared(_ row: ConnectionRow, _ block: BlockPointer, to count: Int) {
        guard unsafe block.pointee.kind == .shared, unsafe block.bytes.count > count, let rest = unsafe core.pointee.blocks.take(0) else { return }
        let end = unsafe block.pointee.start + count
        unsafe rest.pointee.kind = .shared
        unsafe rest.pointee.address = unsafe block.pointee.address
        unsafe rest.pointee.start = end
        unsafe rest.pointee.end = unsafe block.pointee.end
        unsafe rest.pointee.owner = unsafe block.pointee.owner?.retain()
        unsafe rest.pointee.next = unsafe block.pointee.next
        unsafe block.pointee.next = unsafe rest
        unsafe block.pointee.end = end
        if unsafe row.pointee.fillingLast.pointer == block { unsafe row.pointee.fillingLast = unsafe BlockAddress(rest) }
    }

    /// Sends a slice of a file, with the head in front of it. The block stays first in line until its last slice is out.
    @inline(never) // Files alone.
    private mutating func sendFile(_ slot: UInt32, _ socket: SocketID, _ file: BlockPointer, head: BlockPointer?) {
        if let head = unsafe head { unsafe take(core.connection(slot), upTo: head) }
        let count = unsafe min(file.pointee.end - file.pointee.start, Self.fileBytesMax)
        let offset = unsafe file.pointee.offset
        unsafe file.pointee.offset += Int64(count)
        unsafe file.pointee.start += count
        unsafe core.pointee.counters.bytesSent += UInt64(count)
        let bytes = unsafe head?.bytes ?? UnsafeRawBufferPointer(start: nil, count: 0)
        unsafe engine.send(socket, file: file.pointee.descriptor, offset: offset, count: count, head: bytes)
    }

    @inline(__always) // One straight run per request.
    mutating func sent(_ socket: SocketID, _ error: SystemError?) {
        let slot = socket.slot
        let row = unsafe core.connection(slot)
        guard unsafe row.pointee.requestStage != .none else { return }
        unsafe row.pointee.flags.subtract([.sendInFlight, .sendSeen, .sendTimed])
        unsafe releaseInFlight(row)
        if unsafe row.pointee.requestStage == .closing { return }
        guard error == nil else {
            unsafe row.pointee.endReason = .peerLeft
            return beginClose(slot)
        }
        if unsafe isIdle(row) { return unsafe noteIdle(row) }
        unsafe goOnSending(slot, row)
    }

    /// The usual end of a send: the connection waits for its next request, and none of the steps of `goOnSending` but the deadline's has anything to do.
    @inline(__always) // One straight run per request.
    private func isIdle(_ row: ConnectionRow) -> Bool {
        unsafe row.pointee.requestStage == .head && row.pointee.fillingFirst.isNone && row.pointee.unparsed.isNone
            && row.pointee.flags.intersection([.receiving, .inputEnded, .closes, .wantsWritable]) == .receiving
    }

    /// Files, streams, ends, and whatever was held back.
    @inline(never) // Rare beside the above.
    private mutating func goOnSending(_ slot: UInt32, _ row: ConnectionRow) {
        dropFinishedFile(slot)
        noteOutputDrained(slot)
        unsafe flush(slot, row)
        unsafe steerReceiving(slot, row)
        unsafe noteDeadline(slot, row)
    }

    @inline(__always) // One straight run per request.
    private mutating func releaseInFlight(_ row: ConnectionRow) {
        let core = unsafe core
        var byteCount = 0
        var next = unsafe row.pointee.inFlight.pointer
        while let block = unsafe next {
            // The vector's own block counts no output: its payload is not [start, end).
            byteCount += unsafe block.pointee.end - block.pointee.start
            unsafe next = unsafe block.pointee.next
            unsafe core.pointee.blocks.giveBack(block)
        }
        unsafe row.pointee.inFlight = .none
        unsafe row.pointee.outputBytes -= byteCount
        unsafe core.pointee.counters.bytesSent &+= UInt64(byteCount)  // Safe: 64 bits do not wrap.
    }

    private mutating func dropFinishedFile(_ slot: UInt32) {
        let row = unsafe core.connection(slot)
        guard let first = unsafe row.pointee.fillingFirst.pointer, unsafe first.pointee.kind == .file,
            unsafe first.pointee.start == first.pointee.end else { return }
        unsafe take(row, upTo: first)
        unsafe core.pointee.blocks.giveBack(first)
        unsafe row.pointee.inFlight = .none
    }

    /// Below half of the high-water mark, whoever was held back goes on: the writer of a stream, or the parsing of pipelined requests.
    private mutating func noteOutputDrained(_ slot: UInt32) {
        let row = unsafe core.connection(slot)
        guard unsafe row.pointee.outputBytes <= core.pointee.settings.outputHighWaterBytes / 2 else { return }
        if unsafe row.pointee.flags.contains(.wantsWritable) {
            unsafe row.pointee.flags.remove(.wantsWritable)
            unsafe core.pointee.enqueue(slot, .announcesWritable)
        }
        if unsafe row.pointee.requestStage == .head, unsafe !row.pointee.unparsed.isNone { unsafe core.pointee.enqueue(slot, .wantsInput) }
    }

    /// When all is said and sent, a connection that is not kept ends: at once, or after the peer's last bytes were dropped.
    mutating func finishConnectionIfDone(_ slot: UInt32, _ row: ConnectionRow) {
        guard unsafe row.pointee.flags.contains(.closes) else { return }
        guard unsafe row.pointee.responseStage == .none, unsafe row.pointee.requestStage == .complete else { return }
        guard unsafe row.pointee.flags.contains(.lingers), unsafe !row.pointee.flags.contains(.inputEnded) else { return beginClose(slot) }
        unsafe row.pointee.requestStage = .lingering
        unsafe core.pointee.blocks.giveBack(chain: row.pointee.unparsed.pointer)
        unsafe row.pointee.unparsed = .none
        unsafe engine.shutdownSend(row.pointee.socket)
        if unsafe !row.pointee.flags.contains(.receiving) {
            unsafe row.pointee.flags.insert(.receiving)
            unsafe engine.startReceiving(row.pointee.socket)
        }
        setDeadline(slot, after: unsafe core.pointee.settings.lingerNanoseconds)
    }

    /// Reads on, or lets TCP slow the peer down, by what the connection can take now. False when no more comes.
    @discardableResult
    @inline(__always) // One straight run per request.
    mutating func steerReceiving(_ slot: UInt32, _ row: ConnectionRow) -> Bool {
        let isReading = unsafe row.pointee.flags.intersection([.receiving, .inputEnded]) == .receiving
        if isReading, unsafe row.pointee.requestStage == .head, unsafe !isHeldBack(row.pointee.outputBytes) { return true }
        return unsafe steerOtherwise(slot, row)
    }

    @inline(never) // Bodies, back-pressure, ends.
    private mutating func steerOtherwise(_ slot: UInt32, _ row: ConnectionRow) -> Bool {
        if unsafe row.pointee.flags.contains(.inputEnded) { return false }
        let wants: Bool
        switch unsafe row.pointee.requestStage {
        case .none, .closing: return true
        case .lingering, .collectingBody, .discardingBody: wants = true
        case .head: wants = unsafe !isHeldBack(row.pointee.outputBytes)
        case .streamingBody: wants = unsafe !row.pointee.flags.contains(.readingPaused)
        case .complete: wants = unsafe row.pointee.keptBytes < CoreSettings.unparsedBytesMax
        }
        // Whoever is held back goes on from the end of what is being sent.
        if !wants, unsafe row.pointee.flags.contains(.sendInFlight) { unsafe engine.awaitSend(row.pointee.socket) }
        guard unsafe wants != row.pointee.flags.contains(.receiving) else { return true }
        if wants {
            unsafe row.pointee.flags.insert(.receiving)
            unsafe engine.startReceiving(row.pointee.socket)
        } else {
            unsafe row.pointee.flags.remove(.receiving)
            unsafe engine.stopReceiving(row.pointee.socket)
        }
        return true
    }
}
