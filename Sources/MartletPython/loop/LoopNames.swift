// Names and functions of Python that loops need, looked up once for the process.

internal import CPython

@safe final class LoopNames {
    /// Made with the first loop, and kept.
    nonisolated(unsafe) private static var made: LoopNames?

    /// Nil with an exception raised.
    static func shared() -> LoopNames? {
        if unsafe made == nil { unsafe made = LoopNames() }
        return unsafe made
    }

    let stopping = unsafe Python.interned("_stopping")
    let selector = unsafe Python.interned("_selector")
    let processEvents = unsafe Python.interned("_process_events")
    let run = unsafe Python.interned("_run")
    let cancelled = unsafe Python.interned("_cancelled")
    let done = unsafe Python.interned("done")
    let setResult = unsafe Python.interned("set_result")
    let context = unsafe Python.interned("context")
    let loop = unsafe Python.interned("loop")
    /// `selectors.EpollSelector.select`, whatever a class derived from it does.
    let select: Reference
    let zero: Reference
    let emptyTuple: Reference
    let futureType: Reference
    /// `(loop,)`: the names of a call with a loop.
    let loopOnly: Reference
    /// `martlet.loop.report_failure(handle, exception)`.
    let reportFailure: Reference
    /// The classes' own functions, for debug mode.
    let slowCallSoon: Reference
    let slowCallSoonThreadsafe: Reference
    let slowRunOnce: Reference
    /// `martlet.loop.call_at_checked(loop, when, callback, *args, context=None)`.
    let slowCallAt: Reference

    private init?() {
        guard let zero = unsafe Object(taking: PyLong_FromLong(0)), let emptyTuple = unsafe Object(taking: PyTuple_New(0)),
            let futureType = Python.importing("asyncio", "Future"), let loopOnly = unsafe Object(taking: PyTuple_New(1)),
            let reportFailure = Python.importing("martlet.loop", "report_failure"),
            let selector = Python.importing("selectors", "EpollSelector"), let select = unsafe Python.attribute(selector.reference, "select"),
            let base = Python.importing("asyncio", "BaseEventLoop"),
            let slowCallSoon = unsafe Python.attribute(base.reference, "call_soon"),
            let slowCallSoonThreadsafe = unsafe Python.attribute(base.reference, "call_soon_threadsafe"),
            let slowRunOnce = unsafe Python.attribute(base.reference, "_run_once"),
            let slowCallAt = Python.importing("martlet.loop", "call_at_checked")
        else { return nil }
        unsafe martlet_tuple_fill(loopOnly.reference, 0, loop.counted())
        unsafe self.select = unsafe select.leave()
        unsafe self.zero = zero.leave()
        unsafe self.emptyTuple = emptyTuple.leave()
        unsafe self.futureType = futureType.leave()
        unsafe self.loopOnly = loopOnly.leave()
        unsafe self.reportFailure = reportFailure.leave()
        unsafe self.slowCallSoon = slowCallSoon.leave()
        unsafe self.slowCallSoonThreadsafe = slowCallSoonThreadsafe.leave()
        unsafe self.slowRunOnce = slowRunOnce.leave()
        unsafe self.slowCallAt = slowCallAt.leave()
    }
}
