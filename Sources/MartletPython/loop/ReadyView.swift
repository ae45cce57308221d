// `loop._ready` as asyncio's own code uses it: signals, readers and C tasks append to it directly.

internal import CPython

@safe struct ReadyViewState {
    /// The loop, counted.
    var loop: Reference?
}

enum ReadyView {
    /// Set when the module is made.
    nonisolated(unsafe) static var type: Reference?

    static func make(_ loop: Reference) -> Object? {
        guard let type = unsafe type, let view = unsafe Object(taking: martlet_allocate(type)) else { return nil }
        unsafe state(of: view.reference, as: ReadyViewState.self).pointee.loop = unsafe loop.counted()
        return view
    }

    static func makeType() -> Object? {
        var definition = TypeDefinition("martlet._martlet.Ready", byteCount: instanceBytes(ReadyViewState.self))
        definition.documentation("Handles that run in the next turn.")
        unsafe definition.slot(Py_tp_dealloc, unsafeBitCast(deallocate, to: UnsafeMutableRawPointer.self))
        unsafe definition.slot(Py_sq_length, unsafeBitCast(length, to: UnsafeMutableRawPointer.self))
        unsafe definition.slot(Py_sq_item, unsafeBitCast(item, to: UnsafeMutableRawPointer.self))
        unsafe definition.method("append", one: "Adds a handle.", append)
        unsafe definition.method("popleft", "Takes the first handle.", popFirst)
        unsafe definition.method("clear", "Drops all handles.", clear)
        return definition.make()
    }

    private static func loopState(_ view: Reference?) -> LoopState? {
        unsafe LoopBase.loopState(view.flatMap { unsafe state(of: $0, as: ReadyViewState.self).pointee.loop })
    }

    private static let deallocate: @convention(c) (Reference?) -> Void = { view in
        guard let view = unsafe view else { return }
        if let loop = unsafe state(of: view, as: ReadyViewState.self).pointee.loop { unsafe martlet_decref(loop) }
        unsafe martlet_free(view)
    }

    private static let length: @convention(c) (Reference?) -> Int = { view in
        unsafe loopState(view)?.ready.count ?? -1
    }

    private static let item: @convention(c) (Reference?, Int) -> Reference? = { view, index in
        guard let loop = unsafe loopState(view) else { return nil }
        guard let found = unsafe loop.ready.item(index) else { return unsafe Python.raise(martlet_exc_index_error(), "no handle has this index") }
        return unsafe found.counted()
    }

    private static let append: NoArguments = { view, handle in
        guard let loop = unsafe loopState(view), let handle = unsafe handle else { return nil }
        loop.append(unsafe Object(handle))
        return unsafe Python.none.leave()
    }

    private static let popFirst: NoArguments = { view, _ in
        guard let loop = unsafe loopState(view) else { return nil }
        guard let first = loop.ready.popFirst() else { return unsafe Python.raise(martlet_exc_index_error(), "no handle is ready") }
        return unsafe first.leave()
    }

    private static let clear: NoArguments = { view, _ in
        guard let loop = unsafe loopState(view) else { return nil }
        while loop.ready.popFirst() != nil {}
        return unsafe Python.none.leave()
    }
}
