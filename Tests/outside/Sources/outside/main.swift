// A program as a user writes one: it imports Martlet and nothing else, and is built with the compiler's usual settings.

import Martlet

struct Greeter: Handler {
    /// Of this core alone, so it needs no lock.
    private var count = 0
    private var async: AsyncResponder

    init(_ context: CoreContext) {
        async = AsyncResponder(SlowGreeter(), on: context.executor)
    }

    mutating func bodyHandling(for request: borrowing Request) -> BodyHandling? {
        request.path.equals("/upload") ? .streamed : async.bodyHandling(for: request)
    }

    mutating func respond(to request: borrowing Request, with writer: consuming ResponseWriter) {
        count += 1
        if request.path.equals("/async") || request.path.equals("/count") {
            async.respond(to: request, with: writer)
        } else if request.path.equals("/upload") {
            _ = writer.stream()
        } else if request.path.equals("/ticket") {
            try? writer.ticket().send(contentType: "text/plain", body: "Hello by ticket\n".utf8.span)
        } else if request.path.equals("/"), request.method == .get {
            writer.field(.contentType, "text/plain")
            writer.send(body: "Hello from outside\n")
        } else {
            writer.send(.notFound)
        }
    }

    mutating func received(_ chunk: Span<UInt8>, of exchange: Exchange, last: Bool) {
        if async.answers(exchange) { return async.received(chunk, of: exchange, last: last) }
        if exchange.write(chunk) == .full { exchange.pauseReading() }
        if last { exchange.finish() }
    }

    mutating func writable(_ exchange: Exchange) {
        if async.answers(exchange) { return async.writable(exchange) }
        exchange.resumeReading()
    }

    mutating func ended(_ exchange: Exchange, reason: EndReason) {
        async.ended(exchange, reason: reason)
    }
}

struct SlowGreeter: AsyncHandler {
    func bodyHandling(for request: borrowing Request) -> BodyHandling? { .streamed }

    func respond(to request: borrowing AsyncRequest, with writer: consuming AsyncResponseWriter) async throws {
        if request.pathIs("/count") {
            var count = 0
            for try await piece in request.body { count += piece.count }
            let answer = writer.stream(contentType: "text/plain")
            try await answer.write(Array("\(count) bytes\n".utf8))
            return answer.finish()
        }
        await Task.yield()
        writer.send(contentType: "text/plain", body: "Hello in time\n")
    }
}

var configuration = Configuration()
if let flag = CommandLine.arguments.firstIndex(of: "--bind"), flag + 1 < CommandLine.arguments.count,
    let address = SocketAddress(parsing: CommandLine.arguments[flag + 1]) {
    configuration.addresses = [address]
}
configuration.deadlines.keepAlive = 30
let server = try Server(configuration)
for address in server.addresses { StandardError.print("listening on http://\(address)") }
try server.run { context in Greeter(context) }
