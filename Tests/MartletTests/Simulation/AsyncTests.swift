// Async handlers in virtual time: pieces both ways, back-pressure, the peer's leaving, faults of the application.

import Glibc
import MartletEngine
import MartletHTTP
import MartletSimulation
import Testing

@testable import Martlet

/// What an async handler saw; everything happens on the test's own thread.
@safe private final class Seen: @unchecked Sendable {
    var pieces: [[UInt8]] = []
    var failure: ExchangeEnded?
    var wasCancelled = false
    var bytesReceivedWhenAsked: UInt64 = 0
    var hasReturned = false
    var log: [String] = []
}

private struct ClosureHandler: AsyncHandler {
    let handling: BodyHandling
    let answer: (borrowing AsyncRequest, consuming AsyncResponseWriter) async throws -> Void

    func bodyHandling(for request: borrowing Request) -> BodyHandling? { handling }

    func respond(to request: borrowing AsyncRequest, with writer: consuming AsyncResponseWriter) async throws {
        try await answer(request, writer)
    }
}

@Suite struct AsyncTests {
    /// One client against one async handler.
    private struct Scene {
        let client: SimulatedClient
        let server: SimulatedServer

        init(
            _ script: [SimulatedClient.Step], windowBytes: Int = 65_536, faults: SimulatedFaults = .none, handling: BodyHandling = .streamed,
            _ configure: (inout Configuration) -> Void = { _ in },
            answer: @escaping (SimulatedServer, borrowing AsyncRequest, consuming AsyncResponseWriter) async throws -> Void
        ) throws {
            let network = SimulatedNetwork(seed: 1, faults: faults)
            network.windowBytes = windowBytes...windowBytes
            var configuration = Configuration.simulated()
            configure(&configuration)
            client = network.add(SimulatedClient(script + [.awaitEnd, .finishSending]))
            let server = try SimulatedServer(network, SimulatedOptions(), configuration)
            self.server = server
            server.run { executor in
                AsyncResponder(ClosureHandler(handling: handling) { [unowned server] in try await answer(server, $0, $1) }, on: executor)
            }
            try expectEndedWell(server, "an async handler")
        }

        var statuses: [Int] { Received.statuses(client.received) }
    }

    static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    static func post(_ count: Int, _ fields: String = "") -> [UInt8] {
        bytes("POST /a HTTP/1.1\r\nHost: a\r\n\(fields)Content-Length: \(count)\r\n\r\n")
    }

    /// Some virtual milliseconds, on the core's own thread.
    private static func sleep(_ server: SimulatedServer, _ nanoseconds: Nanoseconds) async {
        await unsafe withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            server.plan(after: nanoseconds) { unsafe continuation.resume() }
        }
    }

    @Test func piecesComeInOrderAndEnd() throws {
        let seen = Seen()
        let body = AnsweringHandler.letters
        let scene = try Scene([.write(Self.post(body.count) + body), .finishSending], windowBytes: 900, faults: .lossless) { _, request, writer in
            for try await piece in request.body { seen.pieces.append(piece) }
            writer.send(body: "done")
        }
        #expect(scene.statuses == [200])
        #expect(seen.pieces.count > 10 && seen.pieces.flatMap { $0 } == body)
    }

    @Test(arguments: [BodyHandling.whole(bytesMax: 1000), .streamed])
    func aSmallBodyIsOnePiece(handling: BodyHandling) throws {
        let seen = Seen()
        let scene = try Scene([.write(Self.post(5) + Self.bytes("hello")), .finishSending], handling: handling) { _, request, writer in
            for try await piece in request.body { seen.pieces.append(piece) }
            for try await piece in request.body { seen.pieces.append(piece) }
            writer.send(body: request.wholeBody)
        }
        #expect(scene.statuses == [200])
        #expect(seen.pieces == [Self.bytes("hello")])
        if case .whole = handling { #expect(scene.client.received.suffix(5) == Self.bytes("hello")[...]) }
    }

    @Test func aRequestWithoutABodyHasNoPieces() throws {
        let seen = Seen()
        let scene = try Scene([.write(Self.bytes("GET / HTTP/1.1\r\nHost: a\r\n\r\n")), .finishSending]) { _, request, writer in
            for try await piece in request.body { seen.pieces.append(piece) }
            writer.send(.noContent, body: StaticString(""))
        }
        #expect(scene.statuses == [204] && seen.pieces.isEmpty)
    }

    /// A handler that does not read stops the client, and the body is whole when it reads after all.
    @Test func whatIsNotReadIsNotReceived() throws {
        let seen = Seen()
        let count = 2_000_000
        let script: [SimulatedClient.Step] = [.write(Self.post(count)), .write([UInt8](repeating: 0x61, count: count)), .finishSending]
        let scene = try Scene(script, { $0.limits.bodyBytesMax = 1 << 30 }) { server, request, writer in
            await Self.sleep(server, 20_000_000_000)
            seen.bytesReceivedWhenAsked = server.counters.bytesReceived
            var sum = 0
            for try await piece in request.body { sum += piece.count }
            writer.send(body: "\(sum)".utf8.span)
        }
        // What lies unread, and what the kernel had delivered already: its receive buffers.
        let options = SimulatedOptions()
        let most = IncomingBody.unreadBytesMax + options.receiveBufferCount * options.receiveBufferBytes
        #expect(seen.bytesReceivedWhenAsked > 0 && seen.bytesReceivedWhenAsked < UInt64(most), "\(seen.bytesReceivedWhenAsked)")
        #expect(scene.statuses == [200])
        #expect(scene.client.received.suffix(7) == Self.bytes("2000000")[...])
    }

    /// The client is asked for its body when the handler reads, and not before.
    @Test(arguments: [true, false])
    func continueIsSentWithTheFirstRead(reads: Bool) throws {
        let script: [SimulatedClient.Step] = reads
            ? [.write(Self.post(5, "Expect: 100-continue\r\n")), .awaitBytes(Received.interim.count), .write(Self.bytes("hello")), .finishSending]
            : [.write(Self.post(5, "Expect: 100-continue\r\n"))]
        let scene = try Scene(script) { server, request, writer in
            await Self.sleep(server, 1_000_000_000)
            #expect(server.network.clients[0].received.isEmpty)
            if !reads { return writer.send(.forbidden, body: "No.\n") }
            var body: [UInt8] = []
            for try await piece in request.body { body += piece }
            writer.send(body: body.span)
        }
        #expect(scene.statuses == (reads ? [100, 200] : [403]))
    }

    @Test func writeWaitsForTheClient() throws {
        let seen = Seen()
        let script: [SimulatedClient.Step] = [
            .stopReading, .write(Self.bytes("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")), .pause(10_000_000_000), .startReading,
        ]
        let scene = try Scene(script, windowBytes: 1000) { server, _, writer in
            let answer = writer.stream(length: 1_000_000)
            let start = server.network.clock.now
            for _ in 0..<1000 {
                try await answer.write([UInt8](repeating: 0x61, count: 1000))
                // The high-water mark, a piece above it, and what its blocks round up to.
                #expect(server.bytesLent < 4096 + 1000 + 40_000)
            }
            #expect(server.network.clock.now - start > 9_000_000_000)
            answer.finish()
            seen.hasReturned = true
        }
        #expect(scene.statuses == [200] && seen.hasReturned)
        #expect(scene.client.received.count > 1_000_000)
    }

    // MARK: Ends that are not the handler's

    @Test func aClientThatLeavesEndsTheReadAndTheTask() throws {
        let seen = Seen()
        let scene = try Scene([.write(Self.post(5000) + Self.bytes("few")), .pause(1_000_000_000), .reset]) { _, request, writer in
            do throws(ExchangeEnded) {
                var pieces = request.body.makeAsyncIterator()
                while let piece = try await pieces.next() { seen.pieces.append(piece) }
            } catch {
                seen.failure = error
            }
            seen.wasCancelled = Task.isCancelled
            writer.send(body: "nobody hears this")
        }
        #expect(seen.pieces == [Self.bytes("few")])
        #expect(seen.failure == ExchangeEnded(reason: .peerLeft) && seen.wasCancelled)
        #expect(scene.client.received.isEmpty)
    }

    /// Also a handler that waits for something else hears of it.
    @Test func aClientThatLeavesCancelsWhatTheHandlerDoes() throws {
        let seen = Seen()
        let scene = try Scene([.write(Self.post(5000)), .pause(1_000_000_000), .reset]) { _, _, writer in
            let waiting = Waiting()
            await withTaskCancellationHandler { await waiting.wait() } onCancel: { waiting.end() }
            seen.wasCancelled = Task.isCancelled
            writer.send(body: "nobody hears this")
        }
        #expect(seen.wasCancelled && scene.client.received.isEmpty)
    }

    @Test func aClientThatLeavesEndsTheWrite() throws {
        let seen = Seen()
        let script: [SimulatedClient.Step] = [
            .write(Self.bytes("GET / HTTP/1.1\r\nHost: a\r\n\r\n")), .awaitBytes(5000), .stopReading, .pause(1_000_000_000), .reset,
        ]
        _ = try Scene(script, windowBytes: 1000) { _, _, writer in
            let answer = writer.stream()
            do throws(ExchangeEnded) {
                while true { try await answer.write([UInt8](repeating: 0x61, count: 1000)) }
            } catch {
                seen.failure = error
            }
            seen.wasCancelled = Task.isCancelled
        }
        #expect(seen.failure == ExchangeEnded(reason: .peerLeft) && seen.wasCancelled)
    }

    /// A handler that neither answers nor reads has its time, too, though the body is not whole.
    @Test func aHandlerThatTakesTooLongIsCancelled() throws {
        let seen = Seen()
        let script: [SimulatedClient.Step] = [.write(Self.post(500_000)), .write([UInt8](repeating: 0x61, count: 500_000))]
        let scene = try Scene(script, { $0.deadlines.handler = 3 }) { server, request, writer in
            let waiting = Waiting()
            await withTaskCancellationHandler { await waiting.wait() } onCancel: { waiting.end() }
            #expect(server.network.clock.now < 1_000_000_000_000 + 4_000_000_000)
            do throws(ExchangeEnded) {
                var pieces = request.body.makeAsyncIterator()
                while try await pieces.next() != nil {}
            } catch {
                seen.failure = error
            }
            seen.wasCancelled = Task.isCancelled
            writer.send(body: "too late")
        }
        #expect(scene.statuses == [503])
        #expect(seen.failure == ExchangeEnded(reason: .timedOut) && seen.wasCancelled)
    }

    /// A task that was cancelled answers no further request; others take its place.
    @Test func requestsAfterACancelledOneAreNotCancelled() throws {
        let network = SimulatedNetwork(seed: 1)
        var configuration = Configuration.simulated()
        configuration.connectionsMax = 8
        for index in 0..<6 {
            let leaves = index % 2 == 0
            network.add(
                SimulatedClient(
                    leaves
                        ? [.write(Self.post(5000)), .pause(1_000_000_000), .reset]
                        : [.write(Self.post(5)), .pause(500_000_000), .write(Self.bytes("hello")), .finishSending, .awaitEnd]),
                after: Nanoseconds(index) * 3_000_000_000)
        }
        let server = try SimulatedServer(network, SimulatedOptions(), configuration)
        let handler = ClosureHandler(handling: .streamed) { request, writer in
            #expect(!Task.isCancelled)
            var count = 0
            for try await piece in request.body { count += piece.count }
            writer.send(body: "\(count)".utf8.span)
        }
        // Two at most: a task that was lost would be missed.
        server.run { AsyncResponder(handler, on: $0, tasksMax: 2) }
        try expectEndedWell(server, "cancelled requests")
        for (index, client) in network.clients.enumerated() { #expect(Received.statuses(client.received) == (index % 2 == 0 ? [] : [200])) }
    }

    @Test func tooManyRequestsAtOnceAreRefused() throws {
        let network = SimulatedNetwork(seed: 1)
        for _ in 0..<5 { network.add(SimulatedClient([.write(Self.post(5)), .pause(1_000_000_000), .write(Self.bytes("hello")), .finishSending, .awaitEnd])) }
        let server = try SimulatedServer(network, SimulatedOptions(), .simulated())
        let handler = ClosureHandler(handling: .streamed) { request, writer in
            for try await _ in request.body {}
            writer.send(body: "done")
        }
        server.run { AsyncResponder(handler, on: $0, tasksMax: 3) }
        try expectEndedWell(server, "too many requests")
        #expect(network.clients.flatMap { Received.statuses($0.received) }.sorted() == [200, 200, 200, 503, 503])
    }

    // MARK: Faults of the application

    private struct Broken: Error {}

    @Test func anErrorIsA500AndIsLogged() throws {
        let seen = Seen()
        let scene = try Scene([.write(Self.bytes("GET / HTTP/1.1\r\nHost: a\r\n\r\n")), .finishSending], { $0.log = { seen.log.append($0) } }) { _, _, _ in
            throw Broken()
        }
        #expect(scene.statuses == [500])
        #expect(seen.log == ["an async handler failed: Broken()"])
        #expect(scene.server.counters.unanswered == 1)
    }

    @Test func anErrorInMidAnswerCutsTheConnection() throws {
        let seen = Seen()
        let scene = try Scene([.write(Self.bytes("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))], { $0.log = { seen.log.append($0) } }) { _, _, writer in
            let answer = writer.stream()
            try await answer.write(Self.bytes("a beginning"))
            throw Broken()
        }
        #expect(!scene.client.received.suffix(5).elementsEqual(Self.bytes("0\r\n\r\n")))
        #expect(seen.log.count == 1 && scene.server.counters.cut == 1)
    }

    /// An answer that does not wait for the body; reading on afterwards ends instead of hanging.
    @Test func readingAfterTheAnswerEnds() throws {
        let seen = Seen()
        let scene = try Scene([.write(Self.post(500)), .pause(1_000_000_000), .write([UInt8](repeating: 0x61, count: 500)), .finishSending]) {
            _, request, writer in
            writer.send(.forbidden, body: "Not read.\n")
            do throws(ExchangeEnded) {
                var pieces = request.body.makeAsyncIterator()
                while try await pieces.next() != nil {}
            } catch {
                seen.failure = error
            }
        }
        #expect(scene.statuses == [403])
        #expect(seen.failure == ExchangeEnded(reason: .complete))
    }

    /// Nothing of a server's tasks is left when it ends, also not of those that were at work.
    @Test func tasksEndWithTheServer() throws {
        final class Witness: Sendable {}
        weak var witness: Witness?
        let seen = Seen()
        try {
            let held = Witness()
            witness = held
            let network = SimulatedNetwork(seed: 1)
            network.add(SimulatedClient([.write(Self.post(0)), .pause(10_000_000_000)]))
            network.add(SimulatedClient([.write(Self.post(5000)), .pause(10_000_000_000)]))
            let server = try SimulatedServer(network, SimulatedOptions(), .simulated())
            server.plan(after: 2_000_000_000) { server.control.askToStop() }
            let handler = ClosureHandler(handling: .streamed) { [held] request, writer in
                withExtendedLifetime(held) {}
                do { for try await _ in request.body {} } catch { seen.wasCancelled = Task.isCancelled }
                writer.send(body: "done")
            }
            server.run(stopsWhenDone: false) { AsyncResponder(handler, on: $0) }
        }()
        #expect(seen.wasCancelled)
        #expect(witness == nil)
    }
}

/// Something that a handler waits for, and that never comes.
@safe private final class Waiting: @unchecked Sendable {
    private var continuation: UnsafeContinuation<Void, Never>?
    func wait() async { await unsafe withUnsafeContinuation { unsafe continuation = $0 } }
    func end() {
        unsafe continuation?.resume()
        unsafe continuation = nil
    }
}
