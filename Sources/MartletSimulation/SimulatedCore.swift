// The wait, the completions and the socket table of the simulated engine.

internal import MartletEngine

@safe final class SimulatedCore {
    let network: SimulatedNetwork
    let options: SimulatedOptions
    let waker = Waker.simulated()
    var counters = EngineCounters()
    private(set) var now: Nanoseconds
    private(set) var isQuiescent = false

    private var sockets: [SimulatedSocket?] = []
    private var generations: [UInt32] = []
    private var freeSlots: [UInt32] = []
    private(set) var openCount = 0

    var listeners: [UInt16: SimulatedListener] = [:]
    /// Receive buffers that are the owner's, by number; those that nobody has; sockets that found none.
    var lent: [UInt16: UnsafeMutableRawBufferPointer] = unsafe [:]
    var lentCount: Int { unsafe lent.count }
    var freeBuffers: [UInt16]
    var starved: [SimulatedSocket] = []

    /// Sends that nobody waits for, since the last wait.
    var silentSends: [SimulatedSocket] = []
    /// The next wait must not block, so that their ends are told.
    var silentSendsAreAwaited = false

    private var completions: [Event] = []
    private var taken = 0

    /// The kernel's coarse clock steps by this.
    static let coarseNanoseconds: Nanoseconds = 4_000_000
    /// What a turn of the owner takes.
    private static let turnNanoseconds: ClosedRange<Nanoseconds> = 1000...50_000
    private static let jumpNanoseconds: ClosedRange<Nanoseconds> = 1_000_000_000...20_000_000_000

    init(_ network: SimulatedNetwork, _ options: SimulatedOptions) {
        self.network = network
        self.options = options
        now = network.clock.now
        freeBuffers = (0..<UInt16(options.receiveBufferCount)).reversed()
        network.onBacklog = { [unowned self] in planAccept($0) }
        network.engine = self
    }

    deinit {
        for unsafe buffer in unsafe lent.values { unsafe buffer.deallocate() }
        for unsafe buffer in unsafe released { unsafe buffer.deallocate() }
    }

    /// Buffers that came back keep their poisoned memory for a while, so that a late look at them is seen.
    private var released: [UnsafeMutableRawBufferPointer] = unsafe []
    private static let releasedMax = 32

    func retire(_ buffer: UnsafeMutableRawBufferPointer) {
        unsafe buffer.initializeMemory(as: UInt8.self, repeating: 0xDD)
        unsafe released.append(buffer)
        if unsafe released.count > Self.releasedMax { unsafe released.removeFirst().deallocate() }
    }

    // MARK: The wait

    func wait(until deadline: Nanoseconds?) {
        let clock = network.clock
        counters.enters += 1
        isQuiescent = false
        let taken = trySilentSends()
        clock.advance(to: clock.now + network.random.nanoseconds(Self.turnNanoseconds))
        if network.random.chance(network.faults.clockJumps) {
            clock.advance(to: clock.now + network.random.nanoseconds(Self.jumpNanoseconds))
        }
        clock.runDue()
        if network.random.chance(network.faults.spuriousWakes) || waker.isSignaled { complete(.woken) }
        while completions.count == self.taken, !isQuiescent, !silentSendsAreAwaited { pass(until: deadline) }
        silentSendsAreAwaited = false
        // Told together with what ended the wait, and before it.
        completions.insert(contentsOf: taken.map { .sent($0.id, nil) }, at: self.taken)
        now = max(now, clock.now / Self.coarseNanoseconds * Self.coarseNanoseconds)
    }

    /// Lets time pass until the next thing, or until the deadline.
    private func pass(until deadline: Nanoseconds?) {
        let clock = network.clock
        if let next = clock.nextTime, deadline.map({ next <= $0 }) ?? true {
            clock.advance(to: next)
            clock.runDue()
            if waker.isSignaled { complete(.woken) }
        } else if let deadline {
            clock.advance(to: deadline)
            now = max(now, deadline)
            complete(.woken)
        } else {
            isQuiescent = true
        }
    }

    func complete(_ event: Event) { completions.append(event) }

    func next() -> Event? {
        while taken < completions.count {
            let event = completions[taken]
            taken += 1
            if taken == completions.count {
                completions.removeAll(keepingCapacity: true)
                taken = 0
            }
            counters.completions += 1
            if isTold(event) { return event }
        }
        return nil
    }

    /// False when the owner has closed the socket in the meantime; what the event carries is taken back.
    private func isTold(_ event: Event) -> Bool {
        switch event {
        case .received(let socket, let bytes):
            network.note("received", socket.packed, unsafe bytes.bytes.count)
            if isOpen(socket) { return true }
            release(bytes)
        case .receiveEnded(let socket, let error):
            network.note("receive ended", socket.packed, Int(error?.code ?? 0))
            if isOpen(socket) { return true }
        case .sent(let socket, let error):
            network.note("sent", socket.packed, Int(error?.code ?? 0))
            if let row = current(socket), !row.isClosing {
                finishSend(row)
                return true
            }
        case .connected(let socket):
            network.note("connected", socket.packed)
            if isOpen(socket) { return true }
        case .accepted(let socket, let listener):
            network.note("accepted", socket.packed, Int(listener))
            return true
        case .closed(let socket, let error):
            network.note("closed", socket.packed, Int(error?.code ?? 0))
            if let row = current(socket) { finishSend(row) }
            free(socket)
            return true
        case .readable:
            preconditionFailure("the simulation watches no descriptors")
        case .woken:
            network.note("woken", 0)
            return true
        }
        counters.staleCompletions += 1
        return false
    }

    private func finishSend(_ socket: SimulatedSocket) {
        guard let send = socket.send else { return }
        check(send.isUnchanged, "the memory of a send was changed before `sent`")
        send.moveVectorAlong()
        socket.send = nil
    }

    /// What the owner must keep. The sentence ends with the seed, because the process ends with the sentence.
    func check(_ isKept: Bool, _ sentence: StaticString) {
        precondition(isKept, "\(sentence) (seed \(network.seed))")
    }

    // MARK: The socket table

    func open(_ client: SimulatedClient?) -> SimulatedSocket? {
        let slot: UInt32
        if let free = freeSlots.popLast() {
            slot = free
        } else {
            guard sockets.count < options.socketsMax else { return nil }
            slot = UInt32(sockets.count)
            sockets.append(nil)
            generations.append(0)
        }
        let port = UInt16(truncatingIfNeeded: 1024 + (client?.number ?? 0) % 60_000)
        let socket = SimulatedSocket(
            SocketID(slot: slot, generation: generations[Int(slot)]), client, .ipv4(0x0A00_0001, port: port),
            inbound: network.makePipe(), outbound: network.makePipe())
        sockets[Int(slot)] = socket
        openCount += 1
        // The client's end of the pipes lives on when the socket is gone.
        socket.inbound.onArrival = { [unowned self, weak socket] in
            if let socket { planReceive(socket) }
        }
        socket.outbound.onRoom = { [unowned self, weak socket] in
            if let socket { planSend(socket) }
        }
        return socket
    }

    private func free(_ socket: SocketID) {
        sockets[Int(socket.slot)] = nil
        generations[Int(socket.slot)] = (socket.generation + 1) & 0xFF_FFFF
        freeSlots.append(socket.slot)
        openCount -= 1
    }

    func current(_ socket: SocketID) -> SimulatedSocket? {
        guard socket.slot < sockets.count, let row = sockets[Int(socket.slot)], row.id == socket else { return nil }
        return row
    }

    private func isOpen(_ socket: SocketID) -> Bool { current(socket).map { !$0.isClosing } ?? false }

    /// The socket that the owner names; it must not have closed it.
    func owned(_ socket: SocketID) -> SimulatedSocket {
        let row = current(socket)
        check(row?.isClosing == false, "a socket was used after it was closed")
        return row!
    }
}
