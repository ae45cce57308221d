// One simulated run of a server: clients with streams of requests, and what must hold when all is over.

import Glibc
import MartletEngine
import MartletSimulation
import Testing

@testable import Martlet

/// The answers that streams get when nothing cuts, delays or loses a byte.
struct ReferenceRun {
    let answers: [[UInt8]]

    init(_ streams: [RequestStream], seed: UInt64, highWaterBytes: Int) throws {
        let network = SimulatedNetwork(seed: seed)
        network.windowBytes = 1 << 20...1 << 20
        network.latencyNanoseconds = 0...0
        var options = SimulatedOptions()
        options.receiveBufferBytes = 1 << 20
        for stream in streams { network.add(SimulatedClient([.write(stream.bytes), .finishSending, .awaitEnd])) }
        let server = try SimulatedServer(network, options, .simulated(highWaterBytes: highWaterBytes))
        server.run()
        try expectEndedWell(server, "seed \(seed), uncut")
        answers = network.clients.map { Received.final($0.received) }
        for (stream, answer) in zip(streams, answers) {
            let statuses = Received.statuses(answer)
            try #require(statuses.starts(with: stream.statuses), "seed \(seed), uncut: \(statuses) for \(stream.statuses)")
            try #require(stream.endsInFault || statuses.count == stream.statuses.count, "seed \(seed), uncut: an answer too many")
        }
        try #require(network.clients.allSatisfy { $0.sawEnd && !$0.sawReset }, "seed \(seed), uncut")
    }
}

/// Whatever the network did: everything was given back, and everybody was told.
func expectEndedWell(_ server: SimulatedServer, _ what: String) throws {
    let counters = server.counters
    try #require(!server.hung, "\(what): a connection neither lives nor dies")
    try #require(server.ledger.violations == [], "\(what)")
    try #require(server.ledger.liveCount == 0, "\(what): an exchange did not hear of its end")
    try #require(counters.open == 0 && counters.inFlight == 0, "\(what): open \(counters.open), in flight \(counters.inFlight)")
    try #require(server.lentCount == 0 && server.openCount == 0, "\(what): a receive buffer or a socket was left")
    try #require(server.bytesLent == 0, "\(what): blocks were not given back")
}

/// The seeds that once failed, then as many new ones as are asked for (`MARTLET_SIMULATION_SEEDS`).
func simulationSeeds(_ count: UInt64, from first: UInt64 = 0) -> [UInt64] {
    let wanted = unsafe getenv("MARTLET_SIMULATION_SEEDS").flatMap { unsafe UInt64(String(cString: $0)) }
    return SimulationSeeds.from(corpus: FaultyHeads.seeds, then: first..<first + (wanted ?? count))
}

/// Several clients at once on one core, with faults.
struct ServerRun {
    let network: SimulatedNetwork
    let server: SimulatedServer
    let streams: [RequestStream]
    let expected: [[UInt8]]

    init(seed: UInt64, faults: SimulatedFaults, requestsMax: Int = 20, hasAsync: Bool = false) throws {
        let network = SimulatedNetwork(seed: seed, faults: faults)
        self.network = network
        let highWaterBytes = network.random.pick(200...20_000)
        streams = (0..<network.random.pick(1...4)).map { _ in
            RequestStream(&network.random, faulty: FaultyHeads.all, requestsMax: requestsMax, hasAsync: hasAsync)
        }
        expected = try ReferenceRun(streams, seed: seed, highWaterBytes: highWaterBytes).answers
        network.windowBytes = network.random.pick(1...200)...65_536
        var options = SimulatedOptions()
        options.receiveBufferCount = network.random.pick(1...8)
        options.receiveBufferBytes = network.random.chance(100) ? network.random.pick(1...8) : network.random.pick(16...4096)
        for (stream, answer) in zip(streams, expected) {
            network.add(Self.client(stream, answer, &network.random), after: network.random.nanoseconds(0...5_000_000))
        }
        server = try SimulatedServer(network, options, .simulated(highWaterBytes: highWaterBytes))
    }

    private static func client(_ stream: RequestStream, _ answer: [UInt8], _ random: inout SimulatedRandom) -> SimulatedClient {
        var script: [SimulatedClient.Step] = []
        var rest = stream.bytes[...]
        for _ in 0..<random.pick(0...3) {
            let count = random.pick(0...rest.count)
            script += [.write(Array(rest.prefix(count))), .pause(random.nanoseconds(0...100_000_000))]
            rest = rest.dropFirst(count)
            if random.chance(200) { script += [.stopReading, .pause(random.nanoseconds(0...500_000_000)), .startReading] }
        }
        script.append(.write(Array(rest)))
        // One says that it sends no more and waits for the rest; the other leaves when it has all.
        let saysEnd = answer.isEmpty || random.chance(500)
        if saysEnd { script.append(.finishSending) }
        let client = SimulatedClient(script + [.awaitEnd, .finishSending])
        if !saysEnd {
            client.onReceive = { client in
                if client.received.count >= answer.count, Received.final(client.received).count >= answer.count { client.finishSending() }
            }
        }
        return client
    }
}
