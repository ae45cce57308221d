// The extension module `_simulation`, for tests: runs of a simulated network, one at a time, under the host that is linked into the same library.
//
// The library is also `martlet._martlet`: whoever loads both from it has a loop whose wait is the simulated engine. Everything happens on one thread,
// with the GIL; only the simulated kernel and its clients run inside the loop's wait, and they touch no Python object.

internal import CPython
internal import MartletPython
internal import MartletSimulation

typealias Reference = UnsafeMutablePointer<PyObject>
typealias Function = @convention(c) (Reference?, UnsafePointer<Reference?>?, Int) -> Reference?

/// The run that the module's functions speak of.
nonisolated(unsafe) private var current: SimulatedRun?

@_cdecl("PyInit__simulation")
public func makeModule() -> UnsafeMutableRawPointer? {
    let definition = UnsafeMutablePointer<PyModuleDef>.allocate(capacity: 1)
    unsafe definition.initialize(to: martlet_module_definition(text("_simulation"), text("Simulated networks under Martlet's Python host.")))
    guard let module = unsafe martlet_module(definition) else { return nil }
    let functions: [PyMethodDef] = unsafe [
        method("begin", "begin(seed, faults, is_ring_like, receive_buffers, receive_bytes, window_min, window_max, high_water_bytes)", begin),
        method("place", "place(loop): does the work of LoopBase.__init__.", place),
        method("client", "client(script, after_nanoseconds): a client that connects and follows the script.", client),
        method("clients", "What each client saw, in order.", clients),
        method("is_finished", "True when every client has done what its script says.", isFinished),
        method("time", "Virtual seconds.", time),
        method("settle", "Lets what is under way reach the clients, when the loop has ended.", settle),
        method("standing", "(buffers lent, sockets open, bytes lent)", standing),
        method("digest", "A number that stands for everything that happened.", digest),
        method("class_references", "(references to the class of exchanges, to that of awaitables)", classReferences),
        method("end", "Lets go of the run.", end),
        PyMethodDef(),
    ]
    let table = unsafe UnsafeMutablePointer<PyMethodDef>.allocate(capacity: functions.count)
    unsafe table.initialize(from: functions, count: functions.count)
    guard unsafe PyModule_AddFunctions(module, table) == 0 else { return nil }
    return UnsafeMutableRawPointer(module)
}

private func method(_ name: StaticString, _ documentation: StaticString, _ function: @escaping Function) -> PyMethodDef {
    unsafe PyMethodDef(ml_name: text(name), ml_meth: unsafeBitCast(function, to: PyCFunction.self), ml_flags: METH_FASTCALL, ml_doc: text(documentation))
}

/// The run, or nil with an exception raised.
private func running() -> SimulatedRun? {
    if let run = unsafe current { return run }
    return raise("no run has begun")
}

// MARK: A run's life

private let begin: Function = { _, values, count in
    guard unsafe current == nil else { return unsafe raise("a run has begun already") }
    guard let arguments = unsafe Arguments(values, count, expecting: 8), let run = SimulatedRun(arguments) else { return nil }
    unsafe current = run
    return unsafe none()
}

private let place: Function = { _, values, count in
    guard let run = running(), let arguments = unsafe Arguments(values, count, expecting: 1), let core = run.takeCore() else { return nil }
    let clock = run.network.clock
    guard unsafe ForeignCore.place(UnsafeMutableRawPointer(arguments[0]), on: core, clock: { Double(clock.now) * 1e-9 }) else { return nil }
    return unsafe none()
}

private let end: Function = { _, _, _ in
    unsafe current = nil
    return unsafe none()
}

// MARK: Clients

private let client: Function = { _, values, count in
    guard let run = running(), let arguments = unsafe Arguments(values, count, expecting: 2), let script = unsafe Script.steps(arguments[0]),
        let delay = arguments.integer(1)
    else { return nil }
    run.add(script, after: UInt64(delay))
    return unsafe none()
}

private let clients: Function = { _, _, _ in
    guard let run = running() else { return nil }
    guard let list = unsafe PyList_New(run.network.clients.count) else { return nil }
    for (index, client) in run.network.clients.enumerated() {
        let received = unsafe client.received.withUnsafeBytes { bytes in
            unsafe PyBytes_FromStringAndSize(bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        let seen = unsafe tuple([
            received, PyLong_FromLong(client.writtenCount), boolean(client.sawEnd), boolean(client.sawReset), boolean(client.wasRefused),
            boolean(client.didReset), boolean(client.didFinishSending),
        ])
        guard let seen = unsafe seen else {
            unsafe martlet_decref(list)
            return nil
        }
        unsafe martlet_list_fill(list, index, seen)
    }
    return unsafe list
}

private let isFinished: Function = { _, _, _ in
    guard let run = running() else { return nil }
    return unsafe boolean(run.network.isFinished)
}

// MARK: What happened

private let time: Function = { _, _, _ in
    guard let run = running() else { return nil }
    return unsafe PyFloat_FromDouble(Double(run.network.clock.now) * 1e-9)
}

private let settle: Function = { _, _, _ in
    guard let run = running() else { return nil }
    run.settle()
    return unsafe none()
}

private let standing: Function = { _, _, _ in
    guard let run = running() else { return nil }
    return unsafe tuple([
        PyLong_FromLong(run.network.lentCount), PyLong_FromLong(run.network.openCount), PyLong_FromLong(run.bytesLent),
    ])
}

private let digest: Function = { _, _, _ in
    guard let run = running() else { return nil }
    return unsafe PyLong_FromUnsignedLongLong(run.network.digest)
}

private let classReferences: Function = { _, _, _ in
    let counts = ForeignCore.classReferences
    return unsafe tuple([PyLong_FromLong(counts.exchanges), PyLong_FromLong(counts.awaitables)])
}
