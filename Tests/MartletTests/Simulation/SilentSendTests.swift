// The end of a send that nobody waits for is told late: whatever does depend on it must say so, or it waits for the next thing that happens to happen.

import MartletEngine
import MartletSimulation
import Testing

@testable import Martlet

@Suite struct SilentSendTests {
    /// Longer than anything here takes by itself, shorter than the time after which an idle core looks at its connections anyway.
    static let nanosecondsMax: Nanoseconds = 5_000_000_000

    /// Requests that arrive exactly one by one in the same turn: each answer but the first finds a silent send under way.
    @Test func answersDoNotWaitForWhatComesNext() throws {
        var sendsMost: UInt64 = 0
        for seed in simulationSeeds(400, from: 60_000) {
            let network = SimulatedNetwork(seed: seed, faults: SimulatedFaults.none.ringLike)
            network.latencyNanoseconds = 0...1000
            network.windowBytes = network.random.pick(1...100)...65_536
            let routes = ["whole", "json", "stream", "ticket", "shared", "file", "async-whole", "async-stream", "none"]
            let requests = (0..<network.random.pick(2...6)).map { _ in
                Self.request("/\(routes[network.random.pick(0...routes.count - 1)])/\(network.random.pick(1000...9999))")
            }
            var options = SimulatedOptions()
            options.receiveBufferBytes = Self.requestBytes
            let client = network.add(SimulatedClient([.write(requests.flatMap { $0 }), .awaitEnd, .finishSending]))
            let start = network.clock.now
            var end = start
            client.onReceive = { _ in end = network.clock.now }
            let server = try SimulatedServer(network, options, .simulated(highWaterBytes: network.random.pick(200...20_000)))
            // It ends in a drain, so that no word of the client's ends a wait.
            server.plan(after: 2 * Self.nanosecondsMax) { server.control.askToDrain() }
            server.run(stopsWhenDone: false)
            server.deliverWhatIsUnderWay()
            try expectEndedWell(server, "seed \(seed)")
            try #require(Received.statuses(client.received).count == requests.count, "seed \(seed)")
            try #require(end - start < Self.nanosecondsMax, "seed \(seed): an answer took \((end - start) / 1_000_000_000) s")
            sendsMost = max(sendsMost, server.counters.answers[2])
        }
        #expect(sendsMost >= 5)
    }

    /// All of one length, so that each fills a receive buffer.
    private static let requestBytes = 60

    private static func request(_ path: String) -> [UInt8] {
        let text = "GET \(path) HTTP/1.1\r\nHost: "
        return Array((text + String(repeating: "a", count: requestBytes - text.utf8.count - 4) + "\r\n\r\n").utf8)
    }
}
