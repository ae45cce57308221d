import MartletBytes
import MartletHTTP
import MartletHTTP1
import Testing

/// Runs a body with a writer over a small piece of memory and returns what it wrote.
func written<Failure: Error>(_ body: (inout ByteWriter) throws(Failure) -> Void) throws(Failure) -> String {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 512, alignment: 1)
    defer { unsafe memory.deallocate() }
    guard let base = memory.baseAddress else { return "" }
    var writer = unsafe ByteWriter(base, capacity: 512)
    try body(&writer)
    let span = writer.written
    return String(decoding: span.indices.map { span[$0] }, as: UTF8.self)
}

@Suite struct ResponseFramingTests {
    struct Row: CustomTestStringConvertible, Sendable {
        var status: UInt16 = 200
        var method = Method.get
        var version = Version.http11
        var keepAlive = true
        var length: UInt64?
        var body: ResponseBody
        var connection = ConnectionField.absent
        var testDescription: String {
            "\(status) \(method) \(version) keep \(keepAlive) length \(length.map { "\($0)" } ?? "unknown")"
        }
    }

    static let table: [Row] = [
        // A body of a known length, of an unknown one, in both versions.
        Row(length: 5, body: .length(5)),
        Row(length: 0, body: .length(0)),
        Row(body: .chunked),
        Row(version: .http10, length: 5, body: .length(5), connection: .keepAlive),
        Row(version: .http10, body: .untilClose, connection: .close),
        Row(version: .http10, keepAlive: false, length: 5, body: .length(5), connection: .close),
        Row(keepAlive: false, length: 5, body: .length(5), connection: .close),
        Row(keepAlive: false, body: .chunked, connection: .close),
        // Answers to HEAD say what GET would have brought, and bring nothing (RFC 9110 §9.3.2).
        Row(method: .head, length: 5, body: .announced(5)),
        Row(method: .head, body: .none),
        Row(method: .head, version: .http10, body: .none, connection: .keepAlive),
        // Interim responses have neither body nor a word on the connection (RFC 9110 §15.2).
        Row(status: 100, length: 5, body: .none),
        Row(status: 101, body: .none),
        Row(status: 103, keepAlive: false, body: .none),
        // 204 has no Content-Length, 205 has a zero, 304 may announce (RFC 9110 §8.6, §15.3.6).
        Row(status: 204, length: 5, body: .none),
        Row(status: 204, version: .http10, body: .none, connection: .keepAlive),
        Row(status: 205, length: 5, body: .length(0)),
        Row(status: 205, body: .length(0)),
        Row(status: 205, method: .head, body: .announced(0)),
        Row(status: 304, length: 5, body: .announced(5)),
        Row(status: 304, body: .none),
        Row(status: 304, version: .http10, body: .none, connection: .keepAlive),
        // CONNECT: a tunnel has no framing, a refusal has (RFC 9110 §9.3.6).
        Row(method: .connect, length: 5, body: .none, connection: .close),
        Row(status: 405, method: .connect, length: 5, body: .length(5)),
        Row(status: 500, length: 5, body: .length(5)),
    ]

    @Test(arguments: table)
    func decides(_ row: Row) {
        let framing = ResponseFraming(
            status: Status(code: row.status), method: row.method, version: row.version, keepAliveWanted: row.keepAlive,
            length: row.length)
        #expect(framing.body == row.body)
        #expect(framing.connection == row.connection)
        #expect(framing.keepsAlive == (row.connection != .close))
    }
}

@Suite struct ResponseSerializerTests {
    func field(_ name: String, _ value: String) throws(ResponseFieldError) -> String {
        let (name, value) = (bytes(name), bytes(value))
        return try written { (writer) throws(ResponseFieldError) in
            try ResponseSerializer.field(name: name.span, value: value.span, into: &writer)
        }
    }

    @Test func statusLines() {
        #expect(written { ResponseSerializer.statusLine(.ok, into: &$0) } == "HTTP/1.1 200 OK\r\n")
        #expect(written { ResponseSerializer.statusLine(.notFound, into: &$0) } == "HTTP/1.1 404 Not Found\r\n")
        #expect(written { ResponseSerializer.statusLine(Status(code: 299), into: &$0) } == "HTTP/1.1 299 \r\n")
        for code in UInt16(100)...999 {
            let line = written { ResponseSerializer.statusLine(Status(code: code), into: &$0) }
            #expect(line.utf8.count <= ResponseSerializer.statusLineBytesMax)
        }
    }

    @Test func customReason() throws {
        let reason = bytes("Fine")
        let line = try written { (writer) throws(ResponseFieldError) in
            try ResponseSerializer.statusLine(.ok, reason: reason.span, into: &writer)
        }
        #expect(line == "HTTP/1.1 200 Fine\r\n")
        let split = bytes("Fine\r\nX: y")
        #expect(throws: ResponseFieldError.invalidValue) {
            _ = try written { (writer) throws(ResponseFieldError) in
                try ResponseSerializer.statusLine(.ok, reason: split.span, into: &writer)
            }
        }
    }

    @Test func fields() throws {
        #expect(try field("X-Custom", "a b") == "X-Custom: a b\r\n")
        #expect(try field("set-cookie", "") == "set-cookie: \r\n")
        #expect(try field("X", "tab\tand \u{e9}") == "X: tab\tand \u{e9}\r\n")
        let value = bytes("text/plain")
        let known = try written { (writer) throws(ResponseFieldError) in
            try ResponseSerializer.field(name: .contentType, value: value.span, into: &writer)
            try ResponseSerializer.field(name: .cacheControl, value: "no-store", into: &writer)
            ResponseSerializer.field(name: "X-Own", value: "1", into: &writer)
        }
        #expect(known == "Content-Type: text/plain\r\nCache-Control: no-store\r\nX-Own: 1\r\n")
    }

    /// Response splitting: nothing that a handler supplies may end a line.
    @Test func refusesControlCharacters() {
        for byte in UInt8.min...UInt8.max where !byte.isFieldValueByte {
            for place in 0..<20 {
                var value = bytes("abcdefghijklmnopqrst")
                value[place] = byte
                #expect(throws: ResponseFieldError.invalidValue) {
                    try ResponseSerializer.checkValue(value.span)
                }
            }
        }
        for value in ["a\r\nX: y", "a\nb", "a\rb", "a\0b"] {
            #expect(throws: ResponseFieldError.invalidValue) { try field("X", value) }
        }
    }

    @Test func refusesBadNames() {
        for name in ["", "a b", "a:", "a\r\n", "\u{e9}", "a\0", "(a)"] {
            #expect(throws: ResponseFieldError.invalidName) { try field(name, "x") }
        }
    }

    @Test func refusesWhatTheServerOwns() {
        for name in ["Content-Length", "transfer-encoding", "CONNECTION"] {
            #expect(throws: ResponseFieldError.ownedByServer) { try field(name, "5") }
        }
        #expect(throws: ResponseFieldError.ownedByServer) {
            _ = try written { (writer) throws(ResponseFieldError) in
                try ResponseSerializer.field(name: .contentLength, value: "5", into: &writer)
            }
        }
    }

    @Test func framingLines() {
        func lines(_ version: Version, _ keepAlive: Bool, _ length: UInt64?) -> String {
            let framing = ResponseFraming(
                status: .ok, method: .get, version: version, keepAliveWanted: keepAlive, length: length)
            return written { ResponseSerializer.framing(framing, into: &$0) }
        }
        #expect(lines(.http11, true, 13) == "Content-Length: 13\r\n")
        #expect(lines(.http11, true, nil) == "Transfer-Encoding: chunked\r\n")
        #expect(lines(.http11, false, 0) == "Content-Length: 0\r\nConnection: close\r\n")
        #expect(lines(.http10, true, 1) == "Content-Length: 1\r\nConnection: keep-alive\r\n")
        #expect(lines(.http10, true, nil) == "Connection: close\r\n")
    }

    @Test func chunksDecodeAgain() throws {
        let body = written { writer in
            ResponseSerializer.chunkHead(byteCount: 26, into: &writer)
            writer.append("abcdefghijklmnopqrstuvwxyz")
            ResponseSerializer.chunkTail(into: &writer)
            ResponseSerializer.lastChunk(into: &writer)
        }
        #expect(body == "1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n")
        let content = bytes(body)
        var decoder = ChunkedDecoder()
        let step = try decoder.next(content.span, limits: Limits())
        #expect(step == .data(4..<30, consumed: 30))
        let end = try decoder.next(content.span.extracting(30..<content.count), limits: Limits())
        #expect(end == .end(consumed: 7))
    }

    @Test func dateAndServer() {
        let text = written { writer in
            ResponseSerializer.server("martlet", into: &writer)
            ResponseSerializer.date(secondsSinceEpoch: 784_111_777, into: &writer)
            ResponseSerializer.upgrade(to: "websocket", into: &writer)
            ResponseSerializer.endOfHead(into: &writer)
        }
        #expect(
            text == "Server: martlet\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    }

    @Test func aChunkOfNothingIsOurFault() async {
        await #expect(processExitsWith: .failure) {
            _ = written { ResponseSerializer.chunkHead(byteCount: 0, into: &$0) }
        }
    }
}
