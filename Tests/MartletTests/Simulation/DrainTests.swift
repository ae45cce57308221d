// A drain at any moment loses no request that was accepted, and the loop ends by itself.

import MartletEngine
import MartletSimulation
import Testing

@testable import Martlet

@Suite struct DrainTests {
    @Test(arguments: [false, true])
    func everyRequestInHandIsAnswered(silentSends: Bool) throws {
        for seed in simulationSeeds(400, from: silentSends ? 31_000 : 30_000) {
            let run = try ServerRun(seed: seed, faults: silentSends ? .lossless.ringLike : .lossless)
            let moment = run.network.random.nanoseconds(0...600_000_000)
            run.server.plan(after: moment) { run.server.control.askToDrain() }
            run.server.run(stopsWhenDone: false)
            run.server.deliverWhatIsUnderWay()
            try expectEndedWell(run.server, "seed \(seed)")
            try #require(run.server.counters.cut == 0, "seed \(seed): something was cut before the bound")
            for (client, answers) in zip(run.network.clients, run.expected) {
                let received = Self.persistent(Received.final(client.received)), expected = Self.persistent(answers)
                let isBeginning = Received.isBeginning(received, of: expected)
                try #require(isBeginning, "seed \(seed), client \(client.number): \(difference(received, expected))")
                // Bytes that come after the end are answered with a reset, which may destroy what the client has not read.
                let isWhole = received.count == expected.count || Received.starts(expected).contains(received.count)
                try #require(isWhole || client.sawReset, "seed \(seed), client \(client.number): an answer ends in its middle")
            }
        }
    }

    /// Without what an answer says of its connection: in a drain it ends earlier.
    private static func persistent(_ bytes: [UInt8]) -> [UInt8] {
        Received.without(Array("Connection: keep-alive\r\n".utf8), Received.without(Array("Connection: close\r\n".utf8), bytes))
    }

    @Test func theBoundCutsWhatIsLeft() throws {
        let (server, seconds) = try drain("GET /never/0 HTTP/1.1\r\nHost: a\r\n\r\n", bound: 3)
        #expect(server.ledger.reasons == [.cut])
        #expect(seconds > 2.9 && seconds < 3.5, "\(seconds)")
    }

    @Test func aRequestInHandIsWaitedFor() throws {
        let (server, seconds) = try drain("GET /late/5000 HTTP/1.1\r\nHost: a\r\n\r\n", bound: 30)
        #expect(server.ledger.reasons == [.complete])
        #expect(seconds > 4 && seconds < 7, "\(seconds)")
        #expect(Received.statuses(server.network.clients[0].received) == [200])
    }

    /// Its head said that the connection goes on; when it ends after the grace, the connection is idle and ends too.
    @Test func aStreamThatBeganBeforeIsWaitedFor() throws {
        let (server, seconds) = try drain("GET /pauses/5000 HTTP/1.1\r\nHost: a\r\n\r\n", bound: 30)
        #expect(server.ledger.reasons == [.complete])
        #expect(seconds > 4 && seconds < 7, "\(seconds)")
    }

    @Test func idleConnectionsEndWithTheGrace() throws {
        let (_, seconds) = try drain("GET /json HTTP/1.1\r\nHost: a\r\n\r\n", bound: 30)
        #expect(seconds > 0.9 && seconds < 2, "\(seconds)")
    }

    /// Drains some milliseconds after the request came; says how many seconds the drain took.
    private func drain(_ request: String, bound: Double) throws -> (SimulatedServer, Double) {
        let network = SimulatedNetwork(seed: 1)
        network.windowBytes = 65_536...65_536
        network.latencyNanoseconds = 0...0
        var configuration = Configuration.simulated()
        configuration.drainTimeout = bound
        network.add(SimulatedClient([.write(Array(request.utf8)), .awaitEnd, .finishSending]))
        let server = try SimulatedServer(network, SimulatedOptions(), configuration)
        server.plan(after: 100_000_000) { server.control.askToDrain() }
        let start = network.clock.now
        server.run(stopsWhenDone: false)
        try expectEndedWell(server, "a drain")
        return (server, Double(network.clock.now - start) / 1e9)
    }
}
