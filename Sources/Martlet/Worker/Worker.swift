// The pump of one core: takes what the engine says, finds whole requests in it, and hands them out one by one.
//
// It calls nobody: `next` returns work, the loop around it calls the handler, and the handler's answer is found in the core's tables when
// `next` is called again. So this big generic type is instantiated in this module only (design: a generic body that crosses a module is small).
//
// Reading order: this file (the turn), WorkerInput (bytes to requests), WorkerOutput (answers to sends), ConnectionLifecycle, WorkerDeadlines, WorkerDrain.

internal import MartletEngine
internal import MartletHTTP
internal import MartletHTTP1

@safe struct Worker<E: Engine & ~Copyable>: ~Copyable {
    var engine: E
    let core: CorePointer
    var wheel: TimerWheel
    var listeners: [Int32]
    var control: CoreControl
    var input = Input()
    var step = Step.none
    var drain: Drain?
    var accepting = false
    var isStopped = false
    /// Somebody else's loop turns this core: `next` says when a turn is over instead of waiting (WorkerHosting).
    let isHosted: Bool
    /// The descriptor that the host watches has something to read.
    var hasReadiness = false
    /// How the handler wants the body of the request in hand.
    var choice: BodyHandling?
    /// Requests answered, for a server that ends after so many.
    var answered: UInt64 = 0

    /// What `next` handed out last, and so what must be looked at when it is called again.
    enum Step {
        case none, choseBodyHandling, responded, receivedPiece
    }

    init(engine: consuming E, core: CorePointer, listeners: [Int32], control: CoreControl, isHosted: Bool = false) throws(SystemError) {
        wheel = try TimerWheel(capacity: unsafe core.pointee.settings.connectionCapacity, now: engine.now)
        self.engine = engine
        unsafe self.core = core
        self.listeners = listeners
        self.control = control
        self.isHosted = isHosted
        unsafe core.pointee.now = self.engine.now
        unsafe core.pointee.mailbox.adopt(self.engine.waker)
        control.attach(self.engine.waker)
        resumeAccepting()
    }

    // MARK: The turn

    mutating func next() -> Work {
        if step != .none {
            if let work = afterStep() { return work }
            // Mostly the request was all that came: nothing of the input is left to look at.
            if let slot = input.slot, input.left == 0 {
                let row = unsafe core.connection(slot)
                if unsafe row.pointee.requestStage == .head { unsafe endInput(slot, row) }
            }
        }
        while true {
            if let slot = input.slot, let work = continueInput(slot) { return work }
            if let event = engine.next() {
                if let work = handle(event) { return work }
                continue
            }
            switch hasMore ? doMore() : .nothing {
            case .work(let work): return work
            case .again: continue
            case .nothing: break
            }
            if isHosted { return .turnEnded }
            endTurn(nextDeadline())
        }
    }

    /// How it goes on after a step that not every request takes.
    enum Progress {
        case work(Work)
        /// There may be more to do.
        case again
        case nothing
    }

    /// Something beside what the engine says is to be done before the turn may end.
    // The control is looked at after the waker was acknowledged and before the wait, or a call in between would not end the wait.
    private var hasMore: Bool {
        @inline(__always) mutating get {
            unsafe !core.pointee.queue.isEmpty || core.pointee.mailbox.hasMail || control.isAsked || core.pointee.isDraining || isStopped
                || wheel.isDue(now: core.pointee.now)
        }
    }

    /// The first of it; what remains is found when it is asked for again.
    @inline(never) // Keeps the run of a request short.
    private mutating func doMore() -> Progress {
        if unsafe !core.pointee.queue.isEmpty { return fulfilFirst().map { .work($0) } ?? .again }
        if unsafe core.pointee.mailbox.hasMail {
            drainMailbox()
            return .again
        }
        if control.isAsked { unsafe followControl(core.pointee.now) }
        if unsafe core.pointee.isDraining { unsafe continueDrain(core.pointee.now) }
        if isStopped { return .work(.stopped) }
        guard wheel.isDue(now: unsafe core.pointee.now) else { return .nothing }
        expireDeadlines(unsafe core.pointee.now)
        return .again
    }

    mutating func endTurn(_ deadline: Nanoseconds?) {
        engine.wait(until: deadline)
        let now = engine.now
        unsafe core.pointee.now = now
        unsafe core.pointee.preamble.update(now: now)
    }

    @inline(__always) // Called from one place.
    private mutating func handle(_ event: Event) -> Work? {
        switch event {
        case .received(let socket, let received): arrived(socket, received)
        case .sent(let socket, let error): sent(socket, error)
        case .accepted, .receiveEnded, .closed, .connected, .readable, .woken: return handleOther(event)
        }
        return nil
    }

    @inline(never) // Once per connection, or rarer.
    private mutating func handleOther(_ event: Event) -> Work? {
        switch event {
        case .received, .sent: break
        case .accepted(let socket, let listener): opened(socket, listener)
        case .receiveEnded(let socket, let error): return inputEnded(socket, error)
        case .closed(let socket, _): return closed(socket)
        case .connected: break
        case .readable: hasReadiness = true
        case .woken:
            engine.waker.acknowledge()
            // Perhaps by a core that has more connections now than this one, which rested.
            if !accepting { balanceAccepting() }
        }
        return nil
    }

    /// What the flags of the first slot in the queue ask; input that it takes up is worked on next.
    private mutating func fulfilFirst() -> Work? {
        guard let slot = unsafe core.pointee.queue.popFirst() else { return nil }
        let row = unsafe core.connection(slot)
        unsafe row.pointee.flags.remove(.queued)
        let flags = unsafe row.pointee.flags
        if flags.contains(.wantsAbort) {
            unsafe row.pointee.flags.remove(.wantsAbort)
            return close(slot, .cut)
        }
        if flags.contains(.wantsEnded) {
            unsafe row.pointee.flags.remove(.wantsEnded)
            if flags.contains(.wantsFlush) { unsafe core.pointee.enqueue(slot, .wantsFlush) }
            return endOfClosing(slot)
        }
        if flags.contains(.wantsFlush) {
            unsafe row.pointee.flags.remove(.wantsFlush)
            unsafe flush(slot, row)
            unsafe noteDeadline(slot, row)
        }
        if flags.contains(.announcesWritable) {
            unsafe row.pointee.flags.remove(.announcesWritable)
            if flags.contains(.wantsInput) { unsafe core.pointee.enqueue(slot, .wantsInput) }
            if unsafe row.pointee.flags.contains(.exchangeHeld) { return .writable(exchange(slot)) }
        }
        if unsafe row.pointee.flags.contains(.wantsInput) {
            unsafe row.pointee.flags.remove(.wantsInput)
            return resumeInput(slot)
        }
        return nil
    }

    mutating func exchange(_ slot: UInt32) -> Exchange {
        unsafe Exchange(core: core, slot: slot, serial: core.connection(slot).pointee.serial)
    }

    // MARK: The mailbox

    private mutating func drainMailbox() {
        let mailbox = unsafe core.pointee.mailbox
        mailbox.beginDrain()
        while let letter = unsafe mailbox.takePosted() {
            unsafe deliver(letter)
            unsafe mailbox.giveBack(letter)
        }
        while let refusal = mailbox.takeRefusal() {
            guard waitsForAnswer(refusal.slot, refusal.serial) else { continue }
            if refusal.isOverload {
                unsafe core.pointee.counters.overloaded += 1
                unsafe core.pointee.answerError(
                    refusal.slot, .serviceUnavailable, "The server has too many answers under way.\n", closing: false, retryAfter: true)
            } else {
                unsafe core.pointee.counters.unanswered += 1
                unsafe core.pointee.answerError(refusal.slot, .internalServerError, "The application did not answer.\n", closing: false)
            }
        }
        unsafe core.pointee.executor.runJobs()
    }

    private mutating func waitsForAnswer(_ slot: UInt32, _ serial: UInt32) -> Bool {
        let row = unsafe core.connection(slot)
        return unsafe row.pointee.serial == serial && row.pointee.responseStage == .pending
    }

    private mutating func deliver(_ letter: UnsafeMutablePointer<Letter>) {
        let slot = unsafe letter.pointee.slot
        guard waitsForAnswer(slot, unsafe letter.pointee.serial) else { return }
        let fields = unsafe FieldLines(start: letter.payload, count: letter.pointee.fieldByteCount)
        let body = unsafe UnsafeRawBufferPointer(start: letter.payload + letter.pointee.fieldByteCount, count: letter.pointee.bodyByteCount)
        unsafe core.pointee.answer(slot, Status(code: letter.pointee.status), fields: fields, bytes: body)
    }
}
