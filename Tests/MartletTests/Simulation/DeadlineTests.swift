// Each deadline, in virtual time: what the client gets, when the connection ends, and what the handler hears.

import MartletEngine
import MartletSimulation
import Testing

@testable import Martlet

@Suite struct DeadlineTests {
    /// One client against a server with short deadlines.
    struct Scene {
        let client: SimulatedClient
        let server: SimulatedServer
        private let network: SimulatedNetwork

        init(
            windowBytes: Int = 65_536, latency: Nanoseconds = 0, _ script: [SimulatedClient.Step], _ configure: (inout Configuration) -> Void
        ) throws {
            let network = SimulatedNetwork(seed: 1)
            self.network = network
            network.keepsLog = true
            network.windowBytes = windowBytes...windowBytes
            network.latencyNanoseconds = latency...latency
            var configuration = Configuration.simulated()
            configure(&configuration)
            client = network.add(SimulatedClient(script + [.awaitEnd, .finishSending]))
            server = try SimulatedServer(network, SimulatedOptions(), configuration)
            server.run()
            try expectEndedWell(server, "a deadline")
        }

        var statuses: [Int] { Received.statuses(client.received) }

        /// When the server ended the connection, in seconds since the start.
        var endSecond: Double {
            for line in network.log where line.contains(" close ") {
                if let time = Double(line.prefix { $0 != " " }) { return (time - 1e12) / 1e9 }
            }
            return 0
        }
    }

    static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    static func drip(_ bytes: [UInt8], every pause: Nanoseconds, count: Int = 1) -> [SimulatedClient.Step] {
        stride(from: 0, to: bytes.count, by: count).flatMap { [.write(Array(bytes[$0..<min($0 + count, bytes.count)])), .pause(pause)] }
    }

    @Test func headThatDoesNotComeGets408() throws {
        let scene = try Scene([.write(Self.bytes("GET / HT"))]) { $0.deadlines.head = 5 }
        #expect(scene.statuses == [408])
        #expect(scene.endSecond > 4.9 && scene.endSecond < 5.5, "\(scene.endSecond)")
    }

    @Test func drippedHeadGets408() throws {
        let scene = try Scene(Self.drip(Self.bytes("GET /json HTTP/1.1\r\nHost: a\r\n\r\n"), every: 1_000_000_000)) {
            $0.deadlines.head = 5
            $0.deadlines.linger = 1
        }
        #expect(scene.statuses == [408])
        #expect(scene.endSecond > 4.9 && scene.endSecond < 6.5, "\(scene.endSecond)")
    }

    @Test(arguments: ["collect", "tally"])
    func bodyThatStallsGets408(route: String) throws {
        let script = Self.bytes("POST /\(route)/0 HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\nfew")
        let scene = try Scene([.write(script)]) { $0.deadlines.bodyWindow = 5 }
        #expect(scene.statuses == [408])
        #expect(scene.endSecond > 4.9 && scene.endSecond < 5.5, "\(scene.endSecond)")
        #expect(scene.server.ledger.reasons == (route == "tally" ? [.timedOut] : []))
        #expect(scene.server.counters.timedOut == 1)
    }

    @Test(arguments: ["collect", "tally", "echo"])
    func slowBodyOfEnoughBytesIsTaken(route: String) throws {
        let head = Self.bytes("POST /\(route)/0 HTTP/1.1\r\nHost: a\r\nContent-Length: 6000\r\nConnection: close\r\n\r\n")
        let body = [UInt8](repeating: 0x61, count: 6000)
        let scene = try Scene([.write(head)] + Self.drip(body, every: 500_000_000, count: 100)) { $0.deadlines.bodyWindow = 5 }
        #expect(scene.statuses == [200])
        #expect(scene.endSecond > 29)
    }

    /// The answer is under way nearly all of the time, also when the window of the body ends.
    @Test func longEchoIsNotCut() throws {
        let head = Self.bytes("POST /echo/0 HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\nConnection: close\r\n\r\n")
        let body = [UInt8](repeating: 0x61, count: 30_000)
        let scene = try Scene(windowBytes: 400, latency: 150_000_000, [.write(head)] + Self.drip(body, every: 100_000_000, count: 100)) {
            $0.deadlines.bodyWindow = 5
            $0.deadlines.write = 20
        }
        #expect(scene.statuses == [200])
        #expect(scene.client.received.suffix(30_000).allSatisfy { $0 == 0x61 } && scene.client.received.count > 30_000)
    }

    /// Whoever sends a body and does not read the answer is cut, though the handler has paused the body.
    @Test(arguments: [5.0, 0.0]) func echoThatIsNotReadIsCut(bodyWindow: Double) throws {
        let head = Self.bytes("POST /echo/0 HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n")
        let scene = try Scene(windowBytes: 1000, [.stopReading, .write(head + [UInt8](repeating: 0x61, count: 30_000)), .awaitEnd, .reset]) {
            $0.deadlines.bodyWindow = bodyWindow
            $0.deadlines.write = 5
        }
        #expect(scene.server.ledger.reasons == [.timedOut])
        #expect(scene.endSecond > 4.9 && scene.endSecond < 16, "\(scene.endSecond)")
    }

    /// Without a window a body may take any time, whatever the limit for writing is.
    @Test(arguments: ["collect", "tally", "echo"])
    func bodyWithoutAWindowMayBeSlow(route: String) throws {
        let head = Self.bytes("POST /\(route)/0 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\n")
        let scene = try Scene([.write(head)] + Self.drip(Self.bytes("hello"), every: 30_000_000_000)) { $0.deadlines.write = 5 }
        #expect(scene.statuses == [200] && scene.endSecond > 100)
    }

    /// The second request of a connection has its own time for its body, however late in the window of the first one's it begins.
    @Test func eachBodyHasItsOwnWindow() throws {
        let head = Self.bytes("POST /collect/0 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
        let second = Self.bytes("oPOST /collect/0 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhel")
        let scene = try Scene([.write(head + Self.bytes("hell")), .pause(4_500_000_000), .write(second), .pause(1_500_000_000), .write(Self.bytes("lo"))]) {
            $0.deadlines.bodyWindow = 5
        }
        #expect(scene.statuses == [200, 200])
    }

    @Test(arguments: [2.0, 20.0])
    func idleConnectionIsClosed(keepAlive: Double) throws {
        let scene = try Scene([.write(Self.bytes("GET /json HTTP/1.1\r\nHost: a\r\n\r\n"))]) {
            $0.deadlines.keepAlive = keepAlive
            $0.deadlines.head = 7
            $0.deadlines.write = 11
        }
        #expect(scene.statuses == [200])
        #expect(scene.endSecond > keepAlive - 0.1 && scene.endSecond < keepAlive + 0.5, "\(scene.endSecond)")
    }

    @Test(arguments: ["shared/0", "large/0", "file/0", "stream/30000", "trickle/30000", "ticket/30000"])
    func answerThatIsNotReadIsCut(path: String) throws {
        let request = Self.bytes("GET /\(path) HTTP/1.1\r\nHost: a\r\n\r\n")
        let scene = try Scene(windowBytes: 1000, [.stopReading, .write(request), .pause(100_000_000_000), .reset]) { $0.deadlines.write = 5 }
        #expect(scene.endSecond > 4.9 && scene.endSecond < 11, "\(scene.endSecond)")
        #expect(scene.server.counters.timedOut == 1)
    }

    /// Slow but steady: some 50 kB/s, so that the whole answer takes longer than the deadline, but no send does.
    @Test func aLargeSharedAnswerIsNotCutWhileItMoves() throws {
        let request = Self.bytes("GET /large/0 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        let scene = try Scene(windowBytes: 20_000, latency: 200_000_000, [.write(request)]) { $0.deadlines.write = 7 }
        #expect(scene.endSecond > 10, "\(scene.endSecond)")
        #expect(scene.client.received.suffix(600_000).elementsEqual(AnsweringHandler.largeBytes) && scene.server.counters.timedOut == 0)
    }

    /// What the handler goes on to write does not prolong the time of what the client does not take.
    @Test func aDrippedAnswerThatIsNotReadIsCut() throws {
        let request = Self.bytes("GET /drip/60 HTTP/1.1\r\nHost: a\r\n\r\n")
        let scene = try Scene(windowBytes: 1000, [.stopReading, .write(request), .pause(100_000_000_000), .reset]) {
            $0.deadlines.write = 5
            $0.outputHighWaterBytes = 1 << 20
        }
        #expect(scene.endSecond > 4.9 && scene.endSecond < 12, "\(scene.endSecond)")
        #expect(scene.server.ledger.reasons == [.timedOut])
    }

    /// The client reads for a while and then no more: what is written after that from another turn is timed as well.
    @Test func streamThatIsNoLongerReadIsCut() throws {
        let request = Self.bytes("GET /stream/30000 HTTP/1.1\r\nHost: a\r\n\r\n")
        let scene = try Scene(windowBytes: 1000, [.write(request), .awaitBytes(9000), .stopReading, .pause(100_000_000_000), .reset]) {
            $0.deadlines.write = 5
        }
        #expect(scene.endSecond > 4.9 && scene.endSecond < 11, "\(scene.endSecond)")
        #expect(scene.server.ledger.reasons == [.timedOut])
    }

    /// Silence of the handler is not the client's stall.
    @Test func quietStreamIsNotCut() throws {
        let request = Self.bytes("GET /pauses/60000 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        let scene = try Scene(windowBytes: 500, latency: 1_000_000, [.write(request)]) { $0.deadlines.write = 5 }
        #expect(scene.statuses == [200] && scene.client.received.suffix(5) == Self.bytes("0\r\n\r\n")[...])
        #expect(scene.server.counters.timedOut == 0)
    }

    @Test func handlerThatDoesNotAnswerGives503() throws {
        let scene = try Scene([.write(Self.bytes("GET /never/0 HTTP/1.1\r\nHost: a\r\n\r\n"))]) { $0.deadlines.handler = 2 }
        #expect(scene.statuses == [503])
        #expect(scene.endSecond > 1.9 && scene.endSecond < 2.5, "\(scene.endSecond)")
        #expect(scene.server.ledger.reasons == [.timedOut])
    }

    /// One span for all of a stream, however steadily it comes.
    @Test func aStreamHasOneTimeForTheHandler() throws {
        let scene = try Scene([.write(Self.bytes("GET /drip/30 HTTP/1.1\r\nHost: a\r\n\r\n"))]) { $0.deadlines.handler = 5 }
        #expect(scene.statuses == [200])
        #expect(scene.endSecond > 4.9 && scene.endSecond < 5.5, "\(scene.endSecond)")
        #expect(scene.server.ledger.reasons == [.timedOut])
        let inTime = try Scene([.write(Self.bytes("GET /drip/4 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))]) { $0.deadlines.handler = 5 }
        #expect(inTime.server.ledger.reasons == [.complete])
    }

    /// The client takes the answer slowly: the time in which the handler may not write is not the handler's.
    @Test func aSlowClientIsNotTheHandlersFault() throws {
        let request = Self.bytes("GET /stream/40000 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        let scene = try Scene(windowBytes: 1000, latency: 200_000_000, [.write(request)]) { $0.deadlines.handler = 2 }
        #expect(scene.statuses == [200] && scene.server.ledger.reasons == [.complete])
        #expect(scene.endSecond > 8, "\(scene.endSecond)")
    }

    /// Nor is a body that comes slowly.
    @Test(arguments: ["tally", "echo"])
    func aSlowBodyIsNotTheHandlersFault(route: String) throws {
        let head = Self.bytes("POST /\(route)/0 HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\nConnection: close\r\n\r\n")
        let scene = try Scene([.write(head)] + Self.drip([UInt8](repeating: 0x61, count: 20), every: 500_000_000)) { $0.deadlines.handler = 2 }
        #expect(scene.statuses == [200] && scene.server.ledger.reasons == [.complete])
        #expect(scene.endSecond > 8, "\(scene.endSecond)")
    }

    /// Idle time after an answer in time is nobody's fault.
    @Test func theTimeOfAHandlerEndsWithItsAnswer() throws {
        let request = "GET /late/1000 HTTP/1.1\r\nHost: a\r\n"
        let scene = try Scene([
            .write(Self.bytes("\(request)\r\n")), .pause(4_000_000_000), .write(Self.bytes("GET /la")), .pause(4_000_000_000),
            .write(Self.bytes("te/1000 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")),
        ]) { $0.deadlines.handler = 2 }
        #expect(scene.statuses == [200, 200])
    }

    /// Each of several pipelined requests has the whole time of the handler.
    @Test func eachRequestHasItsOwnTime() throws {
        let request = "GET /late/1500 HTTP/1.1\r\nHost: a\r\n"
        let scene = try Scene([.write(Self.bytes("\(request)\r\n\(request)\r\n\(request)Connection: close\r\n\r\n"))]) { $0.deadlines.handler = 2 }
        #expect(scene.statuses == [200, 200, 200])
        let never = try Scene([.write(Self.bytes("\(request)\r\nGET /never/0 HTTP/1.1\r\nHost: a\r\n\r\n"))]) { $0.deadlines.handler = 2 }
        #expect(never.statuses == [200, 503])
        #expect(never.endSecond > 3.4 && never.endSecond < 4, "\(never.endSecond)")
    }

    /// Without a limit for the handler a short limit for writing does not become one.
    @Test func lateAnswerBehindAnotherIsNotCut() throws {
        let request = "GET /late/20000 HTTP/1.1\r\nHost: a\r\n"
        let scene = try Scene([.write(Self.bytes("\(request)\r\n\(request)Connection: close\r\n\r\n"))]) { $0.deadlines.write = 5 }
        #expect(scene.statuses == [200, 200])
    }
}
