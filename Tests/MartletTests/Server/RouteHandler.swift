// What the server of the tests answers.

import Glibc
import Martlet
import Synchronization

struct RouteHandler: Handler {
    mutating func bodyHandling(for request: borrowing Request) -> BodyHandling? {
        request.path.equals("/echo") || request.path.equals("/early") ? .streamed : nil
    }

    mutating func respond(to request: borrowing Request, with writer: consuming ResponseWriter) {
        let path = request.path
        if path.equals("/query") {
            writer.send(body: request.query)
        } else if path.equals("/whole") {
            writer.send(body: request.body)
        } else if path.equals("/echo") {
            if case .length(let length) = request.framing {
                _ = writer.stream(length: length)
            } else {
                _ = writer.stream()
            }
        } else if path.equals("/early") {
            writer.stream(length: 0).finish()
        } else if path.equals("/later") {
            AnsweringThread.answer(writer.ticket(), request.query, after: 0)
        } else if path.equals("/slow") {
            AnsweringThread.answer(writer.ticket(), request.query, after: 300_000)
        } else if path.equals("/slower") {
            AnsweringThread.answer(writer.ticket(), request.query, after: 1_000_000)
        } else if path.equals("/never") {
            _ = writer.keep()
        } else if path.equals("/dropped") {
            _ = writer.ticket()
        } else if path.equals("/forgotten") {
            return
        } else {
            writer.send(.notFound, body: "Not found.\n")
        }
    }

    mutating func received(_ chunk: Span<UInt8>, of exchange: Exchange, last: Bool) {
        if exchange.write(chunk) == .full { exchange.pauseReading() }
        if last { exchange.finish() }
    }

    mutating func writable(_ exchange: Exchange) { exchange.resumeReading() }
}

/// A thread for each ticket: as foreign to the core as a thread can be.
enum AnsweringThread {
    private final class Held: Sendable {
        let ticket: Mutex<Ticket?>
        let text: [UInt8]
        init(_ ticket: consuming Ticket, _ text: [UInt8]) {
            self.ticket = Mutex(ticket)
            self.text = text
        }
    }

    static func answer(_ ticket: consuming Ticket, _ query: Span<UInt8>, after microseconds: UInt32) {
        let text = unsafe query.withUnsafeBufferPointer { unsafe Array($0) }
        let held = Held(ticket, text)
        TestThread.detached {
            if microseconds > 0 { usleep(microseconds) }
            guard let ticket = held.ticket.withLock({ $0.take() }) else { return }
            // The only failure is a full mailbox, and then the server has answered 503.
            let text = held.text
            try? ticket.send(contentType: "text/plain", body: text.span)
        }
    }
}
