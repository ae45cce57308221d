// The simulation itself: a run is its seed, no byte is lost that no fault takes, and an echo survives everything.

import MartletEngine
import MartletSimulation
import Testing

/// The repository's corpus, from this file's place in it.
let corpusPath = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/") + "/corpus/simulation/seeds.txt"

/// What one run of the echo showed.
struct EchoRun {
    let network: SimulatedNetwork
    var turnCount = 0
    var isQuiescent = false
    var lentCount = 0
    var openCount = 0
    var acceptedCount = 0
    var closedCount = 0

    static let turnsMax = 100_000

    init(seed: UInt64, faults: SimulatedFaults, keepsLog: Bool = false) {
        network = SimulatedNetwork(seed: seed, faults: faults)
        network.keepsLog = keepsLog
        for number in 0..<network.random.pick(1...6) {
            network.add(Self.client(number, &network.random), after: network.random.nanoseconds(0...5_000_000))
        }
        var options = SimulatedOptions()
        options.receiveBufferCount = network.random.pick(1...8)
        options.receiveBufferBytes = network.random.pick(1...4096)
        var owner = EchoOwner(SimulatedEngine(network, options))
        while !owner.engine.isQuiescent, turnCount < Self.turnsMax {
            owner.turn()
            turnCount += 1
        }
        isQuiescent = owner.engine.isQuiescent
        lentCount = owner.engine.lentCount
        openCount = owner.engine.openCount
        acceptedCount = owner.acceptedCount
        closedCount = owner.closedCount
    }

    static func message(_ number: Int, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 ^ $0 >> 7 ^ number) }
    }

    private static func client(_ number: Int, _ random: inout SimulatedRandom) -> SimulatedClient {
        let bytes = message(number, random.pick(0...3000))
        let cut = random.pick(0...bytes.count)
        var script: [SimulatedClient.Step] = [.write(Array(bytes[..<cut]))]
        switch random.pick(0...4) {
        case 0: script += [.awaitBytes(cut)]
        case 1: script += [.pause(random.nanoseconds(0...2_000_000_000))]
        case 2: script += [.stopReading, .pause(random.nanoseconds(0...2_000_000_000)), .startReading]
        default: break
        }
        script += [.write(Array(bytes[cut...])), .finishSending, .awaitEnd]
        return SimulatedClient(script)
    }
}

@Suite struct SimulationTests {
    @Test func aSeedIsARun() {
        for seed in 0..<20 as Range<UInt64> {
            let first = EchoRun(seed: seed, faults: .harsh, keepsLog: true)
            let second = EchoRun(seed: seed, faults: .harsh, keepsLog: true)
            #expect(first.network.digest == second.network.digest, "seed \(seed)")
            #expect(first.network.log == second.network.log, "seed \(seed)")
        }
        #expect(EchoRun(seed: 1, faults: .harsh).network.digest != EchoRun(seed: 2, faults: .harsh).network.digest)
    }

    @Test func everyByteComesBack() throws {
        for seed in SimulationSeeds.from(corpus: corpusPath, then: 0..<2000) {
            let run = EchoRun(seed: seed, faults: .lossless)
            try expectEndedWell(run)
            for client in run.network.clients {
                try #require(client.sawEnd && !client.sawReset, "seed \(seed), client \(client.number)")
                try #require(client.received == EchoRun.message(client.number, client.writtenCount), "seed \(seed), client \(client.number)")
            }
        }
    }

    @Test func everyByteComesBackInOrderOrNotAtAll() throws {
        var resets = 0, halfCloses = 0
        for seed in SimulationSeeds.from(corpus: corpusPath, then: 0..<2000) {
            let run = EchoRun(seed: seed, faults: .harsh)
            try expectEndedWell(run)
            for client in run.network.clients {
                let whole = EchoRun.message(client.number, client.writtenCount)
                try #require(client.received.count <= whole.count, "seed \(seed), client \(client.number)")
                try #require(client.received[...] == whole[..<client.received.count], "seed \(seed), client \(client.number)")
                // Whoever only stopped sending gets all that it sent.
                if !client.didReset, !client.sawReset { try #require(client.received == whole && client.sawEnd, "seed \(seed), client \(client.number)") }
                if client.didReset { resets += 1 }
                if client.didFinishSending { halfCloses += 1 }
            }
        }
        #expect(resets > 100 && halfCloses > 100, "the faults happen")
    }

    @Test func withoutFaultsNothingIsOdd() throws {
        for seed in 0..<50 as Range<UInt64> {
            let run = EchoRun(seed: seed, faults: .none)
            try expectEndedWell(run)
            #expect(run.network.clients.allSatisfy { $0.sawEnd && !$0.sawReset })
        }
    }

    private func expectEndedWell(_ run: EchoRun) throws {
        let seed = run.network.seed
        try #require(run.isQuiescent, "seed \(seed): nothing can happen any more, or the run never ends")
        try #require(run.network.isFinished, "seed \(seed): a client still waits")
        try #require(run.lentCount == 0 && run.openCount == 0, "seed \(seed): something was left open")
        try #require(run.acceptedCount == run.network.clients.count && run.closedCount == run.acceptedCount, "seed \(seed)")
    }
}
