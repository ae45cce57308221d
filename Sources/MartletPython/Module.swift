internal import CPython

@_cdecl("PyInit__martlet")
public func PyInit__martlet() -> UnsafeMutablePointer<PyObject>? {
    let definition = UnsafeMutablePointer<PyModuleDef>.allocate(capacity: 1)
    unsafe definition.initialize(to: PyModuleDef())
    return nil
}
