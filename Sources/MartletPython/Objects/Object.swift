// References to Python objects. Everything here needs the GIL, which whoever calls into this module has.

internal import CPython

/// A reference as CPython's functions take and return it.
typealias Reference = UnsafeMutablePointer<PyObject>

/// One counted reference, given back at the end of its life.
@safe struct Object: ~Copyable {
    let reference: Reference

    /// Takes over a new reference; nil when the call that should have made it has raised.
    init?(taking new: Reference?) {
        guard let new = unsafe new else { return nil }
        unsafe reference = unsafe new
    }

    /// Takes over a reference that is known to be there.
    init(taking new: Reference) { unsafe reference = unsafe new }

    /// Counts one more reference to somebody else's.
    init(_ borrowed: Reference) {
        unsafe martlet_incref(borrowed)
        unsafe reference = unsafe borrowed
    }

    deinit { unsafe martlet_decref(reference) }

    /// Hands the reference over to whoever takes ownership: a return to Python, a table, a tuple.
    consuming func leave() -> Reference {
        let left = unsafe reference
        discard self
        return unsafe left
    }

    func copy() -> Object { unsafe Object(reference) }
    var isNone: Bool { unsafe reference == martlet_none() }
}

extension UnsafeMutablePointer where Pointee == PyObject {
    /// Counts one more reference, for a return or a table.
    func counted() -> Reference {
        unsafe martlet_incref(self)
        return unsafe self
    }
}

/// A place that owns a reference or is empty.
@safe struct Slot {
    private(set) var reference: Reference?

    var isEmpty: Bool { unsafe reference == nil }

    mutating func set(_ object: consuming Object) {
        let old = unsafe reference
        unsafe reference = unsafe object.leave()
        if let old = unsafe old { unsafe martlet_decref(old) }
    }

    /// Empties the place. What was in it may run Python code when it dies, so the place is empty before.
    mutating func clear() {
        guard let old = unsafe reference else { return }
        unsafe reference = nil
        unsafe martlet_decref(old)
    }

    mutating func take() -> Object? {
        defer { unsafe reference = nil }
        return unsafe Object(taking: reference)
    }
}

enum Python {
    static var none: Object { unsafe Object(martlet_none()) }

    /// A string that is made once for all time.
    static func interned(_ text: StaticString) -> Reference {
        guard let made = unsafe PyUnicode_InternFromString(cString(text)) else { preconditionFailure("no memory for a constant at start") }
        return unsafe made
    }

    static func string(_ text: String) -> Object? {
        var text = text
        let made = text.withUTF8 { utf8 in
            unsafe PyUnicode_DecodeUTF8(UnsafeRawPointer(utf8.baseAddress)?.assumingMemoryBound(to: CChar.self), utf8.count, "replace")
        }
        return unsafe Object(taking: made)
    }

    /// The interpreter's description of an object.
    static func description(_ object: Reference) -> String {
        guard let text = unsafe Object(taking: PyObject_Repr(object)) else {
            PyErr_Clear()
            return "an object"
        }
        return unsafe Python.text(text.reference) ?? "an object"
    }

    static func bytes(_ bytes: UnsafeRawBufferPointer) -> Object? {
        unsafe Object(taking: PyBytes_FromStringAndSize(bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count))
    }

    static func bytes(_ span: Span<UInt8>) -> Object? { unsafe span.withUnsafeBytes { unsafe bytes($0) } }

    /// The text of a str, or nil (nothing is raised then).
    static func text(_ object: Reference) -> String? {
        guard unsafe martlet_is_str(object) else { return nil }
        var count = 0
        guard let start = unsafe PyUnicode_AsUTF8AndSize(object, &count) else {
            PyErr_Clear()
            return nil
        }
        let bytes = unsafe UnsafeRawBufferPointer(start: start, count: count)
        return unsafe String(decoding: bytes, as: UTF8.self)
    }

    static func attribute(_ object: Reference, _ name: StaticString) -> Object? {
        unsafe Object(taking: PyObject_GetAttrString(object, cString(name)))
    }

    static func importing(_ module: StaticString, _ name: StaticString) -> Object? {
        guard let module = unsafe Object(taking: PyImport_ImportModule(cString(module))) else { return nil }
        return unsafe attribute(module.reference, name)
    }

    /// Raises an exception with a sentence; the nil is what the caller returns.
    @discardableResult
    static func raise(_ kind: Reference, _ sentence: String) -> Reference? {
        guard let text = string(sentence) else { return nil }
        unsafe PyErr_SetObject(kind, text.reference)
        return nil
    }

    static func cString(_ text: StaticString) -> UnsafePointer<CChar> {
        unsafe UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
    }
}
