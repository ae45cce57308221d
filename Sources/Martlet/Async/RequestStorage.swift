// A copy of a request's bytes and table, for handlers that outlive the receive buffer. Reused, so that the steady state allocates nothing.

internal import MartletEngine
internal import MartletHTTP

struct RequestStorage {
    private(set) var head = RequestHead()
    private(set) var bytes: [UInt8] = []

    /// Memory that a request may leave behind; more is given back before the next one.
    private static let keptBytesMax = 65_536

    /// The body, when it came whole.
    var wholeBody: Span<UInt8> {
        @_lifetime(borrow self) get { bytes.span.extracting(head.byteCount..<bytes.count) }
    }

    var wholeBodyCopy: [UInt8] { Array(bytes[head.byteCount...]) }

    mutating func copy(_ request: borrowing Request) {
        head = unsafe request.core.pointee.head
        if bytes.capacity > Self.keptBytesMax { bytes = [] }
        bytes.removeAll(keepingCapacity: true)
        unsafe bytes.append(contentsOf: UnsafeRawBufferPointer(start: request.core.pointee.headBytes, count: head.byteCount))
        unsafe bytes.append(contentsOf: request.core.pointee.bodyBytes)
    }
}
