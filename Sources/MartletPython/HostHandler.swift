// The handler of a hosted core: passes everything on to the service that runs, if any.

internal import Martlet

struct HostHandler: Handler {
    var service: ASGIService?

    mutating func bodyHandling(for request: borrowing Request) -> BodyHandling? { .wholeIfHere }

    mutating func respond(to request: borrowing Request, with writer: consuming ResponseWriter) {
        let exchange = writer.keep()
        guard let service else { return exchange.abort() }
        service.respond(to: request, exchange)
    }

    mutating func received(_ chunk: Span<UInt8>, of exchange: Exchange, last: Bool) { service?.received(chunk, of: exchange, last: last) }
    mutating func writable(_ exchange: Exchange) { service?.writable(exchange) }
    mutating func inputEnded(_ exchange: Exchange) { service?.inputEnded(exchange) }
    mutating func ended(_ exchange: Exchange, reason: EndReason) { service?.ended(exchange, reason: reason) }
}
