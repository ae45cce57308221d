import MartletHTTP
import MartletHTTP1
import Testing

func bytes(_ string: String) -> [UInt8] { Array(string.utf8) }

func text(_ range: ByteRange, of bytes: [UInt8]) -> String {
    String(decoding: bytes[range.range], as: UTF8.self)
}

@Suite struct RequestParserTests {
    @Test func readsAPlainRequest() throws {
        let request = bytes("GET /a/b?c=d HTTP/1.1\r\nHost: example.org\r\nX-Id:  7 \r\n\r\nrest")
        var head = RequestHead()
        var parser = RequestParser()
        let complete = try parser.parse(request.span, into: &head, limits: Limits())
        #expect(complete)
        #expect(head.byteCount == request.count - 4)
        #expect(head.method == .get)
        #expect(head.version == .http11)
        #expect(head.fieldCount == 2)
        #expect(text(head.target, of: request) == "/a/b?c=d")
        #expect(text(head.path, of: request) == "/a/b")
        #expect(text(head.query, of: request) == "c=d")
        #expect(text(head.authority, of: request) == "example.org")
        #expect(text(head.fields[1].name, of: request) == "X-Id")
        #expect(text(head.fields[1].value, of: request) == "7")
        #expect(head.firstIndex(of: .host) == 0)
        #expect(head.firstIndex(of: .accept) == nil)
        #expect(head.framing == .none)
        #expect(head.keepsAlive)
    }

    @Test func isReadyForTheNextHead() throws {
        let first = bytes("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\n")
        let second = bytes("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        var head = RequestHead()
        var parser = RequestParser()
        let firstIsComplete = try parser.parse(first.span, into: &head, limits: Limits())
        #expect(firstIsComplete)
        #expect(head.framing == .length(3))
        #expect(!head.keepsAlive)
        let secondIsComplete = try parser.parse(second.span, into: &head, limits: Limits())
        #expect(secondIsComplete)
        #expect(head.framing == .none)
        #expect(head.keepsAlive)
        #expect(head.fieldCount == 1)
        #expect(!head.has(.contentLength))
    }

    @Test func isSmall() {
        #expect(MemoryLayout<RequestParser>.size <= 4)
        #expect(MemoryLayout<ChunkedDecoder>.size <= 32)
    }
}
