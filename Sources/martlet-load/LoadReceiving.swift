// From bytes to answers, and from answers to figures.

import MartletEngine
import MartletHTTP
import MartletHTTP1

extension LoadGenerator where E: ~Copyable {
    mutating func received(_ socket: SocketID, _ received: ReceivedBytes) {
        let now = Clock.precise()
        if let index = owner(of: socket), connections[index].phase == .open || connections[index].phase == .ending {
            if now >= schedule.measureStart { tally.bytesReceived += UInt64(unsafe received.bytes.count) }
            if connections[index].carried == 0 {
                let left = unsafe read(index, received.bytes, now)
                unsafe carryOver(index, left)
            } else {
                unsafe readBehindCarried(index, received.bytes, now)
            }
        }
        engine.release(received)
        dispatch(now)
    }

    /// A head that came in pieces is read where the pieces are put together.
    private mutating func readBehindCarried(_ index: UInt32, _ bytes: UnsafeRawBufferPointer, _ now: Nanoseconds) {
        let memory = unsafe carryMemory(index)
        let count = Int(connections[index].carried)
        unsafe UnsafeMutableRawBufferPointer(rebasing: memory[count...]).copyMemory(from: bytes)
        connections[index].carried = 0
        let left = unsafe read(index, UnsafeRawBufferPointer(rebasing: memory[..<(count + bytes.count)]), now)
        unsafe carryOver(index, left)
    }

    private func carryMemory(_ index: UInt32) -> UnsafeMutableRawBufferPointer {
        let byteCount = plan.limits.headBytesMax + Self.receivedBytesMax
        return unsafe UnsafeMutableRawBufferPointer(start: carry.base + Int(index) * byteCount, count: byteCount)
    }

    /// The rest may be in the carry memory already: copying is by memmove.
    private mutating func carryOver(_ index: UInt32, _ rest: UnsafeRawBufferPointer) {
        guard unsafe !rest.isEmpty else { return }
        unsafe carryMemory(index).copyMemory(from: rest)
        connections[index].carried = UInt32(rest.count)
    }

    /// Reads all the answers in the bytes; returns those of a head that is not whole.
    private mutating func read(_ index: UInt32, _ buffer: UnsafeRawBufferPointer, _ now: Nanoseconds) -> UnsafeRawBufferPointer {
        let none = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
        let bytes = unsafe Span<UInt8>(_unsafeBytes: buffer)
        var start = 0
        while true {
            guard connections[index].outstanding > 0 else {
                if start < bytes.count { fault(index, .unsolicited, now) }
                return unsafe none
            }
            do throws(ResponseError) {
                let rest = bytes.extracting(start..<bytes.count)
                switch try connections[index].reader.next(rest, answering: method, limits: plan.limits) {
                case .needMore(let consumed):
                    return unsafe UnsafeRawBufferPointer(rebasing: buffer[(start + consumed)...])
                case .data(_, let consumed):
                    start += consumed
                case .end(let consumed):
                    start += consumed
                    answered(index, now)
                    // Nothing that follows on this connection is an answer.
                    if connections[index].phase != .open { return unsafe none }
                }
            } catch {
                fault(index, .codec(error), now)
                return unsafe none
            }
        }
    }

    private mutating func answered(_ index: UInt32, _ now: Nanoseconds) {
        let depth = UInt32(plan.depth)
        let time = times[index * depth + connections[index].firstTime]
        connections[index].firstTime = (connections[index].firstTime + 1) % depth
        connections[index].outstanding -= 1
        outstanding -= 1
        lastAnswer = now
        if let expected = plan.expectedBodyBytes, connections[index].reader.bodyByteCount != expected { tally.count(.wrongLength) }
        if time.due >= schedule.measureStart {
            tally.answered += 1
            tally.count(status: connections[index].reader.head.status.code)
            latency.record(now - time.due)
            if schedule.pace != .closed { latencySinceSent.record(now - time.sent) }
        } else {
            tally.warmupAnswered += 1
            if connections[index].reader.head.status.code >= 400 { tally.count(status: connections[index].reader.head.status.code) }
        }
        if !connections[index].reader.head.keepsAlive {
            endAfterAnswer(index, now)
        } else if connections[index].sent == plan.requestsPerConnection, connections[index].outstanding == 0 {
            close(index, now)
        } else {
            enqueueIfFree(index)
        }
    }

    /// The server said that it answers no more here: what was sent behind goes to another connection.
    private mutating func endAfterAnswer(_ index: UInt32, _ now: Nanoseconds) {
        let count = UInt64(connections[index].outstanding)
        if count > 0 {
            switch schedule.pace {
            case .closed:
                tally.resent += count
                if left != .max { left += measuredOutstanding(index) }
            case .open:
                // Their times have passed; sent anew they would be other requests.
                tally.count(.closedEarly, count)
            }
            dropOutstanding(index)
        }
        connections[index].phase = .ending
        connections[index].since = now
    }

    /// Of the requests without an answer those that count: the warm-up's were not taken from what is left.
    private func measuredOutstanding(_ index: UInt32) -> UInt64 {
        let depth = UInt32(plan.depth)
        var count: UInt64 = 0
        for offset in 0..<connections[index].outstanding {
            let time = times[index * depth + (connections[index].firstTime + offset) % depth]
            if time.due >= schedule.measureStart { count += 1 }
        }
        return count
    }

    private mutating func fault(_ index: UInt32, _ fault: Tally.ResponseFault, _ now: Nanoseconds) {
        if tally.responseFault == nil { tally.responseFault = fault }
        fail(index, .protocolFault, now)
    }

    mutating func inputEnded(_ socket: SocketID, _ error: SystemError?) {
        guard let index = owner(of: socket) else { return }
        let now = Clock.precise()
        switch connections[index].phase {
        case .open:
            if error == nil, connections[index].outstanding > 0, connections[index].reader.endOfInput() { answered(index, now) }
            if connections[index].outstanding > 0 {
                fail(index, error == nil ? .closedEarly : .reset, now)
            } else {
                close(index, now)
            }
        case .ending: close(index, now)
        case .waiting, .connecting, .closing: break
        }
        dispatch(now)
    }
}
