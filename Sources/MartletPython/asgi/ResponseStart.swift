// The head of an answer as the application gave it: checked, and spelled for the wire, but held until the first piece of the body is known.

internal import CPython
internal import Martlet
internal import MartletBytes
internal import MartletEngine
internal import MartletHTTP
internal import MartletHTTP1

@safe struct ResponseStart {
    private(set) var status = Status.ok
    /// What Content-Length promised.
    private(set) var length: UInt64?
    /// Of that, what the body has not brought yet.
    private var remaining: UInt64 = 0
    /// Fields that would otherwise be the server's.
    private(set) var own = OwnFields.none
    /// The application asked for `Connection: close`.
    private(set) var closes = false
    /// Room for the field lines of most answers, behind the exchange's state.
    private let memory: UnsafeMutableRawPointer
    private var byteCount = 0
    /// The field lines when they do not fit.
    private var overflow: [UInt8] = []

    /// Bytes of `memory`.
    static let memoryBytes = 256

    init(_ memory: UnsafeMutableRawPointer) { unsafe self.memory = unsafe memory }

    /// Lends the field lines.
    func withFields<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        if !overflow.isEmpty { return unsafe overflow.withUnsafeBytes { unsafe body($0) } }
        return unsafe body(UnsafeRawBufferPointer(start: memory, count: byteCount))
    }

    /// The server answered in the application's place.
    mutating func fail() { status = .internalServerError }

    // MARK: The promised length

    /// Counts a piece of the body; false when it goes beyond the promise.
    mutating func take(_ byteCount: Int) -> Bool {
        guard length != nil else { return true }
        guard UInt64(byteCount) <= remaining else { return false }
        remaining -= UInt64(byteCount)
        return true
    }

    /// The body has brought less than it promised.
    var isShort: Bool { length != nil && remaining > 0 }
    /// Whatever the application sends, no body goes out (RFC 9110 §15.3.5, §15.4.5).
    var hasNoBody: Bool { status == .noContent || status == .notModified }

    // MARK: From a message

    /// Takes `status` and `headers`; false with an exception raised.
    mutating func set(_ status: Status, _ headers: Reference?, _ scratch: FieldScratch) -> Bool {
        self.status = status
        // An earlier one may have been refused half-way.
        (length, remaining, own, closes, overflow) = (nil, 0, .none, false, [])
        scratch.begin()
        if let headers = unsafe headers, unsafe headers != martlet_none() {
            guard unsafe read(headers, scratch) else { return false }
        }
        scratch.appendExtras(status)
        byteCount = scratch.count
        if byteCount <= Self.memoryBytes {
            unsafe scratch.withBytes { unsafe memory.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
        } else {
            overflow = unsafe scratch.withBytes { unsafe Array($0) }
        }
        return true
    }

    private mutating func read(_ headers: Reference, _ scratch: FieldScratch) -> Bool {
        guard let sequence = unsafe FieldPairs.sequence(headers, "headers") else { return false }
        for index in unsafe 0..<FieldPairs.count(sequence.reference) {
            guard let pair = unsafe FieldPairs(FieldPairs.item(sequence.reference, index), "headers"), keep(pair, scratch) else { return false }
        }
        return true
    }

    private mutating func keep(_ pair: borrowing FieldPairs, _ scratch: FieldScratch) -> Bool {
        switch FieldName(pair.name) {
        case .contentLength: return keepLength(pair.value)
        // The server frames the body (ASGI: ignored when the application sends it).
        case .transferEncoding: return true
        case .connection:
            if isClose(pair.value) { closes = true }
            return true
        case .server: own.insert(.server)
        case .date: own.insert(.date)
        default: break
        }
        return scratch.append(pair)
    }

    private mutating func keepLength(_ value: Span<UInt8>) -> Bool {
        var number: UInt64 = 0
        var isNumber = !value.isEmpty && value.count <= 18
        for index in value.indices {
            if value[index] < 0x30 || value[index] > 0x39 { isNumber = false }
            if isNumber { number = number * 10 + UInt64(value[index] - 0x30) }
        }
        guard isNumber, length == nil || length == number else {
            unsafe Python.raise(martlet_exc_value_error(), "'headers': content-length must be one decimal number")
            return false
        }
        length = number
        remaining = number
        return true
    }

    private func isClose(_ value: Span<UInt8>) -> Bool {
        let close: [UInt8] = [0x63, 0x6C, 0x6F, 0x73, 0x65]
        guard value.count == close.count else { return false }
        for index in value.indices where value[index] | 0x20 != close[index] { return false }
        return true
    }
}

/// One name and value of an application's header list; bytes, lent by their objects.
@safe struct FieldPairs: ~Copyable {
    private let pair: Object
    private let nameObject: Reference
    private let valueObject: Reference

    /// nil with an exception raised that names the key.
    init?(_ item: Reference, _ key: StaticString) {
        guard let pair = unsafe FieldPairs.sequence(item, key) else { return nil }
        guard unsafe FieldPairs.count(pair.reference) == 2 else {
            unsafe Python.raise(martlet_exc_value_error(), "'\(key)' must be pairs of a name and a value, both bytes")
            return nil
        }
        let name = unsafe FieldPairs.item(pair.reference, 0), value = unsafe FieldPairs.item(pair.reference, 1)
        guard unsafe martlet_is_bytes(name), unsafe martlet_is_bytes(value) else {
            unsafe Python.raise(martlet_exc_type_error(), "'\(key)' must be pairs of a name and a value, both bytes")
            return nil
        }
        unsafe nameObject = unsafe name
        unsafe valueObject = unsafe value
        self.pair = pair
    }

    var name: Span<UInt8> { @_lifetime(borrow self) get { unsafe _overrideLifetime(bytesSpan(nameObject), borrowing: self) } }
    var value: Span<UInt8> { @_lifetime(borrow self) get { unsafe _overrideLifetime(bytesSpan(valueObject), borrowing: self) } }

    /// A list or a tuple of what can be iterated.
    static func sequence(_ object: Reference, _ key: StaticString) -> Object? {
        if unsafe martlet_is_exact_list(object) || martlet_is_exact_tuple(object) { return unsafe Object(object) }
        guard let iterator = unsafe Object(taking: PyObject_GetIter(object)) else {
            PyErr_Clear()
            unsafe Python.raise(martlet_exc_type_error(), "'\(key)' must be an iterable of pairs of bytes")
            return nil
        }
        // What the application's own iterator raises is the application's.
        return unsafe Object(taking: PySequence_List(iterator.reference))
    }

    static func count(_ sequence: Reference) -> Int {
        unsafe martlet_is_exact_list(sequence) ? martlet_list_count(sequence) : martlet_tuple_count(sequence)
    }

    static func item(_ sequence: Reference, _ index: Int) -> Reference {
        unsafe martlet_is_exact_list(sequence) ? martlet_list_item(sequence, index) : martlet_tuple_item(sequence, index)
    }
}

/// The bytes of a bytes object; valid as long as the object, which is for the caller to see to.
@_lifetime(immortal)
func bytesSpan(_ object: Reference) -> Span<UInt8> {
    let span = unsafe Span<UInt8>(_unsafeBytes: UnsafeRawBufferPointer(start: martlet_bytes_start(object), count: martlet_bytes_count(object)))
    return unsafe _overrideLifetime(span, copying: ())
}
