// The requests as they go out, written once before the first is sent.
//
// In memory stand `depth` copies of the request and behind them the one that asks for the connection's end. So every
// batch, whether or not its last request is a connection's last, is one run of bytes and one send.

import Glibc
import MartletBytes

@safe struct RequestBytes: ~Copyable {
    private let memory: UnsafeMutableRawBufferPointer
    private let requestBytes: Int
    private let depth: Int
    /// Whether the method is HEAD, whose answers have no body.
    let isHead: Bool

    /// What all copies may take together.
    static let totalBytesMax = 1 << 30
    private static let chunkBytes = 16_384
    /// Fields that say where the message ends or what becomes of the connection are this program's.
    private static let ownFields: Set<String> = ["content-length", "transfer-encoding", "connection", "expect", "upgrade", "te", "trailer"]

    init(_ options: Options, _ target: Target) throws(OptionError) {
        let body = try Self.body(options)
        let method = options.method ?? (body == nil ? "GET" : "POST")
        try Self.check(method: method)
        for field in options.fields { try Self.check(field: field) }
        var head = "\(method) \(target.path) HTTP/1.1\r\n"
        if !options.fields.contains(where: { $0.lowercased().hasPrefix("host:") }) { head += "Host: \(target.authority)\r\n" }
        for field in options.fields { head += field + "\r\n" }
        if let body { head += options.isChunked ? "Transfer-Encoding: chunked\r\n" : "Content-Length: \(body.count)\r\n" }
        let content = options.isChunked ? Self.chunked(body ?? []) : body ?? []
        let request = Array((head + "\r\n").utf8) + content
        let closing = Array((head + "Connection: close\r\n\r\n").utf8) + content
        let total = request.count * options.depth + closing.count
        guard total <= Self.totalBytesMax else {
            throw OptionError("--pipeline \(options.depth) copies of such a body take \(total >> 20) MiB, more than 1024; use a smaller body or depth.")
        }
        isHead = method == "HEAD"
        requestBytes = request.count
        depth = options.depth
        unsafe memory = .allocate(byteCount: total, alignment: 64)
        var writer = unsafe ByteWriter(memory.baseAddress!, capacity: total)
        for _ in 0..<depth { writer.append(request.span) }
        writer.append(closing.span)
    }

    deinit { unsafe memory.deallocate() }

    /// So many requests in a row; the last one asks for the connection's end if `closing`.
    func batch(_ count: Int, closing: Bool) -> UnsafeRawBufferPointer {
        precondition(count > 0 && count <= depth, "a batch has 1 to depth requests")
        guard closing else { return unsafe UnsafeRawBufferPointer(rebasing: memory[..<(count * requestBytes)]) }
        return unsafe UnsafeRawBufferPointer(rebasing: memory[((depth - count + 1) * requestBytes)...])
    }

    // MARK: Parts

    private static func check(method: String) throws(OptionError) {
        guard !method.isEmpty, method.utf8.allSatisfy(ByteSet.token.contains) else {
            throw OptionError("--method \(method) is not a method; use letters, such as GET.")
        }
        if method == "CONNECT" { throw OptionError("--method CONNECT opens a tunnel, not a load; use another method.") }
    }

    private static func check(field: String) throws(OptionError) {
        guard let colon = field.utf8.firstIndex(of: ASCII.colon), colon > field.startIndex,
            field.utf8[..<colon].allSatisfy(ByteSet.token.contains), field.utf8.allSatisfy(\.isFieldValueByte)
        else {
            throw OptionError("--header \(field) is not a field; write 'Name: value'.")
        }
        let name = field[..<colon].lowercased()
        if ownFields.contains(name) {
            throw OptionError("--header \(name) is not yours to set; see --chunked, --body-bytes and --requests-per-connection.")
        }
    }

    private static func body(_ options: Options) throws(OptionError) -> [UInt8]? {
        if let count = options.bodyBytes { return [UInt8](repeating: UInt8(ascii: "m"), count: count) }
        guard let path = options.bodyFile else { return nil }
        let descriptor = unsafe open(path, O_RDONLY)
        guard descriptor >= 0 else { throw OptionError("--body \(path) cannot be read; name a file that can.") }
        defer { _ = close(descriptor) }
        var body: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe read(descriptor, &piece, piece.count)
            guard count >= 0 else { throw OptionError("--body \(path) cannot be read; name a file that can.") }
            if count == 0 { return body }
            body += piece[..<count]
            guard body.count <= Options.bodyBytesMax else { throw OptionError("--body \(path) is too large; use at most \(Options.bodyBytesMax) bytes.") }
        }
    }

    private static func chunked(_ body: [UInt8]) -> [UInt8] {
        var encoded: [UInt8] = []
        var start = 0
        while start < body.count {
            let end = min(start + chunkBytes, body.count)
            encoded += Array("\(String(end - start, radix: 16))\r\n".utf8) + body[start..<end] + Array("\r\n".utf8)
            start = end
        }
        return encoded + Array("0\r\n\r\n".utf8)
    }
}
