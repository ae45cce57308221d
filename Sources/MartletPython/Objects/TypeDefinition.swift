// Makes Python classes from Swift functions. The tables live as long as the process, as Python wants.

internal import CPython

typealias NoArguments = @convention(c) (Reference?, Reference?) -> Reference?
typealias FastArguments = @convention(c) (Reference?, UnsafePointer<Reference?>?, Int, Reference?) -> Reference?
typealias Getter = @convention(c) (Reference?, UnsafeMutableRawPointer?) -> Reference?
typealias Setter = @convention(c) (Reference?, Reference?, UnsafeMutableRawPointer?) -> Int32

/// A class under construction.
@safe struct TypeDefinition {
    private let name: StaticString
    private let byteCount: Int
    private let flags: UInt
    private var slots: [PyType_Slot] = unsafe []
    private var methods: [PyMethodDef] = unsafe []
    private var attributes: [PyGetSetDef] = unsafe []

    /// - Parameters:
    ///   - byteCount: size of an instance with its object header.
    ///   - isBase: whether Python code may derive from it.
    ///   - isCollected: whether the garbage collector looks for cycles through it; then it has slots to traverse and to clear.
    init(_ name: StaticString, byteCount: Int, isBase: Bool = false, isCollected: Bool = false) {
        self.name = name
        self.byteCount = byteCount
        flags = MARTLET_TYPE_DEFAULT | (isBase ? MARTLET_TYPE_BASE : 0) | (isCollected ? MARTLET_TYPE_COLLECTED : 0)
    }

    mutating func slot(_ number: Int32, _ function: UnsafeMutableRawPointer) {
        unsafe slots.append(PyType_Slot(slot: number, pfunc: function))
    }

    mutating func documentation(_ text: StaticString) {
        unsafe slot(Py_tp_doc, unsafe UnsafeMutableRawPointer(mutating: Python.cString(text)))
    }

    /// A method without arguments.
    mutating func method(_ name: StaticString, _ documentation: StaticString, _ function: @escaping NoArguments) {
        unsafe methods.append(Self.methodDefinition(name, documentation, function))
    }

    static func methodDefinition(_ name: StaticString, _ documentation: StaticString, _ function: @escaping NoArguments) -> PyMethodDef {
        unsafe PyMethodDef(ml_name: Python.cString(name), ml_meth: function, ml_flags: METH_NOARGS, ml_doc: Python.cString(documentation))
    }

    /// A method with one argument.
    mutating func method(_ name: StaticString, one documentation: StaticString, _ function: @escaping NoArguments) {
        unsafe methods.append(PyMethodDef(ml_name: Python.cString(name), ml_meth: function, ml_flags: METH_O, ml_doc: Python.cString(documentation)))
    }

    /// A method with positional and named arguments.
    mutating func method(_ name: StaticString, fast documentation: StaticString, _ function: @escaping FastArguments) {
        unsafe methods.append(PyMethodDef(
            ml_name: Python.cString(name), ml_meth: unsafeBitCast(function, to: PyCFunction.self), ml_flags: METH_FASTCALL | METH_KEYWORDS,
            ml_doc: Python.cString(documentation)))
    }

    mutating func attribute(_ name: StaticString, _ documentation: StaticString, get: @escaping Getter, set: Setter? = nil) {
        unsafe attributes.append(PyGetSetDef(
            name: Python.cString(name), get: get, set: set, doc: Python.cString(documentation), closure: nil))
    }

    /// The class; nil with an exception raised.
    consuming func make() -> Object? {
        if unsafe !methods.isEmpty {
            unsafe methods.append(PyMethodDef())
            unsafe slot(Py_tp_methods, unsafe Self.forever(methods))
        }
        if unsafe !attributes.isEmpty {
            unsafe attributes.append(PyGetSetDef())
            unsafe slot(Py_tp_getset, unsafe Self.forever(attributes))
        }
        unsafe slots.append(PyType_Slot())
        var specification = unsafe PyType_Spec(
            name: Python.cString(name), basicsize: Int32(byteCount), itemsize: 0, flags: UInt32(flags),
            slots: Self.forever(slots).assumingMemoryBound(to: PyType_Slot.self))
        return unsafe Object(taking: PyType_FromSpec(&specification))
    }

    private static func forever<Entry>(_ entries: [Entry]) -> UnsafeMutableRawPointer {
        let place = UnsafeMutablePointer<Entry>.allocate(capacity: entries.count)
        unsafe place.initialize(from: entries, count: entries.count)
        return UnsafeMutableRawPointer(place)
    }
}

/// An instance's own bytes, behind its object header.
func state<State>(of object: Reference, as: State.Type = State.self) -> UnsafeMutablePointer<State> {
    unsafe (UnsafeMutableRawPointer(object) + instanceHeaderBytes).assumingMemoryBound(to: State.self)
}

/// Size of an instance with such a state.
func instanceBytes<State>(_: State.Type) -> Int { instanceHeaderBytes + MemoryLayout<State>.stride }

private let instanceHeaderBytes = unsafe (MemoryLayout<PyObject>.stride + 15) & ~15
