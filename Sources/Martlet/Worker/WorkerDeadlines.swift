// Deadlines: one per connection, by what it is waiting for. A deadline that moves later costs a store; the wheel is touched only when one comes sooner.

internal import MartletEngine
internal import MartletHTTP

extension Worker where E: ~Copyable {
    /// The true deadline moved; the row stays in its bucket unless it must be looked at sooner.
    mutating func setDeadline(_ slot: UInt32, after duration: Nanoseconds) {
        unsafe core.connection(slot).pointee.deadline = core.pointee.now + duration
        wheel.remove(slot)
        wheel.insert(slot, deadline: examination(slot))
    }

    /// Rows are looked at as often as the deadlines that begin without touching the wheel ask: those of a send and of an idle connection.
    mutating func examination(_ slot: UInt32) -> Nanoseconds {
        unsafe min(dueTime(slot), core.pointee.now + core.pointee.settings.examinationNanoseconds)
    }

    /// The peer's deadline or the handler's, whichever comes first.
    private func dueTime(_ slot: UInt32) -> Nanoseconds {
        let row = unsafe core.connection(slot)
        return unsafe handlerTimeRuns(slot) ? min(row.pointee.deadline, row.pointee.handlerTime) : row.pointee.deadline
    }

    /// The connection waits for its next request.
    @inline(__always) // One straight run per request.
    func noteIdle(_ row: ConnectionRow) {
        unsafe row.pointee.deadline = core.pointee.now + core.pointee.settings.keepAliveNanoseconds
        unsafe row.pointee.flags.subtract(.timed)
    }

    /// After each step that changed what the connection waits for. In the steady state (request whole, answered, sent): stores only.
    @inline(__always) // One straight run per request.
    mutating func noteDeadline(_ slot: UInt32, _ row: ConnectionRow) {
        if unsafe row.pointee.requestStage == .head && row.pointee.flags.contains(.sendInFlight) {
            unsafe row.pointee.deadline = core.pointee.now + core.pointee.settings.writeNanoseconds
            unsafe row.pointee.flags.subtract(.timed)
        } else {
            unsafe noteOtherDeadline(slot, row)
        }
    }

    @inline(never) // Nothing is on its way out, or a request is.
    private mutating func noteOtherDeadline(_ slot: UInt32, _ row: ConnectionRow) {
        switch unsafe row.pointee.requestStage {
        case .none, .closing, .lingering:
            return
        case .head where unsafe row.pointee.unparsed.isNone:
            unsafe noteIdle(row)
        case .head:
            // The first bytes of a head began its time; more bytes do not prolong it.
            if unsafe !row.pointee.flags.contains(.headTimed) {
                unsafe row.pointee.flags.insert(.headTimed)
                setDeadline(slot, after: unsafe core.pointee.settings.headNanoseconds)
            }
        case .collectingBody, .streamingBody, .discardingBody:
            timeHandler(slot)
            if unsafe !row.pointee.flags.contains(.bodyTimed) {
                unsafe row.pointee.flags.insert(.bodyTimed)
                unsafe row.pointee.bodyBytesInWindow = 0
                setDeadline(slot, after: unsafe core.pointee.settings.bodyWindowNanoseconds)
            }
        case .complete:
            if unsafe !row.pointee.flags.contains(.sendInFlight) {
                unsafe row.pointee.deadline = .max
            } else if unsafe !row.pointee.flags.contains(.sendTimed) {
                unsafe row.pointee.flags.insert(.sendTimed)
                unsafe row.pointee.deadline = core.pointee.now + core.pointee.settings.writeNanoseconds
            }
            timeHandler(slot)
        }
    }

    // MARK: The handler's time

    /// One span for the whole answer. It stands still while the client holds the handler back: with the rest of the body, or by not taking the answer.
    private mutating func timeHandler(_ slot: UInt32) {
        let row = unsafe core.connection(slot)
        let isHeld = isHandlerHeld(slot), now = unsafe core.pointee.now
        if unsafe !row.pointee.flags.contains(.handlerTimed) {
            if isHeld { return }
            unsafe row.pointee.flags.insert(.handlerTimed)
            unsafe row.pointee.handlerTime = now + core.pointee.settings.handlerNanoseconds
        } else if unsafe isHeld == row.pointee.flags.contains(.handlerHeld) {
            return
        } else if isHeld {
            unsafe row.pointee.flags.insert(.handlerHeld)
            unsafe row.pointee.handlerTime -= min(now, row.pointee.handlerTime)
            return
        } else {
            unsafe row.pointee.flags.remove(.handlerHeld)
            unsafe row.pointee.handlerTime += now
        }
        wheel.remove(slot)
        wheel.insert(slot, deadline: examination(slot))
    }

    private func isHandlerHeld(_ slot: UInt32) -> Bool {
        let row = unsafe core.connection(slot)
        let flags = unsafe row.pointee.flags
        guard unsafe row.pointee.responseStage == .pending || row.pointee.responseStage == .streaming, !flags.contains(.wantsWritable) else { return true }
        return unsafe row.pointee.requestStage != .complete && !(row.pointee.requestStage == .streamingBody && flags.contains(.readingPaused))
    }

    private func handlerTimeRuns(_ slot: UInt32) -> Bool {
        unsafe core.connection(slot).pointee.flags.intersection([.handlerTimed, .handlerHeld]) == .handlerTimed
    }

    // MARK: Deadlines that passed

    @inline(never) // Once per tick at most.
    mutating func expireDeadlines(_ now: Nanoseconds) {
        while let slot = wheel.takeDue(now: now) {
            let stage = unsafe core.connection(slot).pointee.requestStage
            if stage == .none || stage == .closing { continue }
            if dueTime(slot) > now {
                wheel.insert(slot, deadline: examination(slot))
                continue
            }
            expire(slot)
        }
    }

    private mutating func expire(_ slot: UInt32) {
        let row = unsafe core.connection(slot)
        if handlerTimeRuns(slot), unsafe row.pointee.handlerTime <= core.pointee.now {
            return answerTimeout(slot, .serviceUnavailable, "The application did not answer in time.\n")
        }
        switch unsafe row.pointee.requestStage {
        case .none, .closing: break
        case .collectingBody, .streamingBody, .discardingBody: checkBodyRate(slot)
        case .head where unsafe row.pointee.flags.contains(.sendInFlight), .complete: timeOut(slot)
        case .lingering: beginClose(slot)
        case .head where unsafe row.pointee.unparsed.isNone: beginClose(slot)
        case .head: answerTimeout(slot, .requestTimeout, "The request's head did not arrive in time.\n")
        }
    }

    private mutating func timeOut(_ slot: UInt32) {
        unsafe core.pointee.counters.timedOut += 1
        unsafe core.connection(slot).pointee.endReason = .timedOut
        beginClose(slot)
    }

    private mutating func answerTimeout(_ slot: UInt32, _ status: Status, _ explanation: StaticString) {
        let row = unsafe core.connection(slot)
        let stage = unsafe row.pointee.responseStage
        guard stage == .none || stage == .pending else { return timeOut(slot) }
        unsafe core.pointee.counters.timedOut += 1
        unsafe row.pointee.endReason = .timedOut
        unsafe row.pointee.requestStage = .complete
        unsafe row.pointee.flags.remove(.handlerTimed)
        unsafe core.pointee.answerError(slot, status, explanation, closing: true)
        // The answer ends the exchange from the queue, and the connection with it; this bounds how long that may take.
        unsafe core.pointee.enqueue(slot, .wantsInput)
        setDeadline(slot, after: unsafe core.pointee.settings.writeNanoseconds)
    }

    /// A body must bring its least in every window; one that the handler paused is not the peer's fault. An answer that goes out meanwhile must move too.
    private mutating func checkBodyRate(_ slot: UInt32) {
        let row = unsafe core.connection(slot)
        let isSending = unsafe row.pointee.flags.contains(.sendInFlight)
        if isSending {
            if unsafe row.pointee.flags.contains(.sendSeen) { return timeOut(slot) }
            unsafe row.pointee.flags.insert(.sendSeen)
        }
        let isPaused = unsafe row.pointee.flags.contains(.readingPaused) || !row.pointee.flags.contains(.receiving)
        guard unsafe isPaused || UInt64(row.pointee.bodyBytesInWindow) >= core.pointee.settings.bodyBytesPerWindowMin else {
            return answerTimeout(slot, .requestTimeout, "The request's body did not arrive in time.\n")
        }
        unsafe row.pointee.bodyBytesInWindow = 0
        let settings = unsafe (window: core.pointee.settings.bodyWindowNanoseconds, write: core.pointee.settings.writeNanoseconds)
        setDeadline(slot, after: isSending ? max(settings.window, settings.write) : settings.window)
    }

    /// When the wait must end even if nothing happens.
    mutating func nextDeadline() -> Nanoseconds? {
        let due = wheel.nextDue()
        guard let step = unsafe drain?.nextDue(core.pointee.now) else { return due }
        return min(due ?? step, step)
    }
}
