// Beginning and ending: accepting within the limits, draining without losing an accepted connection, stopping.

internal import MartletEngine

extension Worker where E: ~Copyable {
    // MARK: Accepting

    mutating func resumeAccepting() {
        guard !accepting else { return }
        accepting = true
        for (index, listener) in listeners.enumerated() { engine.startAccepting(listener: UInt16(index), descriptor: listener) }
    }

    private mutating func pauseAccepting() {
        guard accepting else { return }
        accepting = false
        for index in listeners.indices { engine.stopAccepting(listener: UInt16(index)) }
    }

    /// At the limit the next connections wait in the kernel; a shared listener is left to the cores that have fewer.
    mutating func balanceAccepting() {
        if unsafe core.pointee.isDraining { return }
        let open = unsafe Int(core.pointee.counters.open)
        let hasFarMore = control.board.sharesListeners && control.board.publish(open, core: control.index)
        let most = unsafe core.pointee.settings.connectionsMax
        if accepting {
            if open >= most || hasFarMore { pauseAccepting() }
        } else if open < most - most / 16, !hasFarMore {
            resumeAccepting()
        }
    }

    // MARK: Draining

    /// What the outside asked of this core.
    mutating func followControl(_ now: Nanoseconds) {
        unsafe control.publish(core.pointee.counters, engine.counters)
        if control.mustStop {
            stopNow()
        } else if control.mustDrain, drain == nil {
            let settings = unsafe (bound: core.pointee.settings.drainNanoseconds, grace: core.pointee.settings.drainGraceNanoseconds)
            unsafe core.pointee.isDraining = true
            drain = Drain(now, bound: settings.bound, grace: settings.grace)
        }
    }

    /// First nobody new is let in. In the grace, idle connections may still bring one more request (answered with `Connection: close`); then idle ones are
    /// closed, and the others when they are answered, until the bound.
    mutating func continueDrain(_ now: Nanoseconds) {
        guard let drain else { return }
        switch drain.due(now) {
        case .nothing:
            break
        case .closeListeners:
            pauseAccepting()
            control.stoppedAccepting()
        case .closeIdle:
            closeIdle()
        case .cut:
            stopNow()
        }
        self.drain?.advance(now)
        if drain.mayEnd(now), unsafe core.pointee.counters.open == 0 { isStopped = true }
    }

    /// Idle ones end now; those whose answer has promised to go on, when it is out.
    private mutating func closeIdle() {
        forEachConnection { worker, slot in
            let row = unsafe worker.core.connection(slot).pointee
            guard row.requestStage == .head, row.unparsed.isNone else {
                return unsafe worker.core.connection(slot).pointee.flags.formUnion([.closes, .lingers])
            }
            if row.flags.contains(.sendInFlight) || !row.fillingFirst.isNone {
                unsafe worker.core.connection(slot).pointee.flags.formUnion([.closes, .lingers])
                unsafe worker.core.connection(slot).pointee.requestStage = .complete
                unsafe worker.core.pointee.enqueue(slot, .wantsFlush)
            } else {
                worker.beginClose(slot)
            }
        }
    }

    private mutating func stopNow() {
        pauseAccepting()
        control.stoppedAccepting()
        forEachConnection { worker, slot in
            unsafe worker.core.pointee.counters.cut += 1
            unsafe worker.core.connection(slot).pointee.endReason = .cut
            worker.beginClose(slot)
        }
        // Then until the engine has let go of the last one; nothing keeps it longer than the kernel does.
        unsafe core.pointee.isDraining = true
        drain = Drain.stopping
    }

    private mutating func forEachConnection(_ body: (inout Self, UInt32) -> Void) {
        var slot: UInt32 = 0
        let end = unsafe UInt32(core.pointee.settings.connectionCapacity)
        while slot < end {
            let stage = unsafe core.connection(slot).pointee.requestStage
            if stage != .none, stage != .closing { body(&self, slot) }
            slot += 1
        }
    }
}
