// The bytes of a response's head and of its chunks, written into the caller's memory.
//
// Owns: the spelling. Never knows: in which order a response is put together, how much room there is (the caller
// reserves it: see the byte counts below). Invariant: whatever a handler supplies, the bytes written are exactly one
// status line or one field line; a handler cannot split a response or contradict its framing.

public import MartletBytes
public import MartletHTTP

/// Why a field that a handler supplied is refused.
@frozen
public enum ResponseFieldError: UInt8, Error, Sendable {
    /// The name is empty or has a character that is not permitted in a token.
    case invalidName
    /// The value has a control character: CR and LF would end the line (response splitting).
    case invalidValue
    /// Content-Length, Transfer-Encoding and Connection are the server's to write, from what it knows of the body.
    case ownedByServer
}

/// Writes the parts of a response. Every function needs the room it is documented to take.
public enum ResponseSerializer {
    /// Most bytes of a status line.
    public static var statusLineBytesMax: Int { 64 }
    /// Bytes of a Date line.
    public static var dateBytes: Int { 6 + HTTPDate.byteCount + 2 }
    /// Most bytes of a Content-Length line.
    public static var contentLengthBytesMax: Int { 16 + 20 + 2 }
    /// Bytes of the Transfer-Encoding line.
    public static var chunkedBytes: Int { 28 }
    /// Most bytes of a Connection line.
    public static var connectionBytesMax: Int { 24 }
    /// Most bytes before a chunk's data.
    public static var chunkHeadBytesMax: Int { 16 + 2 }
    /// Bytes after a chunk's data.
    public static var chunkTailBytes: Int { 2 }
    /// Bytes of the last chunk and the empty trailer section.
    public static var lastChunkBytes: Int { 5 }

    /// Bytes of a field line.
    @inlinable
    public static func fieldBytes(nameCount: Int, valueCount: Int) -> Int {
        nameCount + 2 + valueCount + 2
    }

    /// The status line, with the registered reason phrase or none.
    public static func statusLine(_ status: Status, into writer: inout ByteWriter) {
        if status == .ok {
            // By far the most frequent one.
            writer.append("HTTP/1.1 200 OK\r\n")
            return
        }
        writer.append("HTTP/1.1 ")
        writer.appendDecimal(UInt64(status.code), digits: 3)
        writer.append(ASCII.space)
        writer.append(status.reason)
        writer.append("\r\n")
    }

    /// The status line with a reason phrase of the handler's (PEP 3333 gives it one). Takes 15 bytes and the phrase's.
    public static func statusLine(
        _ status: Status, reason: Span<UInt8>, into writer: inout ByteWriter
    ) throws(ResponseFieldError) {
        try checkValue(reason)
        writer.append("HTTP/1.1 ")
        writer.appendDecimal(UInt64(status.code), digits: 3)
        writer.append(ASCII.space)
        writer.append(reason)
        writer.append("\r\n")
    }

    /// A field line with a known name.
    public static func field(
        name: FieldName, value: Span<UInt8>, into writer: inout ByteWriter
    ) throws(ResponseFieldError) {
        precondition(name != .unknown, "a name without a number is given by its bytes")
        try checkOwner(name)
        try checkValue(value)
        writer.append(name.canonicalName)
        writer.append(": ")
        writer.append(value)
        writer.append("\r\n")
    }

    /// A field line with a known name and a literal for a value, which is not checked.
    // Inlined always: with a literal name the line is a few stores.
    @inlinable @inline(__always)
    public static func field(
        name: FieldName, value: StaticString, into writer: inout ByteWriter
    ) throws(ResponseFieldError) {
        precondition(name != .unknown, "a name without a number is given by its bytes")
        try checkOwner(name)
        writer.append(name.canonicalName, ": ", value, "\r\n")
    }

    /// A field line with any name; known names are found, so that none that is the server's slips through.
    public static func field(
        name: Span<UInt8>, value: Span<UInt8>, into writer: inout ByteWriter
    ) throws(ResponseFieldError) {
        try checkName(name)
        try checkOwner(FieldName(name))
        try checkValue(value)
        writer.append(name)
        writer.append(": ")
        writer.append(value)
        writer.append("\r\n")
    }

    /// A field line of two literals, which are not checked: they are the program's own.
    public static func field(name: StaticString, value: StaticString, into writer: inout ByteWriter) {
        writer.append(name)
        writer.append(": ")
        writer.append(value)
        writer.append("\r\n")
    }

    /// The Date line (RFC 9110 §6.6.1): 37 bytes, good for a whole second.
    public static func date(secondsSinceEpoch: Int64, into writer: inout ByteWriter) {
        writer.append("Date: ")
        HTTPDate.write(secondsSinceEpoch: secondsSinceEpoch, into: &writer)
        writer.append("\r\n")
    }

    /// The Server line. The product is not checked.
    public static func server(_ product: StaticString, into writer: inout ByteWriter) {
        writer.append("Server: ")
        writer.append(product)
        writer.append("\r\n")
    }

    /// The lines that say how the body is delimited and what becomes of the connection.
    // Inlined always, like what it calls: part of one straight run per answer.
    @inlinable @inline(__always)
    public static func framing(_ framing: ResponseFraming, into writer: inout ByteWriter) {
        switch framing.body {
        case .none, .untilClose: break
        case .announced(let length), .length(let length): contentLength(length, into: &writer)
        case .chunked: writer.append("Transfer-Encoding: chunked\r\n")
        }
        switch framing.connection {
        case .absent: break
        case .close: writer.append("Connection: close\r\n")
        case .keepAlive: writer.append("Connection: keep-alive\r\n")
        }
    }

    /// The Content-Length line.
    @inlinable @inline(__always)
    public static func contentLength(_ length: UInt64, into writer: inout ByteWriter) {
        writer.append("Content-Length: ")
        writer.appendDecimal(length)
        writer.append("\r\n")
    }

    /// The lines that go with 101: Connection and Upgrade.
    public static func upgrade(to protocolName: StaticString, into writer: inout ByteWriter) {
        writer.append("Connection: Upgrade\r\nUpgrade: ")
        writer.append(protocolName)
        writer.append("\r\n")
    }

    /// The blank line that ends a head.
    @inlinable @inline(__always)
    public static func endOfHead(into writer: inout ByteWriter) {
        writer.append("\r\n")
    }

    /// What precedes a chunk of `byteCount` bytes, which must not be zero: a chunk of none would end the body.
    public static func chunkHead(byteCount: Int, into writer: inout ByteWriter) {
        precondition(byteCount > 0, "a chunk without data would end the body")
        writer.appendHex(UInt64(byteCount))
        writer.append("\r\n")
    }

    /// What follows a chunk's data.
    public static func chunkTail(into writer: inout ByteWriter) {
        writer.append("\r\n")
    }

    /// The last chunk and an empty trailer section.
    public static func lastChunk(into writer: inout ByteWriter) {
        writer.append("0\r\n\r\n")
    }

    /// Whether the bytes can be a field name.
    public static func checkName(_ name: Span<UInt8>) throws(ResponseFieldError) {
        guard !name.isEmpty else { throw .invalidName }
        for index in name.indices where !ByteSet.token.contains(name[index]) { throw .invalidName }
    }

    /// Whether the bytes can be a field value.
    public static func checkValue(_ value: Span<UInt8>) throws(ResponseFieldError) {
        var index = 0
        let lastWord = value.count - 8
        while index < value.count {
            // Safe: index <= count - 8 is checked first.
            if index <= lastWord, unsafe value.word(unchecked: index).controlBytes == 0 {
                index &+= 8 // At most the count.
                continue
            }
            guard value[index].isFieldValueByte else { throw .invalidValue }
            index &+= 1
        }
    }

    @inlinable
    static func checkOwner(_ name: FieldName) throws(ResponseFieldError) {
        switch name {
        case .contentLength, .transferEncoding, .connection: throw .ownedByServer
        default: return
        }
    }
}
