// What the head of a request says, as offsets into the bytes that were received.
//
// Owns: the facts of one head. Never knows: where the bytes are, which version's codec found the facts.
// Swift 6.3 loads a whole borrowed struct before it takes an element out of it: 800 bytes for one row. What reads rows
// therefore has an addressable self, which is read in place.
// Invariants: every range lies within [0, byteCount) of the head's bytes; rows of `fields` from `fieldCount` on are
// leftovers of earlier requests and mean nothing, so that starting anew touches no row.

/// How the body of a request is delimited (RFC 9112 §6.3).
@frozen
public enum BodyFraming: Hashable, Sendable {
    /// No body: neither Content-Length nor Transfer-Encoding was sent.
    case none
    /// Exactly so many bytes follow the head.
    case length(UInt64)
    /// The chunked transfer coding follows the head.
    case chunked
}

/// The form of a request target (RFC 9112 §3.2).
@frozen
public enum TargetForm: UInt8, Sendable {
    /// `/path?query`.
    case origin
    /// `http://authority/path?query`: the authority counts, and the Host field agrees with it.
    case absolute
    /// `host:port`, for CONNECT alone.
    case authority
    /// `*`, for OPTIONS alone.
    case asterisk
}

/// A run of bytes within a head.
@frozen
public struct ByteRange: Hashable, Sendable {
    /// Offset of the first byte from the head's first byte.
    public let start: UInt16
    public let count: UInt16

    @inlinable
    public init(start: UInt16, count: UInt16) {
        self.start = start
        self.count = count
    }

    /// Takes offsets within a head, start not after end.
    @inlinable
    package init(_ start: Int, _ end: Int) {
        // Nothing is cut off: a head has at most 65,535 bytes (Limits.headBytesCeiling).
        self.start = UInt16(truncatingIfNeeded: start)
        self.count = UInt16(truncatingIfNeeded: end &- start)
    }

    @inlinable package static var empty: ByteRange { ByteRange(start: 0, count: 0) }

    @inlinable public var isEmpty: Bool { count == 0 }

    /// The same as a range of indices.
    @inlinable public var range: Range<Int> { Int(start)..<Int(start) + Int(count) }

    /// The bytes themselves.
    ///
    /// - Parameter bytes: bytes that start at the head's first byte.
    @inlinable
    @_lifetime(copy bytes)
    public func bytes(in bytes: Span<UInt8>) -> Span<UInt8> {
        bytes.extracting(range)
    }
}

/// One field line of a head: 8 bytes.
@frozen
public struct Field: Sendable {
    public let nameStart: UInt16
    public let nameCount: UInt8
    /// Raw value of the ``FieldName``.
    public let token: UInt8
    public let valueStart: UInt16
    public let valueCount: UInt16

    @inlinable
    package init(nameStart: UInt16, nameCount: UInt8, token: UInt8, valueStart: UInt16, valueCount: UInt16) {
        self.nameStart = nameStart
        self.nameCount = nameCount
        self.token = token
        self.valueStart = valueStart
        self.valueCount = valueCount
    }

    @inlinable public var knownName: FieldName { FieldName(rawValue: token) }

    /// The name as it was received.
    @inlinable public var name: ByteRange { ByteRange(start: nameStart, count: UInt16(nameCount)) }

    /// The value without white space around it.
    @inlinable public var value: ByteRange { ByteRange(start: valueStart, count: valueCount) }
}

/// The head of one request. It holds no reference to the bytes: give them to whatever needs them, starting at the
/// head's first byte. Trivially copyable, about 900 bytes; make one and use it again.
@frozen
public struct RequestHead: Sendable {
    /// Size of the head in bytes, with its blank line and any empty line skipped before it.
    public package(set) var byteCount = 0

    public package(set) var method = Method.other
    public package(set) var version = Version.http11
    public package(set) var targetForm = TargetForm.origin
    public package(set) var framing = BodyFraming.none

    /// Whether the connection may carry another request after this one (RFC 9112 §9.3).
    public package(set) var keepsAlive = false
    /// Whether the client waits for 100 (Continue) before it sends its body (RFC 9110 §10.1.1).
    public package(set) var expectsContinue = false
    /// Whether this is a GET without a body that asks for another protocol (RFC 9110 §7.8). What follows the head then
    /// belongs to that protocol, if the server switches.
    public package(set) var wantsUpgrade = false
    /// Whether the target has a `?`; the query after it may be empty.
    public package(set) var hasQuery = false

    /// The method's bytes.
    public package(set) var methodRange = ByteRange.empty
    /// The whole request target.
    public package(set) var target = ByteRange.empty
    /// The target's path, still percent-encoded. Empty for ``TargetForm/authority`` and for an absolute form that ends
    /// with its authority, where it stands for `/` (for `*` when the method is OPTIONS).
    public package(set) var path = ByteRange.empty
    /// What follows the first `?`, without it.
    public package(set) var query = ByteRange.empty
    /// Host and port: the target's if its form has them, else the Host field's, else empty (HTTP/1.0 only).
    public package(set) var authority = ByteRange.empty

    /// Rows of ``fields`` in use.
    public package(set) var fieldCount = 0
    /// Bit n is set when the name with the number n occurs; bit 0 stands for all names without a number.
    public package(set) var present: UInt64 = 0
    /// The field lines in the order in which they came; only the first ``fieldCount`` rows mean anything. To read a row
    /// use ``field(at:)``, which does not copy the table.
    public package(set) var fields: InlineArray<100, Field>

    public init() {
        fields = InlineArray(
            repeating: Field(nameStart: 0, nameCount: 0, token: 0, valueStart: 0, valueCount: 0))
    }

    /// Whether a known name occurs.
    @inlinable
    public func has(_ name: FieldName) -> Bool {
        present &>> UInt64(name.rawValue) & 1 == 1 // The shift is at most 63.
    }

    /// A row of ``fields``.
    @inlinable
    @_addressableSelf
    public func field(at index: Int) -> Field { fields[index] }

    /// Row of the first field with a known name, or nil. ``FieldName/unknown`` finds the first name without a number.
    // Inlined for the mask's sake: most look-ups end there.
    @inlinable
    @_addressableSelf
    public func firstIndex(of name: FieldName) -> Int? {
        has(name) ? nextIndex(of: name, from: 0) : nil
    }

    /// Row of the first field with a known name among those from `start` on, or nil.
    @_addressableSelf
    public func nextIndex(of name: FieldName, from start: Int) -> Int? {
        var index = start
        while index < fieldCount {
            if fields[index].token == name.rawValue { return index }
            index += 1
        }
        return nil
    }

    /// Value of the first field with a known name, or nil.
    ///
    /// - Parameter bytes: bytes that start at the head's first byte.
    @_addressableSelf
    @_lifetime(copy bytes)
    public func value(of name: FieldName, in bytes: Span<UInt8>) -> Span<UInt8>? {
        guard let index = firstIndex(of: name) else { return nil }
        return field(at: index).value.bytes(in: bytes)
    }
}
