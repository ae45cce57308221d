// The extension module `martlet._martlet`: its classes, made when it is imported.

internal import CPython

/// The one symbol that the library shows.
@_cdecl("PyInit__martlet")
public func makeModule() -> UnsafeMutableRawPointer? {
    guard martlet_is_right_python() else {
        unsafe Python.raise(martlet_exc_import_error(), "martlet._martlet was built for Python \(PY_MAJOR_VERSION).\(PY_MINOR_VERSION)")
        return nil
    }
    let definition = UnsafeMutablePointer<PyModuleDef>.allocate(capacity: 1)
    unsafe definition.initialize(to: martlet_module_definition("martlet._martlet", "The native half of Martlet."))
    guard let module = unsafe Object(taking: martlet_module(definition)), addTypes(to: module) else { return nil }
    return unsafe UnsafeMutableRawPointer(module.leave())
}

private func addTypes(to module: borrowing Object) -> Bool {
    guard let loop = LoopBase.makeType(), let ready = ReadyView.makeType(), let awaitable = Awaitable.makeType(),
        let exchange = ASGIExchange.makeType(), let service = ServiceType.makeType()
    else { return false }
    unsafe LoopBase.type = unsafe loop.copy().leave()
    unsafe ReadyView.type = unsafe ready.leave()
    unsafe Awaitable.type = unsafe awaitable.leave()
    unsafe ASGIExchange.type = unsafe exchange.leave()
    guard let done = Awaitable.make() else { return false }
    unsafe Awaitable.done = unsafe done.leave()
    return unsafe PyModule_AddObjectRef(module.reference, "LoopBase", loop.reference) == 0
        && PyModule_AddObjectRef(module.reference, "Service", service.reference) == 0
}
