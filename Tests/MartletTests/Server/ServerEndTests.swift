// The two ends of a server: draining loses nothing that was begun, stopping cuts at once. Both let `run` return.

import Glibc
import Martlet
import MartletEngine
import Testing

@Suite(.serialized, .timeLimit(.minutes(3)))
struct ServerEndTests {
    @Test(arguments: ServerKind.available, ServerLayout.allCases)
    func drainAnswersWhatWasBegun(_ kind: ServerKind, _ layout: ServerLayout) throws {
        let running = try RunningServer(kind, layout)
        let idle = try running.connect()
        #expect(try idle.get("/query?idle").text == "idle")
        let busy = try running.connect()
        try busy.send(TestClient.request("/slower?begun"))
        #expect(running.eventually { running.total(\.inFlight) == 1 })
        let started = Clock.coarse()
        running.server.drain()
        let answer = try busy.answer()
        #expect(answer.text == "begun" && answer.closes)
        #expect(busy.isEnded())
        #expect(idle.isEnded())
        busy.close()
        running.join()
        #expect(Clock.coarse() - started < 4_000_000_000)
    }

    @Test(arguments: ServerKind.available)
    func drainOfAnIdleServerIsQuick(_ kind: ServerKind) throws {
        let running = try RunningServer(kind)
        let started = Clock.coarse()
        running.server.drain()
        running.join()
        #expect(Clock.coarse() - started < 2_000_000_000)
    }

    @Test(arguments: ServerKind.available, ServerLayout.allCases)
    func stopCuts(_ kind: ServerKind, _ layout: ServerLayout) throws {
        let running = try RunningServer(kind, layout)
        let clients = try (0..<10).map { _ in try running.connect() }
        for client in clients { try client.send(TestClient.request("/never")) }
        #expect(running.eventually { running.total(\.inFlight) == 10 })
        running.server.stop()
        running.join()
        for client in clients { #expect(client.isEnded()) }
    }

    /// The tickets of the requests that were cut are answered after their core is gone: they must find nothing to write to.
    @Test(arguments: ServerKind.corners)
    func lateTicketsDoNoHarm(_ kind: ServerKind) throws {
        let running = try RunningServer(kind)
        let client = try running.connect()
        try client.send(TestClient.request("/slow?late"))
        #expect(running.eventually { running.total(\.inFlight) == 1 })
        running.finish()
        usleep(500_000)
        #expect(client.isEnded())
    }

    @Test(arguments: ServerKind.corners)
    func drainIsBounded(_ kind: ServerKind) throws {
        let running = try RunningServer(kind) { $0.drainTimeout = 0.2 }
        let client = try running.connect()
        try client.send("POST /whole HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf")
        #expect(running.eventually { running.total(\.accepted) == 1 })
        running.server.drain()
        running.join()
        #expect(client.isEnded())
    }
}
