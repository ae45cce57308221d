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
        if unsafe core.pointee.isDraining, graceEnd == nil { return }
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
        } else if control.mustDrain, unsafe !core.pointee.isDraining {
            unsafe core.pointee.isDraining = true
            drainEnd = unsafe now + core.pointee.settings.drainNanoseconds
            graceEnd = unsafe now + min(core.pointee.settings.drainGraceNanoseconds, core.pointee.settings.drainNanoseconds)
        }
    }

    /// In the grace, idle connections may bring one more request (answered with `Connection: close`) and new ones are still accepted; then idle ones are
    /// closed, and the others when they are answered, until the bound.
    mutating func continueDrain(_ now: Nanoseconds) {
        if let end = graceEnd, now >= end {
            graceEnd = nil
            pauseAccepting()
            closeIdle()
        }
        if unsafe core.pointee.counters.open == 0 {
            pauseAccepting()
            isStopped = true
        } else if let end = drainEnd, now >= end {
            drainEnd = nil
            stopNow()
        }
    }

    private mutating func closeIdle() {
        forEachConnection { worker, slot in
            let row = unsafe worker.core.connection(slot).pointee
            if row.requestStage == .head, row.unparsed.isNone, !row.flags.contains(.sendInFlight), row.fillingFirst.isNone { worker.beginClose(slot) }
        }
    }

    private mutating func stopNow() {
        pauseAccepting()
        forEachConnection { worker, slot in
            unsafe worker.core.pointee.counters.cut += 1
            unsafe worker.core.connection(slot).pointee.endReason = .cut
            worker.beginClose(slot)
        }
        if unsafe core.pointee.counters.open == 0 { isStopped = true }
        // Until the engine has let go of the last one; nothing keeps it longer than the kernel does.
        unsafe core.pointee.isDraining = true
        graceEnd = nil
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
