// Makes and reads asyncio's own handles without calling into Python: they keep their attributes in slots, whose places their classes tell.

internal import CPython

/// Where `asyncio.Handle` and `asyncio.TimerHandle` keep what they hold.
@safe struct HandleLayout {
    /// Made with the first loop, and kept.
    nonisolated(unsafe) private static var made: HandleLayout?

    /// Nil with an exception raised when this interpreter's handles are made another way.
    static func shared() -> HandleLayout? {
        if unsafe made == nil { unsafe made = HandleLayout() }
        return unsafe made
    }

    let handleType: Reference
    let timerType: Reference
    private let callback: Int
    private let arguments: Int
    private let cancelled: Int
    private let loop: Int
    private let traceback: Int
    private let description: Int
    private let context: Int
    private let when: Int
    private let scheduled: Int

    private init?() {
        guard let handle = Python.importing("asyncio", "Handle"), let timer = Python.importing("asyncio", "TimerHandle") else { return nil }
        callback = unsafe martlet_slot_offset(handle.reference, "_callback")
        arguments = unsafe martlet_slot_offset(handle.reference, "_args")
        cancelled = unsafe martlet_slot_offset(handle.reference, "_cancelled")
        loop = unsafe martlet_slot_offset(handle.reference, "_loop")
        traceback = unsafe martlet_slot_offset(handle.reference, "_source_traceback")
        description = unsafe martlet_slot_offset(handle.reference, "_repr")
        context = unsafe martlet_slot_offset(handle.reference, "_context")
        when = unsafe martlet_slot_offset(timer.reference, "_when")
        scheduled = unsafe martlet_slot_offset(timer.reference, "_scheduled")
        unsafe handleType = handle.leave()
        unsafe timerType = timer.leave()
        for offset in [callback, arguments, cancelled, loop, traceback, description, context, when, scheduled] where offset < 0 {
            unsafe Python.raise(martlet_exc_runtime_error(), "asyncio.Handle has no such slots as Martlet knows; this Python is not supported")
            return nil
        }
    }

    // MARK: Making

    /// A handle for a callback, in a context or in a copy of the present one.
    func handle(_ callback: Reference, _ arguments: consuming Object, _ context: Reference?, _ loop: Reference) -> Object? {
        unsafe make(handleType, callback, arguments, context, loop)
    }

    func timer(_ when: Double, _ callback: Reference, _ arguments: consuming Object, _ context: Reference?, _ loop: Reference) -> Object? {
        guard let timer = unsafe make(timerType, callback, arguments, context, loop), let time = unsafe Object(taking: PyFloat_FromDouble(when)) else {
            return nil
        }
        unsafe set(timer.reference, self.when, time)
        unsafe set(timer.reference, scheduled, Object(martlet_true()))
        return timer
    }

    private func make(
        _ type: Reference, _ callback: Reference, _ arguments: consuming Object, _ context: Reference?, _ loop: Reference
    ) -> Object? {
        guard let handle = unsafe Object(taking: martlet_allocate(type)) else { return nil }
        if let context = unsafe context, unsafe context != martlet_none() {
            unsafe set(handle.reference, self.context, Object(context))
        } else {
            guard let copy = unsafe Object(taking: PyContext_CopyCurrent()) else { return nil }
            unsafe set(handle.reference, self.context, copy)
        }
        unsafe set(handle.reference, self.callback, Object(callback))
        unsafe set(handle.reference, self.arguments, arguments)
        unsafe set(handle.reference, self.loop, Object(loop))
        unsafe set(handle.reference, cancelled, Object(martlet_false()))
        unsafe set(handle.reference, traceback, Python.none)
        unsafe set(handle.reference, description, Python.none)
        return handle
    }

    /// The slot is empty: the handle is new.
    private func set(_ handle: Reference, _ offset: Int, _ value: consuming Object) {
        unsafe place(handle, offset).pointee = value.leave()
    }

    private func place(_ handle: Reference, _ offset: Int) -> UnsafeMutablePointer<Reference?> {
        unsafe (UnsafeMutableRawPointer(handle) + offset).assumingMemoryBound(to: Reference?.self)
    }

    // MARK: Reading

    /// True for handles that are exactly asyncio's, so that their `_run` is known.
    func isKnown(_ handle: Reference) -> Bool {
        let type = unsafe UnsafeMutableRawPointer(martlet_type(handle))
        return unsafe type == UnsafeMutableRawPointer(handleType) || type == UnsafeMutableRawPointer(timerType)
    }

    func isTimer(_ handle: Reference) -> Bool {
        unsafe UnsafeMutableRawPointer(martlet_type(handle)) == UnsafeMutableRawPointer(timerType)
    }

    func isCancelled(_ handle: Reference) -> Bool { unsafe place(handle, cancelled).pointee == martlet_true() }
    func callback(of handle: Reference) -> Reference? { unsafe place(handle, callback).pointee }
    func arguments(of handle: Reference) -> Reference? { unsafe place(handle, arguments).pointee }
    func context(of handle: Reference) -> Reference? { unsafe place(handle, context).pointee }

    /// Whether the timer stands in the heap: when it does not, cancelling it does not concern the loop.
    func markScheduled(_ timer: Reference, _ isScheduled: Bool) {
        let place = unsafe place(timer, scheduled)
        let old = unsafe place.pointee
        unsafe place.pointee = unsafe (isScheduled ? martlet_true() : martlet_false()).counted()
        // One of the two constants, so nothing dies.
        if let old = unsafe old { unsafe martlet_decref(old) }
    }

    func isScheduled(_ timer: Reference) -> Bool { unsafe place(timer, scheduled).pointee == martlet_true() }
}
