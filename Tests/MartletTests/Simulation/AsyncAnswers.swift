// The async routes of the answering handler. What they answer depends on the request alone, as with its others.

import MartletHTTP

@testable import Martlet

struct AsyncAnswers: AsyncHandler {
    func bodyHandling(for request: borrowing Request) -> BodyHandling? {
        switch Route(request).name {
        case "async-echo", "async-sum": .streamed
        default: nil
        }
    }

    func respond(to request: borrowing AsyncRequest, with writer: consuming AsyncResponseWriter) async throws {
        let route = Route(path: request.path.span)
        switch route.name {
        case "async-echo": try await echo(request, writer)
        case "async-sum": try await sum(request.body, writer)
        case "async-stream": try await stream(route.number, writer)
        case "async-whole": writer.send(body: request.wholeBody)
        default: await Task.yield()
        }
    }

    /// In chunks of one size, so that they do not depend on how the request came.
    private func echo(_ request: borrowing AsyncRequest, _ writer: consuming AsyncResponseWriter) async throws {
        let answer = writer.stream(length: request.bodyLength)
        var waiting: [UInt8] = []
        for try await piece in request.body {
            waiting += piece
            while waiting.count >= AnsweringHandler.pieceBytes {
                try await answer.write(waiting.span.extracting(first: AnsweringHandler.pieceBytes))
                waiting.removeFirst(AnsweringHandler.pieceBytes)
            }
        }
        try await answer.write(waiting)
        answer.finish()
    }

    /// Reads slowly: some turns pass between two pieces.
    private func sum(_ body: AsyncBody, _ writer: consuming AsyncResponseWriter) async throws {
        var count = 0, sum = 0
        var pieces = body.makeAsyncIterator()
        while let piece = try await pieces.next() {
            count += piece.count
            sum += piece.reduce(0) { $0 + Int($1) }
            for _ in 0..<3 { await Task.yield() }
        }
        writer.send(body: Array("\(count) bytes, \(sum)\n".utf8).span)
    }

    private func stream(_ count: Int, _ writer: consuming AsyncResponseWriter) async throws {
        let answer = writer.stream()
        var position = 0
        while position < count {
            let piece = AnsweringHandler.letters[position..<min(position + AnsweringHandler.pieceBytes, count)]
            try await answer.write(Array(piece))
            position += piece.count
        }
        answer.finish()
    }
}

extension Route {
    init(_ request: borrowing Request) { self.init(path: request.path) }
}

extension Exchange {
    /// The exchange that a handler gets when it keeps this request.
    init(_ request: borrowing Request) {
        unsafe self.init(core: request.core, slot: request.slot, serial: request.core.pointee.connection(request.slot).pointee.serial)
    }
}
