// One route for each way to answer a request.

import Glibc
import Martlet

struct HelloHandler: Handler {
    private let root: FileDirectory?
    private var async: AsyncResponder
    private let later: LaterThread
    /// Streams that wait for room: what each has left to send.
    private var streams: [Exchange: Int] = [:]
    /// A megabyte of letters that `/bytes` sends from without a copy.
    private var letters: SharedBytes?

    init(_ context: CoreContext, root: FileDirectory?) {
        self.root = root
        async = AsyncResponder(AsyncHello(), on: context.executor)
        later = .shared
    }

    mutating func bodyHandling(for request: borrowing Request) -> BodyHandling? {
        request.path.equals("/echo") ? .streamed : async.bodyHandling(for: request)
    }

    mutating func respond(to request: borrowing Request, with writer: consuming ResponseWriter) {
        let path = request.path
        if path.equals("/") {
            writer.field(.contentType, "text/plain")
            writer.send(body: "Hello, World!")
        } else if path.equals("/json") {
            json(writer)
        } else if path.equals("/echo") {
            echo(request, writer)
        } else if path.equals("/stream") {
            writer.field(.contentType, "text/plain")
            send(100, to: writer.stream())
        } else if path.equals("/later") {
            later.answer(writer.ticket())
        } else if path.equals("/async") || path.equals("/async-echo") {
            async.respond(to: request, with: writer)
        } else if path.equals("/bytes") {
            bytes(request, writer)
        } else if path.equals("/sendfile") {
            file(request, writer)
        } else if path.equals("/empty") {
            writer.send(.noContent)
        } else {
            writer.field(.contentType, "text/plain")
            writer.send(.notFound, body: "Not found.\n")
        }
    }

    /// Rendered for each request, into memory on the stack.
    private func json(_ writer: consuming ResponseWriter) {
        writer.field(.contentType, "application/json")
        var text = InlineArray<64, UInt8>(repeating: 0)
        var count = 0
        func append(_ piece: StaticString) {
            piece.withUTF8Buffer { bytes in
                for unsafe byte in unsafe bytes {
                    text[count] = byte
                    count += 1
                }
            }
        }
        append("{\"message\":\"")
        append("Hello, World!")
        append("\"}")
        writer.send(body: text.span.extracting(first: count))
    }

    // MARK: Streams

    private func echo(_ request: borrowing Request, _ writer: consuming ResponseWriter) {
        guard request.method == .post || request.method == .put else {
            writer.field(.allow, "POST, PUT")
            return writer.send(.methodNotAllowed, body: "Send a body by POST.\n")
        }
        writer.field(.contentType, "application/octet-stream")
        switch request.framing {
        case .none, .length(0): writer.send(.ok)
        case .length(let length): _ = writer.stream(length: length)
        case .chunked: _ = writer.stream()
        }
    }

    /// Each piece of the body goes back as it comes; when the client does not take them, it is not read further.
    mutating func received(_ chunk: Span<UInt8>, of exchange: Exchange, last: Bool) {
        if async.answers(exchange) { return async.received(chunk, of: exchange, last: last) }
        if exchange.write(chunk) == .full { exchange.pauseReading() }
        if last { exchange.finish() }
    }

    private mutating func send(_ lines: Int, to exchange: Exchange) {
        let line: StaticString = "A line of a streamed answer, one of a hundred.\n"
        let bytes = Array(line.withUTF8Buffer { unsafe Array($0) })
        var left = lines
        while left > 0 {
            left -= 1
            switch exchange.write(bytes.span) {
            case .open: continue
            case .gone: return
            case .full:
                streams[exchange] = left
                return
            }
        }
        exchange.finish()
    }

    mutating func writable(_ exchange: Exchange) {
        if let left = streams.removeValue(forKey: exchange) { return send(left, to: exchange) }
        if async.answers(exchange) { return async.writable(exchange) }
        exchange.resumeReading()
    }

    mutating func ended(_ exchange: Exchange, reason: EndReason) {
        streams[exchange] = nil
        async.ended(exchange, reason: reason)
    }

    // MARK: Bytes and files

    private mutating func bytes(_ request: borrowing Request, _ writer: consuming ResponseWriter) {
        writer.field(.contentType, "application/octet-stream")
        guard let count = request.query.decimal().map(Int.init(clamping:)), count <= 1 << 20 else {
            return writer.send(.badRequest, body: "Ask for /bytes?N with N up to 1048576.\n")
        }
        if count <= 16 << 10 {
            let small = InlineArray<16384, UInt8>(repeating: UInt8(ascii: "m"))
            writer.send(body: small.span.extracting(first: count))
        } else {
            writer.send(shared: shared(count))
        }
    }

    private mutating func shared(_ count: Int) -> SharedBytes {
        if let letters, letters.count == count { return letters }
        let made = SharedBytes([UInt8](repeating: UInt8(ascii: "m"), count: count))
        letters = made
        return made
    }

    private func file(_ request: borrowing Request, _ writer: consuming ResponseWriter) {
        guard let root else { return writer.send(.notFound, body: "No directory is served; start with --root DIRECTORY.\n") }
        guard let file = root.open(request.query) else { return writer.send(.notFound, body: "No such file.\n") }
        writer.field(.contentType, "application/octet-stream")
        writer.send(file: file, count: file.byteCount)
    }
}

/// `/async` and `/async-echo`: async code on the core's own thread.
struct AsyncHello: AsyncHandler {
    func bodyHandling(for request: borrowing Request) -> BodyHandling? {
        request.path.equals("/async-echo") ? .streamed : nil
    }

    func respond(to request: borrowing AsyncRequest, with writer: consuming AsyncResponseWriter) async throws {
        guard request.pathIs("/async-echo") else {
            await Task.yield()
            return writer.send(contentType: "text/plain", body: "Hello, World!")
        }
        // Each piece goes back as it comes. When the client does not take them, `write` waits, and nothing is read meanwhile.
        let answer = writer.stream(contentType: "application/octet-stream", length: request.bodyLength)
        for try await piece in request.body { try await answer.write(piece) }
        answer.finish()
    }
}
