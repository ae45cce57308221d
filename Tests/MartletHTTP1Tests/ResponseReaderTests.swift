import MartletHTTP
import MartletHTTP1
import Testing

/// What a stream of responses says, in a form that does not depend on how the stream was cut.
private struct Reading: Equatable {
    var statuses: [UInt16] = []
    var bodies: [String] = []
    var keepsAlive: [Bool] = []
    var fault: ResponseError?
    /// Offset behind the piece in which the fault was found.
    var faultOffset: Int?
    /// What was left when the stream ended inside a response.
    var isCut = false
}

private func read(_ stream: [UInt8], pieceBytes: Int, answering method: Method = .get, limits: Limits = Limits()) -> Reading {
    var reading = Reading()
    var reader = ResponseReader()
    var carry: [UInt8] = []
    var body: [UInt8] = []
    var offset = 0
    func ended() {
        reading.statuses.append(reader.head.status.code)
        reading.bodies.append(String(decoding: body, as: UTF8.self))
        reading.keepsAlive.append(reader.head.keepsAlive)
        #expect(reader.bodyByteCount == body.count)
        body = []
    }
    while offset < stream.count {
        let piece = stream[offset..<min(offset + pieceBytes, stream.count)]
        offset += piece.count
        carry += piece
        var goesOn = true
        while goesOn {
            do {
                switch try reader.next(carry.span, answering: method, limits: limits) {
                case .needMore(let consumed):
                    carry.removeFirst(consumed)
                    goesOn = false
                case .data(let range, let consumed):
                    body += carry[range]
                    carry.removeFirst(consumed)
                case .end(let consumed):
                    carry.removeFirst(consumed)
                    ended()
                    goesOn = !carry.isEmpty
                }
            } catch {
                reading.fault = error
                reading.faultOffset = offset
                return reading
            }
        }
    }
    if reader.endOfInput() { ended() } else { reading.isCut = reader.isInBody || !carry.isEmpty }
    return reading
}

/// Reads the stream whole and in pieces of every size; all must agree.
private func readEachWay(_ text: String, answering method: Method = .get, limits: Limits = Limits()) -> Reading {
    let stream = bytes(text)
    var whole = read(stream, pieceBytes: stream.count, answering: method, limits: limits)
    whole.faultOffset = nil
    for size in 1..<stream.count {
        var cut = read(stream, pieceBytes: size, answering: method, limits: limits)
        cut.faultOffset = nil
        #expect(cut == whole, "in pieces of \(size)")
    }
    return whole
}

@Suite struct ResponseReaderTests {
    @Test func readsLengthDelimitedResponses() {
        let one = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nX-Long-Unknown-Name: v\r\n\r\nhello"
        let reading = readEachWay(one + "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n" + one)
        #expect(reading == Reading(statuses: [200, 404, 200], bodies: ["hello", "", "hello"], keepsAlive: [true, true, true]))
    }

    @Test func readsChunkedResponses() {
        let one = "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3;a=b\r\nabc\r\n0a\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n"
        #expect(readEachWay(one + one) == Reading(statuses: [200, 200], bodies: ["abc0123456789", "abc0123456789"], keepsAlive: [true, true]))
    }

    @Test func readsUntilTheEnd() {
        let reading = readEachWay("HTTP/1.1 200 OK\r\n\r\nall that comes\r\n\r\nHTTP/1.1 200 OK\r\n")
        #expect(reading == Reading(statuses: [200], bodies: ["all that comes\r\n\r\nHTTP/1.1 200 OK\r\n"], keepsAlive: [false]))
    }

    @Test func skipsInterimResponses() {
        let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        let reading = readEachWay(interim + "HTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\nx")
        #expect(reading == Reading(statuses: [201], bodies: ["x"], keepsAlive: [true]))
    }

    @Test(arguments: [("HTTP/1.1 204 No Content\r\n\r\n", 204 as UInt16), ("HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n", 304)])
    func knowsResponsesWithoutBody(_ response: String, _ code: UInt16) {
        #expect(readEachWay(response + response) == Reading(statuses: [code, code], bodies: ["", ""], keepsAlive: [true, true]))
    }

    @Test(arguments: ["Content-Length: 13", "Transfer-Encoding: chunked", "Accept: a"])
    func knowsAnswersToHead(_ field: String) {
        let response = "HTTP/1.1 200 OK\r\n\(field)\r\n\r\n"
        #expect(readEachWay(response + response, answering: .head) == Reading(statuses: [200, 200], bodies: ["", ""], keepsAlive: [true, true]))
    }

    @Test func followsTheConnectionField() {
        func keepsAlive(_ version: String, _ field: String) -> [Bool] {
            readEachWay("HTTP/\(version) 200 OK\r\nContent-Length: 0\r\n\(field)\r\n\r\n").keepsAlive
        }
        #expect(keepsAlive("1.1", "Connection: foo, Close") == [false])
        #expect(keepsAlive("1.1", "Connection: keep-alive") == [true])
        #expect(keepsAlive("1.0", "Connection: Keep-Alive") == [true])
        #expect(keepsAlive("1.0", "Accept: a") == [false])
        #expect(keepsAlive("1.2", "Accept: a") == [true])
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", "HTTP/1.1 200 OK\r\nContent-Len",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    ])
    func saysThatAResponseIsCut(_ response: String) {
        #expect(readEachWay(response) == Reading(isCut: true))
    }

    static let faults: [(String, ResponseError)] = [
        ("HTTP/2.0 200 OK\r\n", .invalidStatusLine),
        ("http/1.1 200 OK\r\n", .invalidStatusLine),
        ("\r\nHTTP/1.1 200 OK\r\n", .invalidStatusLine),
        ("HTTP/1.1  200 OK\r\n", .invalidStatusLine),
        ("HTTP/1.1 20 OK\r\n", .invalidStatusLine),
        ("HTTP/1.1 099 OK\r\n", .invalidStatusLine),
        ("HTTP/1.1 2000 OK\r\n", .invalidStatusLine),
        ("HTTP/1.1 200\r\n", .invalidStatusLine),
        ("HTTP/1.1 200 O\u{1}K\r\n", .invalidStatusLine),
        ("HTTP/1.1 200 OK\n", .invalidStatusLine),
        ("HTTP/1.1 200 OK\rX", .invalidStatusLine),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", .unexpectedUpgrade),
        ("HTTP/1.1 200 OK\r\nName : v\r\n", .malformed(.whitespaceBeforeColon)),
        ("HTTP/1.1 200 OK\r\n Name: v\r\n", .malformed(.whitespaceBeforeFirstField)),
        ("HTTP/1.1 200 OK\r\nA: b\n", .malformed(.bareLineFeed)),
        ("HTTP/1.1 200 OK\r\nA: b\r\n\n", .malformed(.bareLineFeed)),
        ("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n", .malformed(.obsoleteFolding)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n", .duplicateContentLength),
        ("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n", .invalidContentLength),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n", .invalidContentLength),
        ("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n", .invalidContentLength),
        ("HTTP/1.1 200 OK\r\nContent-Length:\r\n", .invalidContentLength),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", .duplicateTransferEncoding),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n", .unsupportedTransferEncoding),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n", .unsupportedTransferEncoding),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", .conflictingFraming),
        ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", .transferEncodingInHTTP10),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx", .malformed(.invalidChunkSize)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab", .malformed(.missingChunkTerminator)),
    ]

    @Test(arguments: faults) func refuses(_ response: String, _ fault: ResponseError) {
        #expect(readEachWay(response) == Reading(fault: fault))
        // Byte by byte the fault is found no earlier and no later than at its byte, the last one here.
        let stream = bytes(response)
        #expect(read(stream, pieceBytes: 1).faultOffset.map { $0 <= stream.count } == true)
        #expect(read(stream.dropLast(0) + bytes("tail"), pieceBytes: 1).fault == fault)
    }

    @Test func boundsTheHead() {
        var limits = Limits()
        limits.headBytesMax = 64
        limits.fieldCountMax = 2
        #expect(readEachWay("HTTP/1.1 200 " + String(repeating: "x", count: 99), limits: limits).fault == .malformed(.headTooLarge))
        #expect(readEachWay("HTTP/1.1 200 OK\r\nA: " + String(repeating: "x", count: 99), limits: limits).fault == .malformed(.headTooLarge))
        #expect(readEachWay("HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n", limits: limits).fault == .malformed(.tooManyFields))
        let interim = String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: ResponseReader.interimCountMax + 1)
        #expect(read(bytes(interim), pieceBytes: 10).fault == .tooManyInterimResponses)
        #expect(read(bytes(interim), pieceBytes: 10_000).fault == .tooManyInterimResponses)
    }
}
