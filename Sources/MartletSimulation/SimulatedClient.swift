// The other end of a connection: follows a script, and keeps everything that it saw.

package import MartletEngine

package final class SimulatedClient {
    package enum Step {
        /// Writes these bytes, in pieces as chance and the window have it.
        case write([UInt8])
        case pause(Nanoseconds)
        /// Goes on when it has received this many bytes in all, or when the connection is over.
        case awaitBytes(Int)
        /// Goes on when the other side said that it sends no more, or the connection is over.
        case awaitEnd
        case stopReading
        case startReading
        /// Says that it sends no more.
        case finishSending
        /// Closes with a reset.
        case reset
    }

    package let listener: UInt16
    private let script: [Step]
    private var position = 0
    package internal(set) var number = 0

    package private(set) var received: [UInt8] = []
    /// Bytes handed to the network. Not all of them arrive when the connection is reset.
    package private(set) var writtenCount = 0
    package private(set) var sawEnd = false
    /// The other side reset the connection.
    package private(set) var sawReset = false
    /// The other side refused the connection.
    package internal(set) var wasRefused = false
    /// It reset the connection itself, by its script or by chance.
    package private(set) var didReset = false
    package private(set) var didFinishSending = false
    /// Runs after bytes came, for clients that answer what they see.
    package var onReceive: (SimulatedClient) -> Void = { _ in }

    private var outgoing: ArraySlice<UInt8> = []
    private var isFollowing = false
    private var isWriting = false
    private var isReading = true
    private var isTaking = false
    private var pausedUntil: Nanoseconds?
    private unowned var network: SimulatedNetwork?
    private var toEngine: SimulatedPipe?
    private var fromEngine: SimulatedPipe?

    package init(listener: UInt16 = 0, _ script: [Step] = []) {
        self.listener = listener
        self.script = script
    }

    /// Nothing more will come from it.
    package var isFinished: Bool { (position == script.count && outgoing.isEmpty) || isOver }
    /// The connection can carry nothing more.
    package var isOver: Bool { didReset || sawReset || wasRefused }

    func open(_ network: SimulatedNetwork, toEngine: SimulatedPipe, fromEngine: SimulatedPipe) {
        self.network = network
        self.toEngine = toEngine
        self.fromEngine = fromEngine
        toEngine.onRoom = { [unowned self] in push() }
        toEngine.onRefusal = { [unowned self] in wasReset() }
        fromEngine.onArrival = { [unowned self] in take() }
        follow()
    }

    // MARK: What it does

    /// Adds bytes to what it writes; nothing once it said that no more comes.
    package func write(_ bytes: [UInt8]) {
        guard !didFinishSending else { return }
        outgoing += bytes
        push()
    }

    package func finishSending() {
        guard !didFinishSending, !isOver else { return }
        didFinishSending = true
        outgoing = []
        toEngine?.end()
    }

    package func reset() {
        guard !isOver, let network, let toEngine, let fromEngine else { return }
        didReset = true
        outgoing = []
        let losesArrived = network.random.chance(500)
        // A reset does not overtake what was written before it.
        toEngine.travel { pipe in
            pipe.breakNow(losingArrived: losesArrived)
            fromEngine.breakNow(losingArrived: true)
        }
    }

    private func follow() {
        guard let network, !isFollowing else { return }
        isFollowing = true
        defer { isFollowing = false }
        while position < script.count, !isOver {
            switch script[position] {
            case .write(let bytes): write(bytes)
            case .pause(let delay):
                guard let until = pausedUntil else {
                    pausedUntil = network.clock.now + delay
                    network.clock.plan(after: delay) { [unowned self] in follow() }
                    return
                }
                if network.clock.now < until { return }
                pausedUntil = nil
            case .awaitBytes(let count): if received.count < count, !sawEnd { return }
            case .awaitEnd: if !sawEnd { return }
            case .stopReading: isReading = false
            case .startReading:
                isReading = true
                network.clock.plan(after: 0) { [unowned self] in take() }
            case .finishSending:
                if !outgoing.isEmpty { return }
                finishSending()
            case .reset:
                if !outgoing.isEmpty { return }
                reset()
            }
            position += 1
        }
    }

    /// Writes one piece, and plans the next.
    private func push() {
        guard let network, let toEngine, !isWriting, !outgoing.isEmpty, !isOver, !didFinishSending else { return }
        if network.random.chance(network.faults.resets) { return reset() }
        if network.random.chance(network.faults.halfCloses) {
            finishSending()
            return follow()
        }
        var count = min(outgoing.count, toEngine.room)
        guard count > 0 else { return }
        if network.random.chance(network.faults.cutDeliveries) { count = network.random.pick(1...count) }
        toEngine.write(Array(outgoing.prefix(count)))
        outgoing = outgoing.dropFirst(count)
        writtenCount += count
        guard !outgoing.isEmpty else { return follow() }
        isWriting = true
        network.clock.plan(after: network.latency()) { [unowned self] in
            isWriting = false
            push()
        }
    }

    // MARK: What it sees

    private func take() {
        guard let network, let fromEngine, !isTaking, !didReset else { return }
        if fromEngine.isBroken, !sawEnd, fromEngine.arrived.isEmpty || !isReading { return wasReset() }
        guard isReading else { return }
        var count = fromEngine.arrived.count
        if count > 0 {
            if network.random.chance(network.faults.slowReads) { count = network.random.pick(1...count) }
            received += fromEngine.take(count)
            network.note("client read", UInt64(number), count)
            onReceive(self)
        }
        if !fromEngine.arrived.isEmpty {
            isTaking = true
            network.clock.plan(after: network.latency()) { [unowned self] in
                isTaking = false
                take()
            }
        } else if fromEngine.endArrived, !sawEnd {
            sawEnd = true
            network.note("client end", UInt64(number))
        } else if fromEngine.isBroken, !sawEnd {
            // The last bytes before a reset were read slowly.
            return wasReset()
        }
        follow()
    }

    private func wasReset() {
        guard !isOver else { return }
        sawReset = true
        outgoing = []
        network?.note("client reset", UInt64(number))
        follow()
    }
}
