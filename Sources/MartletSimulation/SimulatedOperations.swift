// What the owner asks of the simulated engine, and when the simulated kernel does it.

internal import Glibc
internal import MartletEngine

/// A listener that the engine accepts from.
struct SimulatedListener {
    var isWanted = false
    var isPlanned = false
}

extension SimulatedCore {
    // Delays of the simulated kernel.
    private static var soon: ClosedRange<Nanoseconds> { 0...20_000 }
    private static var late: ClosedRange<Nanoseconds> { 100_000...300_000_000 }
    private static var acceptPause: Nanoseconds { 100_000_000 }

    private func plan(lateBy chance: Int = 0, _ action: @escaping () -> Void) {
        let delay = network.random.nanoseconds(network.random.chance(chance) ? Self.late : Self.soon)
        network.clock.plan(after: delay, action)
    }

    // MARK: Accepting

    func startAccepting(_ listener: UInt16) {
        listeners[listener, default: SimulatedListener()].isWanted = true
        planAccept(listener)
    }

    func stopAccepting(_ listener: UInt16) { listeners[listener]?.isWanted = false }

    func planAccept(_ listener: UInt16) {
        guard let row = listeners[listener], row.isWanted, !row.isPlanned, network.backlogs[listener]?.isEmpty == false else { return }
        listeners[listener]?.isPlanned = true
        plan { [unowned self] in accept(listener) }
    }

    private func accept(_ listener: UInt16) {
        listeners[listener]?.isPlanned = false
        guard listeners[listener]?.isWanted == true, network.backlogs[listener]?.isEmpty == false else { return }
        if network.random.chance(network.faults.acceptPauses) {
            counters.acceptsPaused += 1
            listeners[listener]?.isPlanned = true
            return network.clock.plan(after: Self.acceptPause) { [unowned self] in accept(listener) }
        }
        if network.random.chance(network.faults.disarmings) {
            counters.completionOverflows += 1
            return planAccept(listener)
        }
        let client = network.backlogs[listener]!.removeFirst()
        planAccept(listener)
        guard let socket = open(client) else {
            counters.acceptsRefused += 1
            client.wasRefused = true
            return
        }
        client.open(network, toEngine: socket.inbound, fromEngine: socket.outbound)
        complete(.accepted(socket.id, listener: listener))
    }

    // MARK: Connecting

    func connect(to address: SocketAddress) throws(SystemError) -> SocketID {
        let client = network.servers[address]?()
        if let client { network.register(client) }
        guard let socket = open(client) else { throw SystemError(EMFILE, .connect) }
        socket.isConnecting = true
        network.clock.plan(after: network.latency()) { [unowned self] in
            guard !socket.isClosing else { return }
            guard let client else {
                socket.isRefused = true
                return complete(.closed(socket.id, SystemError(ECONNREFUSED, .connect)))
            }
            socket.isConnecting = false
            client.open(network, toEngine: socket.inbound, fromEngine: socket.outbound)
            complete(.connected(socket.id))
        }
        return socket.id
    }

    // MARK: Receiving

    func startReceiving(_ socket: SimulatedSocket) {
        socket.wantsReceive = true
        planReceive(socket)
    }

    func stopReceiving(_ socket: SimulatedSocket) {
        socket.wantsReceive = false
        let isLate = network.random.chance(network.faults.lateStops)
        socket.stopsAt = isLate ? network.clock.now + network.random.nanoseconds(Self.late) : 0
    }

    func planReceive(_ socket: SimulatedSocket) {
        guard !socket.isPumpPlanned, !socket.isStarved, !socket.isClosing else { return }
        socket.isPumpPlanned = true
        plan { [unowned self] in
            socket.isPumpPlanned = false
            receive(socket)
        }
    }

    private func receive(_ socket: SimulatedSocket) {
        guard !socket.isClosing, socket.wantsReceive || network.clock.now < socket.stopsAt else { return }
        let inbound = socket.inbound
        if inbound.arrived.isEmpty { return receiveEnd(socket) }
        if network.random.chance(network.faults.disarmings) {
            counters.completionOverflows += 1
            return planReceive(socket)
        }
        if network.random.chance(network.faults.starvations) {
            counters.receivesStarved += 1
            return network.clock.plan(after: network.random.nanoseconds(Self.late)) { [unowned self] in planReceive(socket) }
        }
        guard let number = freeBuffers.popLast() else {
            counters.receivesStarved += 1
            socket.isStarved = true
            return starved.append(socket)
        }
        var count = min(inbound.arrived.count, options.receiveBufferBytes)
        if network.random.chance(network.faults.shortReads) { count = network.random.pick(1...count) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
        unsafe buffer.copyBytes(from: inbound.take(count))
        unsafe lent[number] = unsafe buffer
        complete(.received(socket.id, unsafe ReceivedBytes(UnsafeRawBufferPointer(buffer), buffer: number)))
        if network.random.chance(network.faults.receiveBursts) { receive(socket) } else { planReceive(socket) }
    }

    private func receiveEnd(_ socket: SimulatedSocket) {
        guard socket.inbound.isBroken || socket.inbound.endArrived else { return }
        socket.wantsReceive = false
        socket.stopsAt = 0
        complete(.receiveEnded(socket.id, socket.inbound.isBroken ? SystemError(ECONNRESET, .recv) : nil))
    }

    func release(_ received: ReceivedBytes) {
        let buffer = unsafe lent.removeValue(forKey: received.buffer)
        check(unsafe buffer.map { UnsafeRawPointer($0.baseAddress!) } == received.bytes.baseAddress, "received bytes were released twice")
        unsafe retire(buffer!)
        freeBuffers.append(received.buffer)
        let waiting = starved
        starved = []
        for socket in waiting {
            socket.isStarved = false
            planReceive(socket)
        }
    }

    // MARK: Sending

    func send(_ socket: SimulatedSocket, _ send: SimulatedSend) {
        beginSend(socket, send)
        if network.random.chance(network.faults.immediateSends) { continueSend(socket) } else { planSend(socket) }
    }

    func sendUnawaited(_ socket: SimulatedSocket, _ send: SimulatedSend) {
        guard network.random.chance(network.faults.silentSends) else { return self.send(socket, send) }
        beginSend(socket, send)
        send.isSilent = true
        silentSends.append(socket)
    }

    func awaitSend(_ socket: SimulatedSocket) {
        if socket.send?.isSilent == true { silentSendsAreAwaited = true }
    }

    /// Those that are taken whole now; what is short or refused goes on as any other send.
    func trySilentSends() -> [SimulatedSocket] {
        let tried = silentSends
        silentSends = []
        return tried.filter { socket in
            guard let send = socket.send, send.isSilent, !socket.isClosing else { return false }
            let isSlow = network.random.chance(network.faults.slowSends)
            if !isSlow, !socket.outbound.isBroken, socket.outbound.room >= send.remaining, let bytes = send.take(send.remaining) {
                socket.outbound.write(bytes)
                send.isOver = true
                return true
            }
            send.isSilent = false
            continueSend(socket)
            return false
        }
    }

    private func beginSend(_ socket: SimulatedSocket, _ send: SimulatedSend) {
        check(socket.send == nil, "one send of a socket is in flight at a time")
        check(!socket.didShutdownSend, "nothing is sent after the end of sending was told")
        check(!socket.isConnecting, "a send waits for `connected`")
        network.note("send", socket.id.packed, send.remaining)
        socket.send = send
    }

    func planSend(_ socket: SimulatedSocket) {
        guard socket.send?.isOver == false, socket.send?.isSilent == false, !socket.isSendPlanned, !socket.isClosing else { return }
        socket.isSendPlanned = true
        plan { [unowned self] in
            socket.isSendPlanned = false
            continueSend(socket)
        }
    }

    private func continueSend(_ socket: SimulatedSocket) {
        guard let send = socket.send, !send.isOver, !send.isSilent, !socket.isClosing else { return }
        if socket.outbound.isBroken { return endSend(socket, send, SystemError(socket.inbound.arrived.isEmpty ? EPIPE : ECONNRESET, .send)) }
        var count = min(send.remaining, socket.outbound.room)
        if count > 0, network.random.chance(network.faults.slowSends) { count = network.random.pick(1...count) }
        if count > 0 {
            guard let bytes = send.take(count) else { return endSend(socket, send, SystemError(EIO, .sendfile)) }
            socket.outbound.write(bytes)
        }
        if send.remaining == 0 { return endSend(socket, send, nil) }
        if count > 0 { planSend(socket) }
    }

    private func endSend(_ socket: SimulatedSocket, _ send: SimulatedSend, _ error: SystemError?) {
        send.isOver = true
        plan(lateBy: network.faults.lateSents) { [unowned self] in complete(.sent(socket.id, error)) }
    }

    func shutdownSend(_ socket: SimulatedSocket) {
        check(socket.send == nil, "the end of sending is told after the last `sent`")
        socket.didShutdownSend = true
        socket.outbound.end()
    }

    // MARK: Closing

    /// Unread bytes make it a reset, as in every kernel; so do bytes that come later.
    func close(_ socket: SimulatedSocket) {
        network.note("close", socket.id.packed)
        socket.isClosing = true
        socket.inbound.isUnread = true
        let losesArrived = network.random.chance(500)
        if !socket.inbound.arrived.isEmpty {
            socket.outbound.travel { $0.breakNow(losingArrived: losesArrived) }
        } else {
            socket.outbound.end()
        }
        if socket.isConnecting { socket.client?.wasRefused = true }
        // A connect that failed has said so already; the owner has not looked yet.
        guard !socket.isRefused else { return }
        plan(lateBy: network.faults.lateCloses) { [unowned self] in complete(.closed(socket.id, nil)) }
    }
}
