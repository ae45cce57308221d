// What `receive()` and `send()` return: done already, or waiting on a future of the loop's.
//
// A coroutine to everybody who asks (`send`, `throw`, `close`, `__await__`), so that `asyncio.create_task(receive())` works.

internal import CPython

/// Whoever can be waited for.
enum Wait: UInt8 {
    /// Done: the value is there.
    case none
    /// The next message of a request.
    case message
    /// Room in the connection's output.
    case room
}

@safe struct AwaitableState {
    var wait: Wait
    /// The value of one that is done.
    var value: Slot
    /// The exchange that is waited for.
    var exchange: Slot
    /// The future waited on, and the iterator over it.
    var future: Slot
    var iterator: Slot
}

@safe enum Awaitable {
    /// Both are set when the module is made.
    nonisolated(unsafe) static var type: Reference?
    /// Done, with None; the same for everybody.
    nonisolated(unsafe) static var done: Reference?

    static func makeType() -> Object? {
        var definition = TypeDefinition("martlet._martlet.Awaitable", byteCount: instanceBytes(AwaitableState.self))
        definition.documentation("The result of receive() and send().")
        unsafe definition.slot(Py_tp_dealloc, unsafeBitCast(deallocate, to: UnsafeMutableRawPointer.self))
        unsafe definition.slot(Py_am_await, unsafeBitCast(identity, to: UnsafeMutableRawPointer.self))
        unsafe definition.slot(Py_am_send, unsafeBitCast(advance, to: UnsafeMutableRawPointer.self))
        unsafe definition.slot(Py_tp_iter, unsafeBitCast(identity, to: UnsafeMutableRawPointer.self))
        unsafe definition.slot(Py_tp_iternext, unsafeBitCast(next, to: UnsafeMutableRawPointer.self))
        unsafe definition.method("send", one: "As a coroutine's.", send)
        unsafe definition.method("throw", fast: "As a coroutine's.", raise)
        unsafe definition.method("close", "As a coroutine's.", close)
        return definition.make()
    }

    // MARK: Making

    static func waiting(_ wait: Wait, _ exchange: Reference) -> Object? {
        guard let made = make() else { return nil }
        unsafe state(of: made.reference, as: AwaitableState.self).pointee.wait = wait
        unsafe state(of: made.reference, as: AwaitableState.self).pointee.exchange.set(Object(exchange))
        return made
    }

    static func finished(_ value: consuming Object) -> Object? {
        guard let made = make() else { return nil }
        unsafe state(of: made.reference, as: AwaitableState.self).pointee.value.set(value)
        return made
    }

    static func make() -> Object? {
        guard let type = unsafe type else { return nil }
        return unsafe Object(taking: martlet_allocate(type))
    }

    private static let deallocate: @convention(c) (Reference?) -> Void = { object in
        guard let object = unsafe object else { return }
        let own = unsafe state(of: object, as: AwaitableState.self)
        unsafe stopWaiting(own)
        unsafe own.pointee.value.clear()
        unsafe own.pointee.exchange.clear()
        unsafe martlet_free(object)
    }

    // MARK: The iterator protocol

    private static let identity: @convention(c) (Reference?) -> Reference? = { unsafe $0?.counted() }

    private static let advance: @convention(c) (Reference?, Reference?, UnsafeMutablePointer<Reference?>?) -> PySendResult = { object, argument, result in
        guard let object = unsafe object, let result = unsafe result else { return PYGEN_ERROR }
        return unsafe step(state(of: object), argument, result)
    }

    private static func step(
        _ own: UnsafeMutablePointer<AwaitableState>, _ argument: Reference?, _ result: UnsafeMutablePointer<Reference?>
    ) -> PySendResult {
        guard unsafe own.pointee.wait != .none else {
            unsafe result.pointee = unsafe own.pointee.value.isEmpty ? Python.none.leave() : own.pointee.value.take()!.leave()
            return PYGEN_RETURN
        }
        while true {
            if unsafe own.pointee.iterator.isEmpty {
                guard let exchange = unsafe own.pointee.exchange.reference else { return PYGEN_ERROR }
                switch unsafe ASGIExchange.outcome(of: own.pointee.wait, exchange) {
                case .value(let value):
                    unsafe result.pointee = unsafe value
                    return PYGEN_RETURN
                case .raised:
                    return PYGEN_ERROR
                case .pending:
                    guard unsafe beginWaiting(own, exchange) else { return PYGEN_ERROR }
                }
            }
            guard let iterator = unsafe own.pointee.iterator.reference else { return PYGEN_ERROR }
            var produced: Reference?
            let sent = unsafe PyIter_Send(iterator, argument ?? martlet_none(), &produced)
            if sent == PYGEN_NEXT {
                unsafe result.pointee = unsafe produced
                return PYGEN_NEXT
            }
            unsafe stopWaiting(own)
            if sent == PYGEN_ERROR { return PYGEN_ERROR }
            if let produced = unsafe produced { unsafe martlet_decref(produced) }
        }
    }

    private static func beginWaiting(_ own: UnsafeMutablePointer<AwaitableState>, _ exchange: Reference) -> Bool {
        guard let future = unsafe ASGIExchange.makeFuture(exchange), let iterator = unsafe Object(taking: PyObject_GetIter(future.reference)) else {
            return false
        }
        unsafe ASGIExchange.addWaiter(future.reference, own.pointee.wait, exchange)
        unsafe own.pointee.future.set(future)
        unsafe own.pointee.iterator.set(iterator)
        return true
    }

    private static func stopWaiting(_ own: UnsafeMutablePointer<AwaitableState>) {
        if let future = unsafe own.pointee.future.reference, let exchange = unsafe own.pointee.exchange.reference {
            unsafe ASGIExchange.removeWaiter(future, exchange)
        }
        unsafe own.pointee.iterator.clear()
        unsafe own.pointee.future.clear()
    }

    private static let next: @convention(c) (Reference?) -> Reference? = { object in
        unsafe send(object, martlet_none())
    }

    /// The value is raised inside StopIteration, as coroutines do.
    private static let send: NoArguments = { object, argument in
        guard let object = unsafe object else { return nil }
        var result: Reference?
        let sent = unsafe step(state(of: object), argument, &result)
        if sent == PYGEN_NEXT { return unsafe result }
        if sent == PYGEN_RETURN, let value = unsafe result {
            unsafe martlet_raise_stop_iteration(value)
            unsafe martlet_decref(value)
        }
        return nil
    }

    private static let raise: FastArguments = { object, values, count, names in
        guard let object = unsafe object, let values = unsafe values, count >= 1 else { return nil }
        let own = unsafe state(of: object, as: AwaitableState.self)
        guard let iterator = unsafe own.pointee.iterator.reference else {
            unsafe martlet_raise_given(values, count)
            return nil
        }
        // Kept: what is thrown may drop this object.
        let keptObject = unsafe Object(object), keptIterator = unsafe Object(iterator)
        defer { withExtendedLifetime(keptObject) {} }
        guard let method = unsafe Python.attribute(keptIterator.reference, "throw") else { return nil }
        if let produced = unsafe martlet_call(method.reference, values, count, nil) { return unsafe produced }
        unsafe stopWaiting(own)
        return nil
    }

    private static let close: NoArguments = { object, _ in
        guard let object = unsafe object else { return nil }
        unsafe stopWaiting(state(of: object))
        return unsafe Python.none.leave()
    }
}
