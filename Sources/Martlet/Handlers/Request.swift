// A view of one request over the bytes that were received. It lives until `respond` returns.

internal import MartletEngine
public import MartletHTTP

/// A request: its head by offsets into the received bytes, and its body if that is here whole.
///
/// Nothing is copied or allocated by a look-up. Spans must not outlive the call that the request was given to.
@safe public struct Request: ~Copyable, ~Escapable {
    let core: CorePointer
    let slot: UInt32

    @_lifetime(immortal)
    init(core: CorePointer, slot: UInt32) {
        unsafe self.core = core
        self.slot = slot
    }

    public var method: Method { unsafe core.pointee.head.method }
    public var version: Version { unsafe core.pointee.head.version }

    /// The method's name as it was sent; names other than the registered ones are legal (RFC 9110 §9.1).
    public var methodName: Span<UInt8> { @_lifetime(borrow self) get { bytes(unsafe core.pointee.head.methodRange) } }
    /// The request target as it was sent (RFC 9112 §3.2).
    public var target: Span<UInt8> { @_lifetime(borrow self) get { bytes(unsafe core.pointee.head.target) } }
    /// The path, still percent-encoded; `*` for the asterisk form, empty for CONNECT.
    public var path: Span<UInt8> { @_lifetime(borrow self) get { bytes(unsafe core.pointee.head.path) } }
    /// What follows the question mark; empty without one.
    public var query: Span<UInt8> { @_lifetime(borrow self) get { bytes(unsafe core.pointee.head.query) } }
    /// Tells `/a?` from `/a`.
    public var hasQuery: Bool { unsafe core.pointee.head.hasQuery }

    /// How many field lines the head has.
    public var fieldCount: Int { unsafe core.pointee.head.fieldCount }

    /// The value of the first field of that name; nil without one.
    @_lifetime(borrow self)
    public func field(_ name: FieldName) -> Span<UInt8>? {
        guard let index = unsafe core.pointee.head.firstIndex(of: name) else { return nil }
        return fieldValue(at: index)
    }

    /// The known name of a field line, `.unknown` for others.
    public func knownFieldName(at index: Int) -> FieldName {
        precondition(index >= 0 && index < fieldCount, "a field line outside of the head")
        return unsafe core.pointee.head.fields[index].knownName
    }

    /// The name of a field line as it was sent.
    @_lifetime(borrow self)
    public func fieldName(at index: Int) -> Span<UInt8> {
        precondition(index >= 0 && index < fieldCount, "a field line outside of the head")
        return bytes(unsafe core.pointee.head.fields[index].name)
    }

    /// The value of a field line, without the white space around it.
    @_lifetime(borrow self)
    public func fieldValue(at index: Int) -> Span<UInt8> {
        precondition(index >= 0 && index < fieldCount, "a field line outside of the head")
        return bytes(unsafe core.pointee.head.fields[index].value)
    }

    /// The whole body; empty when there is none or when it is streamed.
    public var body: Span<UInt8> {
        @_lifetime(borrow self) get {
            let span = unsafe Span<UInt8>(_unsafeBytes: core.pointee.bodyBytes)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// What the head says of the body: none, a length, or chunks.
    public var framing: BodyFraming { unsafe core.pointee.head.framing }

    /// The core that serves the request, as an index into the server's cores.
    public var coreIndex: Int { unsafe core.pointee.index }

    @_lifetime(borrow self)
    private func bytes(_ range: ByteRange) -> Span<UInt8> {
        let end = Int(range.start) + Int(range.count)
        precondition(unsafe end <= core.pointee.head.byteCount, "a range outside of the head")
        let bytes = unsafe UnsafeRawBufferPointer(start: core.pointee.headBytes + Int(range.start), count: Int(range.count))
        let span = unsafe Span<UInt8>(_unsafeBytes: bytes)
        return unsafe _overrideLifetime(span, borrowing: self)
    }
}
