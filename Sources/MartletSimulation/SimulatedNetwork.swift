// The world around a simulated engine: time, chance, clients, and the connections that wait to be accepted.
//
// Make it from a seed, give it clients, make a `SimulatedEngine` of it, and run the owner until nothing more can happen.

package import MartletEngine

package final class SimulatedNetwork {
    package let seed: UInt64
    package let clock = SimulatedClock()
    package var random: SimulatedRandom
    package var faults: SimulatedFaults
    /// Who answers when the engine connects; nobody there: refused.
    package var servers: [SocketAddress: () -> SimulatedClient] = [:]
    package private(set) var clients: [SimulatedClient] = []

    /// A digest of everything that happened: two runs of one seed have the same.
    package private(set) var digest: UInt64 = 0xCBF2_9CE4_8422_2325
    /// What happened, in words; only when asked for.
    package var keepsLog = false
    package private(set) var log: [String] = []

    /// Bytes of a connection's buffers, each way.
    package var windowBytes: ClosedRange<Int> = 1...65_536
    package var latencyNanoseconds: ClosedRange<Nanoseconds> = 0...2_000_000

    var backlogs: [UInt16: [SimulatedClient]] = [:]
    /// Tells the engine that a connection waits.
    var onBacklog: (UInt16) -> Void = { _ in }
    /// The engine that the connections go to.
    weak var engine: SimulatedCore?

    /// Received bytes that the engine's owner has not released, and sockets that it has not closed.
    package var lentCount: Int { engine?.lentCount ?? 0 }
    package var openCount: Int { engine?.openCount ?? 0 }

    package init(seed: UInt64, faults: SimulatedFaults = .none) {
        self.seed = seed
        self.faults = faults
        random = SimulatedRandom(seed: seed)
    }

    /// Lets a client connect to a listener after a while.
    @discardableResult
    package func add(_ client: SimulatedClient, after delay: Nanoseconds = 0) -> SimulatedClient {
        register(client)
        clock.plan(after: delay + latency()) {
            self.backlogs[client.listener, default: []].append(client)
            self.onBacklog(client.listener)
        }
        return client
    }

    func register(_ client: SimulatedClient) {
        client.number = clients.count
        clients.append(client)
    }

    /// Every client did what its script says.
    package var isFinished: Bool { clients.allSatisfy(\.isFinished) }

    func latency() -> Nanoseconds { random.nanoseconds(latencyNanoseconds) }

    func makePipe() -> SimulatedPipe { SimulatedPipe(self, window: random.pick(windowBytes)) }

    /// FNV-1a's step over words; wrapping is its definition.
    private func mix(_ word: UInt64) { digest = (digest ^ word) &* 0x100_0000_01B3 }

    func note(_ what: StaticString, _ who: UInt64, _ count: Int = 0) {
        what.withUTF8Buffer { for unsafe byte in unsafe $0 { mix(UInt64(byte)) } }
        mix(clock.now)
        mix(who)
        mix(UInt64(bitPattern: Int64(count)))
        if keepsLog { log.append("\(clock.now) \(what) \(who >> 32).\(who & 0xFFFF_FFFF) \(count)") }
    }
}
