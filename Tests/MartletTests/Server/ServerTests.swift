// A real server end to end: every fallback of the ring and epoll, every way to share the work, answers the same.

import Martlet
import Testing

/// Not a repetition, so that misplaced pieces show.
private func numbered(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 13) } }

@Suite(.serialized, .timeLimit(.minutes(5)))
struct ServerTests {
    @Test(arguments: ServerKind.available, ServerLayout.allCases)
    func keepsConnections(_ kind: ServerKind, _ layout: ServerLayout) throws {
        let running = try RunningServer(kind, layout)
        defer { running.finish() }
        let client = try running.connect()
        for number in 0..<50 {
            let answer = try client.get("/query?\(number)")
            #expect(answer.status == 200 && answer.text == "\(number)" && !answer.closes)
        }
        #expect(try client.get("/absent").status == 404)
        #expect(try client.get("/query?still").text == "still")
    }

    @Test(arguments: ServerKind.available)
    func answersPipelinedRequestsInOrder(_ kind: ServerKind) throws {
        let running = try RunningServer(kind)
        defer { running.finish() }
        let client = try running.connect()
        // Ticketed ones between, so that what follows has to wait.
        let targets = (0..<200).map { $0 % 7 == 3 ? "/later?\($0)" : "/query?\($0)" }
        try client.send(targets.map { TestClient.request($0) }.joined())
        for number in targets.indices { #expect(try client.answer().text == "\(number)") }
    }

    @Test(arguments: ServerKind.available, ["/echo", "/whole"])
    func echoesAMegabyte(_ kind: ServerKind, _ target: String) throws {
        let running = try RunningServer(kind)
        defer { running.finish() }
        let client = try running.connect()
        let body = numbered(1 << 20)
        for request in [TestClient.post(target, body), TestClient.chunked(target, body, chunkBytes: 10_000)] {
            let writer = TestThread { try? client.send(request) }
            let answer = try client.answer()
            writer.join()
            #expect(answer.status == 200)
            #expect(answer.body == body, "\(answer.body.count) bytes came back")
        }
        #expect(try client.get("/query?kept").text == "kept")
    }

    @Test(arguments: ServerKind.available)
    func takesTicketsFromOtherThreads(_ kind: ServerKind) throws {
        let running = try RunningServer(kind)
        defer { running.finish() }
        let clients = try (0..<20).map { _ in try running.connect() }
        for round in 0..<10 {
            for (index, client) in clients.enumerated() { try client.send(TestClient.request("/later?\(index)-\(round)")) }
            for (index, client) in clients.enumerated() { #expect(try client.answer().text == "\(index)-\(round)") }
        }
    }

    @Test(arguments: ServerKind.available)
    func answersForHandlersThatDoNot(_ kind: ServerKind) throws {
        let running = try RunningServer(kind)
        defer { running.finish() }
        let client = try running.connect()
        #expect(try client.get("/dropped").status == 500)
        #expect(try client.get("/forgotten").status == 500)
        #expect(try client.get("/query?after").text == "after")
        #expect(running.total(\.unanswered) == 2)
    }

    @Test(arguments: ServerKind.available, ServerLayout.allCases)
    func servesTwoHundredConnections(_ kind: ServerKind, _ layout: ServerLayout) throws {
        let running = try RunningServer(kind, layout)
        defer { running.finish() }
        var clients = try (0..<200).map { _ in try running.connect() }
        for round in 0..<3 {
            for (index, client) in clients.enumerated() { try client.send(TestClient.request("/query?\(index)-\(round)")) }
            for (index, client) in clients.enumerated() { #expect(try client.answer().text == "\(index)-\(round)") }
        }
        #expect(running.eventually { running.total(\.accepted) == 200 })
        #expect(running.total(\.open) == 200)
        #expect(running.total(\.requests) == 600)
        #expect(running.total { $0.answers[2] } == 600)
        clients = []
        #expect(running.eventually { running.total(\.open) == 0 })
    }

    /// The answer is complete before the body is; what is left of the body must not be taken for a request.
    @Test(arguments: ServerKind.available)
    func finishesBeforeTheBodyIsRead(_ kind: ServerKind) throws {
        let running = try RunningServer(kind)
        defer { running.finish() }
        let client = try running.connect()
        try client.send(TestClient.post("/early", numbered(3000)))
        let answer = try client.answer()
        #expect(answer.status == 200 && answer.body.isEmpty)
        if answer.closes {
            #expect(client.isEnded())
        } else {
            #expect(try client.get("/query?next").text == "next")
        }
    }

    @Test(arguments: ServerKind.corners)
    func countsWhatItRefuses(_ kind: ServerKind) throws {
        let running = try RunningServer(kind)
        defer { running.finish() }
        let client = try running.connect()
        try client.send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
        let answer = try client.answer()
        #expect(answer.status == 400 && answer.closes)
        #expect(client.isEnded())
        #expect(running.total(\.malformed) == 1)
        #expect(running.total { $0.answers[4] } == 1)
        #expect(running.total(\.bytesReceived) > 0)
    }
}
