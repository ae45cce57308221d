// The class `_martlet.LoopBase`: what of an event loop's methods is native. `martlet.loop.Loop` derives from it and from asyncio.SelectorEventLoop.

internal import CPython
internal import Martlet

@safe struct LoopBaseState {
    var loop: Unmanaged<LoopState>?
}

enum LoopBase {
    /// Set when the module is made.
    nonisolated(unsafe) static var type: Reference?

    /// The loop's state; nil with an exception raised when `__init__` has not run.
    static func loopState(_ object: Reference?) -> LoopState? {
        guard let object = unsafe object, let loop = unsafe state(of: object, as: LoopBaseState.self).pointee.loop else {
            unsafe Python.raise(martlet_exc_runtime_error(), "LoopBase.__init__ was not called")
            return nil
        }
        return unsafe loop.takeUnretainedValue()
    }

    static func makeType() -> Object? {
        var definition = TypeDefinition("martlet._martlet.LoopBase", byteCount: instanceBytes(LoopBaseState.self), isBase: true, isCollected: true)
        definition.documentation("The native half of martlet.Loop: ready queue, timers, and the wait on the ring.")
        unsafe definition.slot(Py_tp_init, unsafeBitCast(initialize, to: UnsafeMutableRawPointer.self))
        unsafe definition.slot(Py_tp_traverse, unsafeBitCast(traverse, to: UnsafeMutableRawPointer.self))
        unsafe definition.slot(Py_tp_clear, unsafeBitCast(clear, to: UnsafeMutableRawPointer.self))
        unsafe definition.slot(Py_tp_dealloc, unsafeBitCast(deallocate, to: UnsafeMutableRawPointer.self))
        unsafe definition.method("call_soon", fast: "call_soon(callback, *args, context=None)", callSoon)
        unsafe definition.method("call_soon_threadsafe", fast: "call_soon_threadsafe(callback, *args, context=None)", callSoonThreadsafe)
        unsafe definition.method("call_later", fast: "call_later(delay, callback, *args, context=None)", callLater)
        unsafe definition.method("call_at", fast: "call_at(when, callback, *args, context=None)", callAt)
        unsafe definition.method("_run_once", "One turn of the loop.", runOnce)
        unsafe definition.method("_timer_handle_cancelled", one: "A timer was cancelled before it was due.", timerCancelled)
        unsafe definition.method("_wait", one: "Waits at most so many seconds (None: for ever); for the selector in debug mode.", wait)
        unsafe definition.method("_adopt", one: "Takes a timer handle over that Python code has made.", adopt)
        unsafe definition.method("_wake", "Ends the wait, from any thread.", wake)
        unsafe definition.method("_set_debug", one: "Debug mode runs asyncio's own code.", setDebug)
        unsafe definition.method("_close_native", "Lets go of everything.", close)
        unsafe definition.attribute("_ready", "Handles that run in the next turn.", get: getReady, set: ignore)
        unsafe definition.attribute("engine_name", "io_uring or epoll", get: engineName)
        unsafe definition.attribute("engine_reason", "Which engine runs and why, in one line.", get: engineReason)
        return definition.make()
    }

    // MARK: Life

    private static let initialize: @convention(c) (Reference?, Reference?, Reference?) -> Int32 = { object, arguments, names in
        guard let object = unsafe object else { return -1 }
        var text: UnsafePointer<CChar>?
        guard unsafe martlet_parse_engine(arguments, names, &text) else { return -1 }
        let wanted = unsafe text.map { unsafe String(cString: $0) } ?? "auto"
        guard let engine = EngineChoice(rawValue: wanted) else {
            unsafe Python.raise(martlet_exc_value_error(), "engine must be auto, uring or epoll, not \(wanted)")
            return -1
        }
        guard let made = unsafe LoopState(loop: object, engine: engine) else { return -1 }
        return unsafe install(made, in: object) ? 0 : -1
    }

    /// False with an exception raised.
    static func install(_ loop: LoopState, in object: Reference) -> Bool {
        let place = unsafe state(of: object, as: LoopBaseState.self)
        guard unsafe place.pointee.loop == nil else {
            unsafe Python.raise(martlet_exc_runtime_error(), "LoopBase.__init__ was called twice")
            return false
        }
        unsafe place.pointee.loop = Unmanaged.passRetained(loop)
        return true
    }

    private static let traverse: @convention(c) (Reference?, visitproc?, UnsafeMutableRawPointer?) -> Int32 = { object, visit, argument in
        guard let object = unsafe object, let visit = unsafe visit else { return 0 }
        // Instances own their class, which is made at run time.
        let code = unsafe visit(martlet_type_object(object), argument)
        guard code == 0, let loop = unsafe state(of: object, as: LoopBaseState.self).pointee.loop else { return code }
        return unsafe loop.takeUnretainedValue().visit(visit, argument)
    }

    private static let clear: @convention(c) (Reference?) -> Int32 = { object in
        guard let object = unsafe object else { return 0 }
        if let loop = unsafe state(of: object, as: LoopBaseState.self).pointee.loop { unsafe loop.takeUnretainedValue().clear() }
        return 0
    }

    private static let deallocate: @convention(c) (Reference?) -> Void = { object in
        guard let object = unsafe object else { return }
        unsafe PyObject_GC_UnTrack(object)
        let place = unsafe state(of: object, as: LoopBaseState.self)
        if let loop = unsafe place.pointee.loop {
            unsafe place.pointee.loop = nil
            unsafe loop.takeUnretainedValue().close()
            unsafe loop.release()
        }
        unsafe martlet_free(object)
    }

    private static let close: NoArguments = { object, _ in
        guard let loop = unsafe loopState(object) else { return nil }
        loop.close()
        return unsafe Python.none.leave()
    }

    // MARK: Scheduling

    /// The arguments of a call_… method: what comes first, the callback and its arguments as a tuple, the context.
    @safe private struct Call: ~Copyable {
        let arguments: Object
        let context: Reference?

        /// - Parameter fixed: how many positional arguments come before the callback's own, the callback included.
        init?(_ values: UnsafePointer<Reference?>?, _ count: Int, _ names: Reference?, fixed: Int, _ method: StaticString, _ state: LoopState) {
            guard count >= fixed, let values = unsafe values else {
                unsafe Python.raise(martlet_exc_type_error(), "\(method)() needs a callback")
                return nil
            }
            var given: Reference?
            if let names = unsafe names {
                guard unsafe martlet_tuple_count(names) == 1, unsafe PyUnicode_Compare(martlet_tuple_item(names, 0), state.names.context) == 0 else {
                    unsafe Python.raise(martlet_exc_type_error(), "\(method)() takes no keyword argument but context")
                    return nil
                }
                unsafe given = unsafe values[count]
            }
            let own = count - fixed
            guard let tuple = unsafe own == 0 ? Object(state.names.emptyTuple) : Object(taking: PyTuple_New(own)) else { return nil }
            for index in 0..<own { unsafe martlet_tuple_fill(tuple.reference, index, values[fixed + index]!.counted()) }
            unsafe context = unsafe given
            arguments = tuple
        }
    }

    private static func isClosed(_ loop: LoopState) -> Bool {
        guard loop.isClosed else { return false }
        unsafe Python.raise(martlet_exc_runtime_error(), "Event loop is closed")
        return true
    }

    private static let callSoon: FastArguments = { object, values, count, names in
        guard let loop = unsafe loopState(object) else { return nil }
        if loop.isDebug { return unsafe slowly(loop.names.slowCallSoon, object, values, count, names) }
        guard !isClosed(loop), let call = unsafe Call(values, count, names, fixed: 1, "call_soon", loop),
            let handle = unsafe loop.layout.handle(values![0]!, call.arguments.copy(), call.context, object!)
        else { return nil }
        loop.append(handle.copy())
        return unsafe handle.leave()
    }

    private static let callSoonThreadsafe: FastArguments = { object, values, count, names in
        guard let loop = unsafe loopState(object) else { return nil }
        if loop.isDebug { return unsafe slowly(loop.names.slowCallSoonThreadsafe, object, values, count, names) }
        guard !isClosed(loop), let call = unsafe Call(values, count, names, fixed: 1, "call_soon_threadsafe", loop),
            let handle = unsafe loop.layout.handle(values![0]!, call.arguments.copy(), call.context, object!)
        else { return nil }
        loop.append(handle.copy())
        loop.wake()
        return unsafe handle.leave()
    }

    /// `function(self, *args, **names)`.
    private static func slowly(
        _ function: Reference, _ object: Reference?, _ values: UnsafePointer<Reference?>?, _ count: Int, _ names: Reference?
    ) -> Reference? {
        var all: [Reference?] = unsafe [object]
        let named = unsafe names.map { unsafe martlet_tuple_count($0) } ?? 0
        for index in 0..<count + named { unsafe all.append(values![index]) }
        return unsafe martlet_call(function, all, count + 1, names)
    }

    private static let callLater: FastArguments = { object, values, count, names in
        guard let loop = unsafe loopState(object), let delay = unsafe seconds(values, count, "call_later", "delay") else { return nil }
        let when = loop.seconds() + delay
        if loop.isDebug { return unsafe scheduleSlowly(loop, object, when, values, count, names) }
        return unsafe schedule(loop, object!, when, values, count, names, "call_later")
    }

    private static let callAt: FastArguments = { object, values, count, names in
        guard let loop = unsafe loopState(object), let when = unsafe seconds(values, count, "call_at", "when") else { return nil }
        if loop.isDebug { return unsafe scheduleSlowly(loop, object, when, values, count, names) }
        return unsafe schedule(loop, object!, when, values, count, names, "call_at")
    }

    private static func seconds(_ values: UnsafePointer<Reference?>?, _ count: Int, _ method: StaticString, _ name: StaticString) -> Double? {
        guard count >= 2, let first = unsafe values?[0] else {
            unsafe Python.raise(martlet_exc_type_error(), "\(method)() needs \(name) and a callback")
            return nil
        }
        if unsafe first == martlet_none() {
            unsafe Python.raise(martlet_exc_type_error(), "\(name) must not be None")
            return nil
        }
        let seconds = unsafe PyFloat_AsDouble(first)
        if unsafe seconds == -1 && PyErr_Occurred() != nil { return nil }
        // It has no place in an order.
        if seconds.isNaN {
            unsafe Python.raise(martlet_exc_value_error(), "\(name) must be a number of seconds, not nan")
            return nil
        }
        return seconds
    }

    /// `call_at_checked(self, when, callback, *args, **names)`.
    private static func scheduleSlowly(
        _ loop: LoopState, _ object: Reference?, _ when: Double, _ values: UnsafePointer<Reference?>?, _ count: Int, _ names: Reference?
    ) -> Reference? {
        guard let time = unsafe Object(taking: PyFloat_FromDouble(when)) else { return nil }
        var all: [Reference?] = unsafe [object, time.reference]
        let named = unsafe names.map { unsafe martlet_tuple_count($0) } ?? 0
        for index in 1..<count + named { unsafe all.append(values![index]) }
        return unsafe martlet_call(loop.names.slowCallAt, all, count + 1, names)
    }

    private static func schedule(
        _ loop: LoopState, _ object: Reference, _ when: Double, _ values: UnsafePointer<Reference?>?, _ count: Int, _ names: Reference?, _ method: StaticString
    ) -> Reference? {
        guard !isClosed(loop), let call = unsafe Call(values, count, names, fixed: 2, method, loop),
            let handle = unsafe loop.layout.timer(when, values![1]!, call.arguments.copy(), call.context, object)
        else { return nil }
        loop.timers.insert(when, handle.copy())
        return unsafe handle.leave()
    }

    private static let adopt: NoArguments = { object, handle in
        guard let loop = unsafe loopState(object), let handle = unsafe handle else { return nil }
        guard unsafe loop.layout.isTimer(handle), let when = unsafe Python.attribute(handle, "_when") else {
            return unsafe Python.raise(martlet_exc_type_error(), "only an asyncio.TimerHandle can be scheduled")
        }
        let seconds = unsafe PyFloat_AsDouble(when.reference)
        if unsafe seconds == -1 && PyErr_Occurred() != nil { return nil }
        unsafe loop.layout.markScheduled(handle, true)
        loop.timers.insert(seconds, unsafe Object(handle))
        return unsafe Python.none.leave()
    }

    private static let timerCancelled: NoArguments = { object, handle in
        guard let loop = unsafe loopState(object), let handle = unsafe handle else { return nil }
        if unsafe loop.layout.isKnown(handle) && loop.layout.isScheduled(handle) { loop.timers.noteCancelled() }
        return unsafe Python.none.leave()
    }

    // MARK: Turning

    private static let runOnce: NoArguments = { object, _ in
        guard let loop = unsafe loopState(object), let none = loop.runOnce() else { return nil }
        return unsafe none.leave()
    }

    private static let wait: NoArguments = { object, argument in
        guard let loop = unsafe loopState(object), let argument = unsafe argument else { return nil }
        var seconds: Double?
        if unsafe argument != martlet_none() {
            let value = unsafe PyFloat_AsDouble(argument)
            if unsafe value == -1 && PyErr_Occurred() != nil { return nil }
            seconds = max(0, value)
        }
        guard loop.waitForSelector(atMost: seconds) else { return nil }
        return unsafe Python.none.leave()
    }

    private static let wake: NoArguments = { object, _ in
        guard let loop = unsafe loopState(object) else { return nil }
        loop.wake()
        return unsafe Python.none.leave()
    }

    private static let setDebug: NoArguments = { object, flag in
        guard let loop = unsafe loopState(object), let flag = unsafe flag else { return nil }
        loop.isDebug = unsafe PyObject_IsTrue(flag) == 1
        return unsafe Python.none.leave()
    }

    // MARK: Attributes

    private static let getReady: Getter = { object, _ in
        guard let object = unsafe object, let view = unsafe ReadyView.make(object) else { return nil }
        return unsafe view.leave()
    }

    /// asyncio's own `__init__` sets a deque, which nobody needs.
    private static let ignore: Setter = { _, _, _ in 0 }

    private static let engineName: Getter = { object, _ in
        guard let loop = unsafe loopState(object), let text = Python.string(loop.core.usesRing ? "io_uring" : "epoll") else { return nil }
        return unsafe text.leave()
    }

    private static let engineReason: Getter = { object, _ in
        guard let loop = unsafe loopState(object), let text = Python.string(loop.core.engineReason) else { return nil }
        return unsafe text.leave()
    }
}
