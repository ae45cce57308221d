// Runs a coroutine as a task of the loop: at once where Python can, else from the ready queue.

internal import CPython

@safe struct TaskFactory: ~Copyable {
    private let taskType: Reference
    private let loop: Reference
    private let done: Reference
    /// `("loop", "eager_start")`, or `("loop",)` before Python 3.12.5 (3.12.1 crashes when such a task is asked for its coroutine).
    private let argumentNames: Reference
    private let isEager: Bool

    init?(_ loop: LoopState) {
        isEager = martlet_running_version() >= 0x030C_0500
        guard let type = Python.importing("asyncio", "Task"), let names = unsafe Object(taking: PyTuple_New(isEager ? 2 : 1)) else { return nil }
        unsafe martlet_tuple_fill(names.reference, 0, Python.interned("loop"))
        if isEager { unsafe martlet_tuple_fill(names.reference, 1, Python.interned("eager_start")) }
        unsafe taskType = unsafe type.leave()
        unsafe argumentNames = unsafe names.leave()
        unsafe self.loop = unsafe loop.loop
        unsafe done = unsafe Python.interned("done")
    }

    deinit {
        unsafe martlet_decref(taskType)
        unsafe martlet_decref(argumentNames)
    }

    /// The task; one that is done already needed to wait for nothing. Nil with an exception raised.
    func start(_ coroutine: borrowing Object) -> Object? {
        var arguments: InlineArray<3, Reference?> = unsafe [coroutine.reference, loop, martlet_true()]
        return unsafe withUnsafePointer(to: &arguments) {
            unsafe Object(taking: martlet_call(taskType, UnsafeRawPointer($0).assumingMemoryBound(to: Reference?.self), 1, argumentNames))
        }
    }

    func isDone(_ task: borrowing Object) -> Bool {
        guard isEager else { return false }
        guard let result = unsafe Object(taking: martlet_call_method0(task.reference, done)) else {
            PyErr_Clear()
            return false
        }
        return unsafe result.reference == martlet_true()
    }
}
