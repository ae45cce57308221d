// The beginning of every answer, rendered once a second: status line of a 200, Server, Date.

internal import MartletBytes
internal import MartletEngine
internal import MartletHTTP

@safe struct Preamble: ~Copyable {
    private let memory: PageMemory
    private static let okLine: StaticString = "HTTP/1.1 200 OK\r\n"
    private let serverName: String?
    private let sendsDate: Bool
    private(set) var byteCount = 0
    /// Where the Date line begins.
    private var dateStart = 0
    private var validUntil: Nanoseconds = 0

    init(serverName: String?, sendsDate: Bool) throws(SystemError) {
        memory = try PageMemory(byteCount: 4096)
        self.serverName = serverName.map { String($0.prefix(256)) }
        self.sendsDate = sendsDate
        render()
    }

    /// Renders anew when the second is over. Reads the wall clock then only.
    mutating func update(now: Nanoseconds) {
        guard now >= validUntil else { return }
        validUntil = now + 250_000_000
        render()
    }

    private mutating func render() {
        var writer = unsafe ByteWriter(memory.base, capacity: memory.byteCount)
        writer.append(Self.okLine)
        if let serverName {
            writer.append("Server: ")
            for byte in serverName.utf8 { writer.append(byte) }
            writer.append("\r\n")
        }
        dateStart = writer.count
        if sendsDate {
            writer.append("Date: ")
            HTTPDate.write(secondsSinceEpoch: Clock.secondsSinceEpoch(), into: &writer)
            writer.append("\r\n")
        }
        byteCount = writer.count
    }

    /// Status line of a 200, then the fields.
    func appendOK(into writer: inout ByteWriter) {
        unsafe writer.append(UnsafeRawBufferPointer(start: memory.base, count: byteCount))
    }

    /// The fields alone, for another status line, but those that the answer has itself.
    func appendFields(without own: OwnFields, into writer: inout ByteWriter) {
        let start = own.contains(.server) ? dateStart : Self.okLine.utf8CodeUnitCount
        let end = own.contains(.date) ? dateStart : byteCount
        unsafe writer.append(UnsafeRawBufferPointer(start: memory.base + start, count: end - start))
    }
}
