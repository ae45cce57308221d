// A client that blocks: a socket, and a strict reader of answers (RFC 9112).

import Glibc
import MartletEngine
import Testing

struct Answer: Equatable {
    var status: Int
    var fields: [String: String]
    var body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }
    var closes: Bool { fields["connection"] == "close" }
}

/// Used by one thread at a time; a test may let one thread write while another reads.
final class TestClient: @unchecked Sendable {
    private var descriptor: Int32
    private var buffer: [UInt8] = []

    private static let secondsMax = 10

    struct Ended: Error {}

    init(_ address: SocketAddress) throws {
        descriptor = socket(address.family, Int32(SOCK_STREAM.rawValue), 0)
        try #require(descriptor >= 0)
        var time = timeval(tv_sec: Self.secondsMax, tv_usec: 0)
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        let code = unsafe address.withPlain { name, size in Self.uninterrupted { unsafe Glibc.connect(descriptor, name, size) } < 0 ? errno : 0 }
        guard code == 0 else {
            _ = Glibc.close(descriptor)
            throw SystemError(code, .connect)
        }
    }

    /// Before the client goes: the server may wait for this end's close.
    func close() {
        if descriptor >= 0 { _ = Glibc.close(descriptor) }
        descriptor = -1
    }

    deinit { close() }

    /// Calls with a timeout are not restarted by the kernel, and a ring that was made on this thread interrupts them when it goes.
    private static func uninterrupted<Count: SignedInteger>(_ call: () -> Count) -> Count {
        while true {
            let count = call()
            if count >= 0 || errno != EINTR { return count }
        }
    }

    // MARK: Asking

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes[sent...].withUnsafeBytes { rest in
                Self.uninterrupted { unsafe Glibc.send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL)) }
            }
            guard count > 0 else { throw SystemError(errno, .send) }
            sent += count
        }
    }

    func get(_ target: String) throws -> Answer {
        try send(Self.request(target))
        return try answer()
    }

    static func request(_ target: String, method: String = "GET", _ fields: String...) -> String {
        "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n"
    }

    static func post(_ target: String, _ body: [UInt8]) -> [UInt8] {
        Array(request(target, method: "POST", "Content-Length: \(body.count)").utf8) + body
    }

    static func chunked(_ target: String, _ body: [UInt8], chunkBytes: Int) -> [UInt8] {
        var all = Array(request(target, method: "POST", "Transfer-Encoding: chunked").utf8)
        for start in stride(from: 0, to: body.count, by: chunkBytes) {
            let chunk = body[start..<min(start + chunkBytes, body.count)]
            all += Array("\(String(chunk.count, radix: 16))\r\n".utf8) + chunk + [13, 10]
        }
        return all + Array("0\r\n\r\n".utf8)
    }

    // MARK: Reading

    func answer() throws -> Answer {
        let lines = try String(decoding: take(through: [13, 10, 13, 10]), as: UTF8.self).split(separator: "\r\n")
        try #require(lines[0].hasPrefix("HTTP/1.1 "))
        var answer = Answer(status: try #require(Int(lines[0].dropFirst(9).prefix(3))), fields: [:], body: [])
        for line in lines.dropFirst() {
            let colon = try #require(line.firstIndex(of: ":"))
            answer.fields[line[..<colon].lowercased()] = String(line[line.index(after: colon)...].drop { $0 == " " })
        }
        if answer.fields["transfer-encoding"] == "chunked" {
            answer.body = try chunkedBody()
        } else if let length = answer.fields["content-length"] {
            answer.body = try take(try #require(Int(length)))
        }
        return answer
    }

    private func chunkedBody() throws -> [UInt8] {
        var body: [UInt8] = []
        while true {
            let line = String(decoding: try take(through: [13, 10]).dropLast(2), as: UTF8.self)
            let count = try #require(Int(line, radix: 16))
            body += try take(count)
            try #require(try take(2) == [13, 10])
            if count == 0 { return body }
        }
    }

    /// Whether the server ends the connection without another byte.
    func isEnded() -> Bool {
        guard buffer.isEmpty else { return false }
        do { try receive() } catch { return error is Ended }
        return false
    }

    private func take(_ count: Int) throws -> [UInt8] {
        while buffer.count < count { try receive() }
        defer { buffer.removeFirst(count) }
        return Array(buffer[..<count])
    }

    private func take(through end: [UInt8]) throws -> [UInt8] {
        var searched = 0
        while true {
            while searched + end.count <= buffer.count {
                if buffer[searched..<searched + end.count].elementsEqual(end) { return try take(searched + end.count) }
                searched += 1
            }
            try receive()
        }
    }

    private func receive() throws {
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        let count = Self.uninterrupted { unsafe recv(descriptor, &piece, piece.count, 0) }
        if count == 0 || (count < 0 && errno == ECONNRESET) { throw Ended() }
        guard count > 0 else { throw SystemError(errno, .recv) }
        buffer += piece[..<count]
    }
}

extension SocketAddress {
    /// Lends the address as the kernel takes it.
    func withPlain<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        switch self {
        case .ipv4(let octets, let port):
            var name = sockaddr_in()
            name.sin_family = sa_family_t(AF_INET)
            name.sin_port = port.bigEndian
            name.sin_addr.s_addr = octets.bigEndian
            return unsafe withUnsafeBytes(of: &name) { unsafe body($0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count)) }
        case .unix(let path):
            var name = sockaddr_un()
            name.sun_family = sa_family_t(AF_UNIX)
            unsafe withUnsafeMutableBytes(of: &name.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
            return unsafe withUnsafeBytes(of: &name) { unsafe body($0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count)) }
        case .ipv6: preconditionFailure("the tests listen on IPv4 and Unix sockets only")
        }
    }
}
