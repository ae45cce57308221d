// A handler with a route for each way to answer. What it answers depends on the request alone, never on when its bytes came.

import Glibc
import MartletEngine
import MartletHTTP

@testable import Martlet

struct AnsweringHandler: Handler {
    private let later: Later
    private let ledger: Ledger
    private let file: SharedFile?
    private let shared = SharedBytes(Self.letters)
    private var async: AsyncResponder
    private var streams: [Exchange: OutgoingStream] = [:]
    /// Exchanges that answer when their body is whole: bytes so far, and their sum.
    private var tallies: [Exchange: (count: Int, sum: Int)] = [:]

    static let letters: [UInt8] = (0..<40_000).map { 0x61 + UInt8(truncatingIfNeeded: ($0 &* 7 ^ $0 >> 5) & 15) }
    /// More than one send takes.
    static let largeBytes: [UInt8] = (0..<600_000).map { UInt8(truncatingIfNeeded: ($0 &* 31) ^ ($0 >> 8)) }
    private static let largeShared = SharedBytes(largeBytes)
    /// A streamed answer goes out in pieces of this size, so that its chunks do not depend on how the request came.
    static let pieceBytes = 700

    /// What is still to go out of a streamed answer.
    private struct OutgoingStream {
        var waiting: [UInt8]
        var isWhole: Bool
        var isFull = false
        var readsOn = false
    }

    init(_ later: Later, _ ledger: Ledger, _ executor: CoreExecutor) {
        self.later = later
        self.ledger = ledger
        file = Self.temporaryFile()
        async = AsyncResponder(AsyncAnswers(), on: executor)
    }

    private static func temporaryFile() -> SharedFile? {
        var template = Array("/tmp/martlet-simulation-XXXXXX".utf8CString)
        let descriptor = unsafe mkstemp(&template)
        guard descriptor >= 0 else { return nil }
        _ = unsafe unlink(template)
        let written = unsafe letters.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
        return written == letters.count ? SharedFile(owning: descriptor) : nil
    }

    mutating func bodyHandling(for request: borrowing Request) -> BodyHandling? {
        switch Route(request).name {
        case "echo", "early", "tally": .streamed
        case "small": .whole(bytesMax: 100)
        default: async.bodyHandling(for: request)
        }
    }

    mutating func respond(to request: borrowing Request, with writer: consuming ResponseWriter) {
        ledger.responded()
        let route = Route(request)
        switch route.name {
        case "whole":
            writer.field(.contentType, "text/plain")
            writer.send(body: Self.letters.span.extracting(first: route.number))
        case "json": writer.send(body: "{\"message\":\"Hello, World!\"}")
        case "collect", "small": writer.send(body: request.body)
        case "echo": echo(request, writer)
        case "stream": start(kept(writer.stream()), route.number)
        case "sized": start(kept(writer.stream(length: UInt64(route.number))), route.number)
        case "drip": drip(kept(writer.stream()), route.number)
        case "trickle": trickle(kept(writer.stream()), route.number)
        case "shared": writer.send(shared: shared)
        case "large": writer.send(shared: Self.largeShared)
        case "file": sendFile(route.number, writer)
        case "later": answerLater(kept(writer.keep()), route)
        case "late": answerLate(kept(writer.keep()), route)
        case "never": _ = kept(writer.keep())
        case "pauses": pause(kept(writer.stream()), route)
        case "tally": tally(request, writer)
        case "ticket": sendTicket(writer.ticket(), route)
        case "dropped": dropTicket(writer.ticket(), route)
        case "forgets": break
        case "early": writer.send(.forbidden, body: "Not read.\n")
        case "empty": writer.send(.noContent)
        case "unmodified": writer.send(.notModified)
        case let name where name.starts(with: "async-"):
            ledger.kept(Exchange(request))
            async.respond(to: request, with: writer)
        default: writer.send(.notFound, body: "Not found.\n")
        }
    }

    private func kept(_ exchange: Exchange) -> Exchange {
        ledger.kept(exchange)
        return exchange
    }

    private func sendFile(_ number: Int, _ writer: consuming ResponseWriter) {
        guard let file else { return writer.send(.internalServerError) }
        let offset = min(number, file.byteCount)
        writer.send(file: file, offset: offset, count: file.byteCount - offset)
    }

    // MARK: Later

    private func answerLater(_ exchange: Exchange, _ route: Route) {
        later.onCore(route.delay) {
            exchange.withWriter { $0.send(body: Self.letters.span.extracting(first: route.number)) }
        }
    }

    /// After as many milliseconds as the number says.
    private func answerLate(_ exchange: Exchange, _ route: Route) {
        later.onCore(Nanoseconds(route.number) * 1_000_000) { exchange.withWriter { $0.send(body: "Late.\n") } }
    }

    /// Two pieces at once, each in a turn of its own, then nothing for as many milliseconds as the number says.
    private func pause(_ exchange: Exchange, _ route: Route) {
        exchange.write(Self.letters.span.extracting(first: Self.pieceBytes))
        later.onCore(1) { exchange.write(Self.letters.span.extracting(first: Self.pieceBytes)) }
        later.onCore(Nanoseconds(route.number) * 1_000_000) { exchange.finish() }
    }

    private func sendTicket(_ ticket: consuming Ticket, _ route: Route) {
        let box = TicketBox(ticket)
        later.anywhere(route.delay) {
            guard let ticket = box.take() else { return }
            try? ticket.send(contentType: "text/plain", body: Self.letters.span.extracting(first: route.number))
        }
    }

    private func dropTicket(_ ticket: consuming Ticket, _ route: Route) {
        let box = TicketBox(ticket)
        later.anywhere(route.delay) { _ = box.take() }
    }

    /// So many pieces, one each second.
    private func drip(_ exchange: Exchange, _ count: Int) {
        guard count > 0 else { return exchange.finish() }
        if exchange.write(Self.letters.span.extracting(first: Self.pieceBytes)) == .full { ledger.full(exchange) }
        later.onCore(1_000_000_000) { [self] in
            if exchange.isLive { drip(exchange, count - 1) }
        }
    }

    /// One piece after the other, each in a turn of its own.
    private func trickle(_ exchange: Exchange, _ count: Int) {
        guard count > 0 else { return exchange.finish() }
        let piece = min(count, Self.pieceBytes)
        if exchange.write(Self.letters.span.extracting(first: piece)) == .full { ledger.full(exchange) }
        let later = later
        later.onCore(3_000_000) { [self] in
            if exchange.isLive { trickle(exchange, count - piece) }
        }
    }

    // MARK: Streams

    private mutating func start(_ exchange: Exchange, _ count: Int) {
        streams[exchange] = OutgoingStream(waiting: Array(Self.letters.prefix(count)), isWhole: true)
        go(on: exchange)
    }

    private mutating func echo(_ request: borrowing Request, _ writer: consuming ResponseWriter) {
        switch request.framing {
        case .none, .length(0): writer.send(.ok)
        case .length(let length): streams[kept(writer.stream(length: length))] = OutgoingStream(waiting: [], isWhole: false)
        case .chunked: streams[kept(writer.stream())] = OutgoingStream(waiting: [], isWhole: false)
        }
    }

    /// Writes what is there, until the connection says that it is enough.
    private mutating func go(on exchange: Exchange) {
        guard var stream = streams[exchange] else { return }
        var position = 0
        while !stream.isFull, stream.waiting.count - position >= Self.pieceBytes || (stream.isWhole && position < stream.waiting.count) {
            let count = min(Self.pieceBytes, stream.waiting.count - position)
            if exchange.write(stream.waiting.span.extracting(position..<position + count)) == .full {
                stream.isFull = true
                ledger.full(exchange)
            }
            position += count
        }
        stream.waiting.removeFirst(position)
        streams[exchange] = stream
        if stream.isWhole, stream.waiting.isEmpty, !stream.isFull {
            streams[exchange] = nil
            exchange.finish()
        }
    }

    mutating func received(_ chunk: Span<UInt8>, of exchange: Exchange, last: Bool) {
        ledger.received(exchange)
        if async.answers(exchange) { return async.received(chunk, of: exchange, last: last) }
        if let tally = tallies[exchange] {
            var sum = tally.sum
            for index in chunk.indices { sum += Int(chunk[index]) }
            tallies[exchange] = (tally.count + chunk.count, sum)
            if last { answer(exchange) }
        }
        guard streams[exchange] != nil else { return }
        for index in chunk.indices { streams[exchange]!.waiting.append(chunk[index]) }
        if last { streams[exchange]!.isWhole = true }
        go(on: exchange)
        if streams[exchange]?.isFull == true, !last {
            ledger.paused(exchange, true)
            exchange.pauseReading()
        }
    }

    /// A request without a body has no last piece.
    private mutating func tally(_ request: borrowing Request, _ writer: consuming ResponseWriter) {
        switch request.framing {
        case .none, .length(0): writer.send(body: "0 bytes, 0\n")
        case .length, .chunked: tallies[kept(writer.keep())] = (0, 0)
        }
    }

    private mutating func answer(_ exchange: Exchange) {
        guard let tally = tallies.removeValue(forKey: exchange) else { return }
        exchange.withWriter { $0.send(body: Array("\(tally.count) bytes, \(tally.sum)\n".utf8).span) }
    }

    mutating func writable(_ exchange: Exchange) {
        if async.answers(exchange) { return async.writable(exchange) }
        ledger.writable(exchange)
        guard streams[exchange] != nil else { return }
        streams[exchange]!.isFull = false
        go(on: exchange)
        if let stream = streams[exchange], !stream.isFull, !stream.isWhole {
            ledger.paused(exchange, false)
            exchange.resumeReading()
        }
    }

    mutating func ended(_ exchange: Exchange, reason: EndReason) {
        async.ended(exchange, reason: reason)
        ledger.ended(exchange, reason)
        streams[exchange] = nil
        tallies[exchange] = nil
    }
}

/// `/name/number`.
struct Route {
    let name: String
    let number: Int

    init(path: Span<UInt8>) {
        var name: [UInt8] = [], number = 0, slashes = 0
        for index in path.indices {
            let byte = path[index]
            if byte == 0x2F {
                slashes += 1
            } else if slashes == 1 {
                name.append(byte)
            } else if slashes == 2, byte >= 0x30, byte <= 0x39, number < 100_000 {
                number = number * 10 + Int(byte - 0x30)
            }
        }
        self.name = String(decoding: name, as: UTF8.self)
        self.number = min(number, AnsweringHandler.letters.count)
    }

    /// Up to some tens of milliseconds, by the number.
    var delay: Nanoseconds { Nanoseconds(number % 50) * 1_000_000 }
}

/// Carries a ticket into a closure.
final class TicketBox: @unchecked Sendable {
    private var ticket: Ticket?
    init(_ ticket: consuming Ticket) { self.ticket = consume ticket }
    func take() -> Ticket? { ticket.take() }
}
