// The whole answer to a stream of bytes is the same however it is cut, delayed or held up; and a beginning of it when clients leave.

import MartletSimulation
import Testing

@testable import Martlet

@Suite struct AnswerTests {
    /// Where the seeds begin, and what is more than at first: silent sends, async handlers.
    struct Extent: Sendable {
        let first: UInt64
        var silentSends = false
        var hasAsync = false

        func with(_ faults: SimulatedFaults) -> SimulatedFaults { silentSends ? faults.ringLike : faults }
    }

    @Test(arguments: [Extent(first: 0), Extent(first: 1000, silentSends: true), Extent(first: 50_000, hasAsync: true),
                      Extent(first: 51_000, silentSends: true, hasAsync: true)])
    func sameAnswersHoweverCut(extent: Extent) throws {
        for seed in simulationSeeds(400, from: extent.first) {
            let run = try ServerRun(seed: seed, faults: extent.with(.lossless), hasAsync: extent.hasAsync)
            run.server.run()
            try expectEndedWell(run.server, "seed \(seed)")
            for (client, expected) in zip(run.network.clients, run.expected) {
                let received = Received.final(client.received)
                let isSame = received == expected
                try #require(isSame, "seed \(seed), client \(client.number): \(difference(received, expected))")
                try #require(client.sawEnd && !client.sawReset, "seed \(seed), client \(client.number)")
            }
        }
    }

    @Test(arguments: [Extent(first: 10_000), Extent(first: 11_000, silentSends: true), Extent(first: 52_000, hasAsync: true),
                      Extent(first: 53_000, silentSends: true, hasAsync: true)])
    func aBeginningOfTheAnswersWhenClientsLeave(extent: Extent) throws {
        for seed in simulationSeeds(400, from: extent.first) {
            let run = try ServerRun(seed: seed, faults: extent.with(.harsh), hasAsync: extent.hasAsync)
            run.server.run()
            try expectEndedWell(run.server, "seed \(seed)")
            for (index, client) in run.network.clients.enumerated() {
                let expected = run.expected[index]
                let isBeginning = Received.isBeginning(client.received, of: expected)
                try #require(
                    isBeginning,
                    "seed \(seed), client \(client.number): \(difference(Received.final(client.received), expected))")
                let isWhole = client.writtenCount == run.streams[index].bytes.count && !client.didReset && !client.sawReset
                let isComplete = Received.final(client.received) == expected && client.sawEnd
                if isWhole { try #require(isComplete, "seed \(seed), client \(client.number)") }
            }
        }
    }

    /// Shared bytes that take several sends, before and behind answers of other kinds.
    @Test func largeSharedAnswersAmongOthers() throws {
        for seed in simulationSeeds(20, from: 70_000) {
            let network = SimulatedNetwork(seed: seed, faults: .lossless.ringLike)
            network.windowBytes = 10_000...300_000
            let paths = ["large/0", "json", "large/0", "large/0", "json"]
            let requests = paths.map { Array("GET /\($0) HTTP/1.1\r\nHost: a\r\n\r\n".utf8) }
            let client = network.add(SimulatedClient([.write(requests.flatMap { $0 }), .finishSending, .awaitEnd]))
            let server = try SimulatedServer(network, SimulatedOptions(), .simulated(highWaterBytes: 1 << 21))
            server.run()
            try expectEndedWell(server, "seed \(seed)")
            let large = AnsweringHandler.largeBytes, head = Array("HTTP/1.1 200 OK\r\nServer: martlet\r\nContent-Length: ".utf8)
            var expected: [UInt8] = []
            let small = Array("{\"message\":\"Hello, World!\"}".utf8)
            for body in [large, small, large, large, small] {
                expected += head + Array("\(body.count)\r\n\r\n".utf8) + body
            }
            let isSame = client.received == expected
            try #require(isSame, "seed \(seed): \(difference(client.received, expected))")
        }
    }

    /// Each stream byte by byte, and cut in two at every place.
    @Test func cutsAtEveryByte() throws {
        for seed in simulationSeeds(12, from: 20_000) {
            var random = SimulatedRandom(seed: seed)
            let stream = RequestStream(&random, faulty: FaultyHeads.all, requestsMax: 3)
            let expected = try ReferenceRun([stream], seed: seed, highWaterBytes: 4096).answers[0]
            try expectSame(stream, expected, [.write(stream.bytes)], bufferBytes: 1, "seed \(seed), byte by byte")
            let step = max(1, stream.bytes.count / 150)
            for cut in stride(from: 1, to: stream.bytes.count, by: step) {
                let script: [SimulatedClient.Step] = [.write(Array(stream.bytes[..<cut])), .pause(60_000_000), .write(Array(stream.bytes[cut...]))]
                try expectSame(stream, expected, script, bufferBytes: 1 << 16, "seed \(seed), cut at \(cut)")
            }
        }
    }

    private func expectSame(
        _ stream: RequestStream, _ expected: [UInt8], _ script: [SimulatedClient.Step], bufferBytes: Int, _ what: String
    ) throws {
        let network = SimulatedNetwork(seed: 1)
        network.windowBytes = 1 << 16...1 << 16
        var options = SimulatedOptions()
        options.receiveBufferBytes = bufferBytes
        let client = network.add(SimulatedClient(script + [.finishSending, .awaitEnd]))
        let server = try SimulatedServer(network, options, .simulated())
        server.run()
        try expectEndedWell(server, what)
        let received = Received.final(client.received)
        let isSame = received == expected
        try #require(isSame, "\(what): \(difference(received, expected))")
    }
}

/// Where two answers part, and what stands there.
func difference(_ received: [UInt8], _ expected: [UInt8]) -> String {
    let same = zip(received, expected).prefix { $0 == $1 }.count
    func around(_ bytes: [UInt8]) -> String {
        String(decoding: bytes[max(0, min(same, bytes.count) - 60)..<min(bytes.count, same + 60)], as: UTF8.self).debugDescription
    }
    return "\(received.count) bytes for \(expected.count), the same until \(same): \(around(received)) for \(around(expected))"
}
