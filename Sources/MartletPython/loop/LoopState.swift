// One event loop: callbacks that are ready, timers, and the core whose ring is waited on.
//
// Order of a turn: what callbacks wrote goes to the engine, the wait, what happened on sockets of the service, descriptors that Python code registered,
// timers that are due, and then the callbacks that were ready before the last of them began. Touched on the loop's thread only, but for
// `append` and `wake`, which need the GIL and nothing else.

internal import CPython
internal import Glibc
internal import Martlet
internal import MartletEngine

@safe final class LoopState {
    /// Belongs to the thread that runs the loop.
    private(set) var core: HostedCore
    private let engine: EngineChoice?
    let names: LoopNames
    let layout: HandleLayout
    /// The loop itself, which owns this.
    let loop: Reference
    var ready = ReadyQueue()
    var timers = TimerHeap()
    var isDebug = false
    var isClosed = false
    /// Who answers the requests of the loop's service.
    var service: ASGIService?
    private var selector: Reference?
    private var isWatching = false
    /// The service's handlers run, and with them first steps of applications.
    private var isTurning = false
    private var handler = HostHandler()
    /// A clock of somebody's own instead of the monotonic one.
    private let clock: (() -> Double)?

    /// A wait this long is as good as none that ends; asyncio has the same bound.
    private static let waitSecondsMax = 86_400.0
    private static let clockSecondsMax = 1e9

    /// nil with an exception raised.
    convenience init?(loop: Reference, engine: EngineChoice) {
        let core: HostedCore
        do throws(ServerError) {
            core = try HostedCore(engine: engine)
        } catch {
            unsafe Python.raise(martlet_exc_os_error(), "\(error)")
            return nil
        }
        unsafe self.init(loop: loop, core: core, engine: engine, clock: nil)
    }

    /// Without an engine to make another core with, the loop keeps this one. nil with an exception raised.
    init?(loop: Reference, core: HostedCore, engine: EngineChoice?, clock: (() -> Double)?) {
        guard let names = LoopNames.shared(), let layout = HandleLayout.shared() else { return nil }
        unsafe self.loop = unsafe loop
        self.core = core
        self.clock = clock
        self.names = names
        self.layout = layout
        self.engine = engine
    }

    /// A loop may be made on one thread and run on another, or go on in a forked child: there it needs an engine of its own.
    private func settle() -> Bool {
        if core.isHome || isClosed { return true }
        if service != nil {
            unsafe Python.raise(martlet_exc_runtime_error(), "a loop that serves runs on the thread on which its Service was made, in the same process")
            return false
        }
        guard let engine else {
            unsafe Python.raise(martlet_exc_runtime_error(), "the loop's core belongs to another thread or process")
            return false
        }
        do throws(ServerError) {
            let new = try HostedCore(engine: engine)
            core.close()
            core = new
        } catch {
            unsafe Python.raise(martlet_exc_os_error(), "\(error)")
            return false
        }
        isWatching = false
        return true
    }

    // MARK: Adding

    func append(_ handle: consuming Object) { ready.append(handle) }

    /// Ends the wait, from whichever thread.
    func wake() { core.wake() }

    /// `loop.time()`.
    func seconds() -> Double { clock.map { $0() } ?? Self.monotonicSeconds() }

    /// `time.monotonic()`, to the last bit.
    static func monotonicSeconds() -> Double { Double(Clock.precise()) / 1e9 }

    // MARK: A turn

    /// Nil with an exception raised.
    func runOnce() -> Object? {
        if isDebug { return unsafe Object(taking: martlet_call1(names.slowRunOnce, loop)) }
        guard let isStopping = unsafe isTrue(names.stopping) else { return nil }
        guard wait(atMost: ready.count > 0 || isStopping ? 0 : nil) else { return nil }
        if core.takeReadiness() {
            isWatching = false
            guard dispatchDescriptors() else { return nil }
        }
        var left = ready.count
        while left > 0, let handle = ready.popFirst() {
            left -= 1
            guard run(handle) else { return nil }
        }
        return Python.none
    }

    /// Waits, then does the service's work and finds the timers that are due. Called by the selector in debug mode.
    ///
    /// - Parameter seconds: the longest wait; nil: until something happens.
    func wait(atMost seconds: Double?) -> Bool {
        guard !isTurning else {
            unsafe Python.raise(martlet_exc_runtime_error(), "the loop cannot turn inside the first step of an application")
            return false
        }
        guard settle() else { return false }
        turnService()
        dropCancelledTimers()
        guard watchSelector() else { return false }
        let isBlocking = ready.count == 0 && seconds != 0
        // A handler of a signal may make something ready or end the loop; a signal from here on ends the wait (martlet.loop.Loop.run_forever).
        if isBlocking, PyErr_CheckSignals() != 0 { return false }
        let deadline = isBlocking && ready.count == 0 ? deadline(seconds) : 0
        if isBlocking || martlet_has_other_threads() {
            let saved = unsafe PyEval_SaveThread()
            core.wait(until: deadline)
            unsafe PyEval_RestoreThread(saved)
            // What has happened is kept for the next turn.
            if PyErr_CheckSignals() != 0 { return false }
        } else {
            core.wait(until: deadline)
        }
        turnService()
        takeDueTimers()
        return true
    }

    /// The same for a selector's `select`, which looks at its descriptors itself afterwards.
    func waitForSelector(atMost seconds: Double?) -> Bool {
        guard wait(atMost: seconds) else { return false }
        if core.takeReadiness() { isWatching = false }
        return true
    }

    private func deadline(_ seconds: Double?) -> Nanoseconds? {
        var end = seconds.map { self.seconds() + min($0, Self.waitSecondsMax) }
        if let next = timers.next { end = min(end ?? next, next) }
        // Rounded up: a wait that ends before the timer is due would be another turn. A machine does not run for longer than the bound.
        return end.map { Nanoseconds(max(1, min($0, Self.clockSecondsMax) * 1e9)) + 1 }
    }

    private func turnService() {
        isTurning = true
        let end = core.turn(&handler)
        isTurning = false
        if end == .serviceEnded { service?.hasEnded() }
        service?.endTurn()
    }

    private func dropCancelledTimers() {
        for unsafe handle in unsafe timers.takeCancelled(layout) { unsafe martlet_decref(handle) }
        while timers.popCancelled(layout) != nil {}
    }

    private func takeDueTimers() {
        guard timers.next != nil else { return }
        let end = self.seconds() + 1e-9
        while let handle = timers.popDue(end) {
            unsafe layout.markScheduled(handle.reference, false)
            if unsafe layout.isCancelled(handle.reference) {
                timers.noteCancelledLeft()
            } else {
                ready.append(handle)
            }
        }
    }

    // MARK: Descriptors of Python code

    private func watchSelector() -> Bool {
        if isWatching { return true }
        if unsafe selector == nil {
            guard let found = unsafe Object(taking: PyObject_GetAttr(loop, names.selector)) else { return false }
            unsafe selector = unsafe found.leave()
        }
        guard let selector = unsafe selector else { return false }
        let descriptor = unsafe PyObject_AsFileDescriptor(selector)
        guard descriptor >= 0 else { return false }
        core.watch(descriptor)
        isWatching = true
        return true
    }

    /// `self._process_events(EpollSelector.select(selector, 0))`: the callbacks become ready.
    private func dispatchDescriptors() -> Bool {
        guard let selector = unsafe selector else { return true }
        let arguments: [Reference?] = unsafe [selector, names.zero]
        guard let events = unsafe Object(taking: martlet_call(names.select, arguments, 2, nil)) else { return false }
        return unsafe Object(taking: martlet_call_method1(loop, names.processEvents, events.reference)) != nil
    }

    /// The loop is closed: nothing is watched or served any more.
    func close() {
        // First: what waits for a request is let go of by way of the ready queue.
        service?.loopClosed()
        isClosed = true
        service = nil
        handler.service = nil
        clear()
        core.close()
    }

    // MARK: The garbage collector

    /// Shows every reference that this owns.
    func visit(_ visit: visitproc, _ argument: UnsafeMutableRawPointer?) -> Int32 {
        for index in 0..<ready.count {
            let code = unsafe visit(ready.item(index), argument)
            if code != 0 { return code }
        }
        for index in 0..<timers.count {
            let code = unsafe visit(timers.item(index), argument)
            if code != 0 { return code }
        }
        guard let selector = unsafe selector else { return 0 }
        return unsafe visit(selector, argument)
    }

    /// Lets go of every reference that this owns.
    func clear() {
        while ready.popFirst() != nil {}
        while let handle = timers.popFirst() { unsafe layout.markScheduled(handle.reference, false) }
        let old = unsafe selector
        unsafe selector = nil
        if let old = unsafe old { unsafe martlet_decref(old) }
    }

    func attach(_ service: ASGIService) {
        self.service = service
        handler.service = service
    }

    // MARK: Running

    /// Runs a callback as `Handle._run` does; false for exceptions that end the loop.
    private func run(_ handle: consuming Object) -> Bool {
        guard unsafe layout.isKnown(handle.reference) else { return unsafe runUnknown(handle.reference) }
        if unsafe layout.isCancelled(handle.reference) { return true }
        guard let callback = unsafe layout.callback(of: handle.reference), let arguments = unsafe layout.arguments(of: handle.reference),
            let context = unsafe layout.context(of: handle.reference)
        else { return true }
        guard unsafe PyContext_Enter(context) == 0 else { return unsafe report(handle.reference) }
        // Kept while they run: a callback may cancel its own handle, which lets go of them.
        let keptCallback = unsafe Object(callback), keptArguments = unsafe Object(arguments), keptContext = unsafe Object(context)
        if unsafe Object(taking: PyObject_Call(keptCallback.reference, keptArguments.reference, nil)) != nil {
            if unsafe PyContext_Exit(keptContext.reference) == 0 { return true }
            return unsafe report(handle.reference)
        }
        let raised = unsafe Object(taking: martlet_take_raised())
        _ = unsafe PyContext_Exit(keptContext.reference)
        if let raised { unsafe martlet_raise_again(raised.leave()) }
        return unsafe report(handle.reference)
    }

    private func runUnknown(_ handle: Reference) -> Bool {
        guard let cancelled = unsafe Object(taking: PyObject_GetAttr(handle, names.cancelled)) else { return false }
        let isCancelled = unsafe PyObject_IsTrue(cancelled.reference)
        if isCancelled < 0 { return false }
        if isCancelled == 1 { return true }
        return unsafe Object(taking: martlet_call_method0(handle, names.run)) != nil
    }

    /// SystemExit and KeyboardInterrupt leave the loop; the rest goes to the loop's exception handler.
    private func report(_ handle: Reference) -> Bool {
        if unsafe PyErr_ExceptionMatches(martlet_exc_system_exit()) != 0 || PyErr_ExceptionMatches(martlet_exc_keyboard_interrupt()) != 0 { return false }
        guard let raised = unsafe Object(taking: martlet_take_raised()) else { return false }
        let arguments: [Reference?] = unsafe [handle, raised.reference]
        return unsafe Object(taking: martlet_call(names.reportFailure, arguments, 2, nil)) != nil
    }

    private func isTrue(_ attribute: Reference) -> Bool? {
        guard let value = unsafe Object(taking: PyObject_GetAttr(loop, attribute)) else { return nil }
        return unsafe PyObject_IsTrue(value.reference) == 1
    }

    // MARK: Futures

    func makeFuture() -> Object? {
        let arguments: [Reference?] = unsafe [loop]
        return unsafe Object(taking: martlet_call(names.futureType, arguments, 0, names.loopOnly))
    }

    /// Ends a future that nobody has ended or cancelled.
    func resolve(_ future: Reference) {
        guard let isDone = unsafe Object(taking: martlet_call_method0(future, names.done)), unsafe isDone.reference == martlet_false(),
            unsafe Object(taking: martlet_call_method1(future, names.setResult, martlet_none())) != nil
        else {
            PyErr_Clear()
            return
        }
    }
}
