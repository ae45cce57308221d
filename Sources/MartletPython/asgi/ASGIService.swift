// An ASGI application and everything it serves on one loop: requests become calls, calls become tasks, tasks end.
//
// Order for a request: scope, `receive` and `send`, the application's coroutine, a task that starts at once where Python has such tasks. What the
// application has not answered when its task ends is answered here, with 500 or by cutting the connection (design: the application's fault).

internal import CPython
internal import Martlet
internal import MartletEngine
internal import MartletHTTP

@safe final class ASGIService {
    let names: ASGINames
    private(set) unowned(unsafe) var loopState: LoopState?
    private let application: Reference
    private let scopes: ASGIScope
    private(set) var sending: ASGISending!
    private let tasks: TaskFactory
    private let clientDisconnected: Reference
    private let reportError: Reference
    private let isDisconnectFunction: Reference
    /// Called with client, method, target, version and status after each answer; nil: nobody wants to know.
    private let accessLog: Reference?
    /// The live exchange of each connection, by slot.
    private var exchanges: [Slot] = []
    /// Exchanges whose waiters are woken at the end of the turn, when all that has arrived is known.
    private var toWake: [Reference] = unsafe []
    /// Exchanges whose application still runs.
    private var running: Set<Reference> = unsafe []
    /// Resolved when nothing is left.
    private let endedFuture: Reference

    var loop: LoopState? { unsafe loopState }

    init?(_ loop: LoopState, _ application: Reference, _ listeners: [Int32], _ settings: ServiceSettings, state: Reference?) {
        guard let names = ASGINames.shared(), let tasks = TaskFactory(loop), let future = loop.makeFuture(),
            let scopes = unsafe ASGIScope(names, rootPath: settings.rootPath, state: state, listeners: listeners),
            let disconnected = Python.importing("martlet._errors", "ClientDisconnected"),
            let report = Python.importing("martlet._errors", "report_application_error"),
            let isDisconnect = Python.importing("martlet._errors", "is_disconnect")
        else { return nil }
        let scratch: FieldScratch
        do throws(SystemError) {
            scratch = try FieldScratch(extras: settings.extraLines)
        } catch {
            unsafe Python.raise(martlet_exc_os_error(), "\(error)")
            return nil
        }
        self.names = names
        self.tasks = tasks
        self.scopes = scopes
        unsafe self.application = unsafe application.counted()
        unsafe clientDisconnected = unsafe disconnected.leave()
        unsafe reportError = unsafe report.leave()
        unsafe isDisconnectFunction = unsafe isDisconnect.leave()
        unsafe endedFuture = unsafe future.leave()
        unsafe accessLog = unsafe settings.accessLog.map { unsafe $0.counted() }
        unsafe loopState = loop
        sending = ASGISending(names, scratch, self)
    }

    deinit {
        unsafe martlet_decref(application)
        unsafe martlet_decref(clientDisconnected)
        unsafe martlet_decref(reportError)
        unsafe martlet_decref(isDisconnectFunction)
        unsafe martlet_decref(endedFuture)
        if let accessLog = unsafe accessLog { unsafe martlet_decref(accessLog) }
    }

    // MARK: A request

    func respond(to request: borrowing Request, _ exchange: Exchange) {
        guard let loop = unsafe loopState, let object = ASGIExchange.make(self, exchange) else { return exchange.abort() }
        let own = unsafe ASGIExchange.own(object.reference)
        unsafe own.pointee.isHead = request.method == .head
        if let te = request.field(.te) { unsafe own.pointee.clientTakesTrailers = namesTrailers(te) }
        unsafe takeBody(request, own)
        guard let scope = scopes.make(request, exchange, loop.core) else { return unsafe applicationEnded(object.reference) }
        if unsafe accessLog != nil, let logged = scopes.logged(request, exchange) { unsafe own.pointee.logged.set(logged) }
        keep(object.copy(), exchange.slotIndex)
        call(object, scope)
    }

    /// What is here of the body; the rest comes in pieces, and where the client waits to be asked, only when the application reads.
    private func takeBody(_ request: borrowing Request, _ own: ASGIExchange.State) {
        guard request.isBodyComplete else {
            if request.expectsContinue { unsafe ASGIExchange.pause(own) }
            return
        }
        unsafe own.pointee.bodyHasEnded = true
        if !request.body.isEmpty, let bytes = Python.bytes(request.body) { unsafe own.pointee.pieces.set(bytes) }
    }

    private func namesTrailers(_ value: Span<UInt8>) -> Bool {
        let word: [UInt8] = Array("trailers".utf8)
        guard value.count >= word.count else { return false }
        for start in 0...(value.count - word.count) where word.indices.allSatisfy({ value[start + $0] | 0x20 == word[$0] }) { return true }
        return false
    }

    private func call(_ object: borrowing Object, _ scope: borrowing Object) {
        guard let receive = unsafe ASGIExchange.receiveFunction(object.reference), let send = unsafe ASGIExchange.sendFunction(object.reference) else {
            return unsafe applicationEnded(object.reference)
        }
        let coroutine = unsafe withArguments(scope.reference, receive.reference, send.reference) { unsafe martlet_call(application, $0, 3, nil) }
        guard let coroutine = unsafe Object(taking: coroutine) else { return unsafe applicationEnded(object.reference) }
        guard let task = tasks.start(coroutine) else { return unsafe applicationEnded(object.reference) }
        if tasks.isDone(task) { return unsafe finish(object.reference, task.reference) }
        guard let callback = unsafe ASGIExchange.endedFunction(object.reference),
            unsafe Object(taking: martlet_call_method1(task.reference, names.addDoneCallback, callback.reference)) != nil
        else { return PyErr_Clear() }
        unsafe running.insert(object.reference.counted())
        unsafe ASGIExchange.own(object.reference).pointee.task.set(task)
    }

    private func withArguments<R>(_ first: Reference, _ second: Reference, _ third: Reference, _ body: (UnsafePointer<Reference?>) -> R) -> R {
        var arguments: InlineArray<3, Reference?> = unsafe [first, second, third]
        return unsafe withUnsafePointer(to: &arguments) { unsafe body(UnsafeRawPointer($0).assumingMemoryBound(to: Reference?.self)) }
    }

    private func keep(_ object: consuming Object, _ slot: Int) {
        while exchanges.count <= slot { exchanges.append(Slot()) }
        // What dies with an earlier one may run Python code: not while the table is being changed.
        let earlier = exchanges[slot].take()
        exchanges[slot].set(object)
        _ = consume earlier
    }

    // MARK: What goes on

    func received(_ chunk: Span<UInt8>, of exchange: Exchange, last: Bool) {
        if let object = unsafe live(exchange) { unsafe ASGIExchange.received(object, chunk, last: last) }
    }

    func writable(_ exchange: Exchange) {
        if let object = unsafe live(exchange) { unsafe wakeLater(object) }
    }

    func inputEnded(_ exchange: Exchange) {
        if let object = unsafe live(exchange) { unsafe wakeLater(object) }
    }

    func ended(_ exchange: Exchange, reason: EndReason) {
        guard let object = unsafe live(exchange) else { return }
        unsafe ASGIExchange.ended(object, reason)
        _ = exchanges[exchange.slotIndex].take()
    }

    private func live(_ exchange: Exchange) -> Reference? {
        guard exchange.slotIndex < exchanges.count, let object = unsafe exchanges[exchange.slotIndex].reference,
            unsafe ASGIExchange.own(object).pointee.exchange == exchange
        else { return nil }
        return unsafe object
    }

    func wakeLater(_ object: Reference) { unsafe toWake.append(object.counted()) }

    /// All of a turn's events were seen: who waited for any of them goes on.
    func endTurn() {
        while let object = unsafe Object(taking: toWake.popLast()) { unsafe ASGIExchange.wake(object.reference) }
    }

    // MARK: The end of a call

    func taskEnded(_ object: Reference, _ task: Reference) {
        guard let counted = unsafe running.remove(object) else { return }
        let kept = unsafe Object(taking: counted)
        unsafe ASGIExchange.own(kept.reference).pointee.task.clear()
        unsafe finish(kept.reference, task)
    }

    /// Looks at how a task ended.
    private func finish(_ object: Reference, _ task: Reference) {
        if let cancelled = unsafe Object(taking: martlet_call_method0(task, names.cancelled)), unsafe cancelled.reference == martlet_true() {
            return unsafe answerFailure(object)
        }
        guard let exception = unsafe Object(taking: martlet_call_method0(task, names.exception)) else { return unsafe applicationEnded(object) }
        if !exception.isNone {
            unsafe martlet_raise_again(exception.leave())
            return unsafe applicationEnded(object)
        }
        if unsafe ASGIExchange.own(object).pointee.response != .complete { unsafe answerMissing(object) }
    }

    /// The application failed with the exception that is raised now.
    private func applicationEnded(_ object: Reference) {
        guard let raised = unsafe Object(taking: martlet_take_raised()) else { return unsafe answerMissing(object) }
        // It was told that the client has gone, and ended: nothing is wrong.
        if unsafe !(ASGIExchange.own(object).pointee.clientHasGone && isDisconnect(raised.reference)) { unsafe report(raised.reference) }
        unsafe answerFailure(object)
    }

    /// Whether an exception is, or comes from, the one that `send` raises when the client has gone: frameworks wrap it.
    private func isDisconnect(_ exception: Reference) -> Bool {
        guard let answer = unsafe Object(taking: martlet_call1(isDisconnectFunction, exception)) else {
            PyErr_Clear()
            return false
        }
        return unsafe answer.reference == martlet_true()
    }

    private func report(_ exception: Reference) {
        if unsafe Object(taking: martlet_call1(reportError, exception)) == nil { unsafe PyErr_WriteUnraisable(application) }
    }

    private func answerMissing(_ object: Reference) {
        if unsafe !ASGIExchange.own(object).pointee.clientHasGone {
            unsafe Python.raise(martlet_exc_runtime_error(), "the application returned without a complete answer")
            if let raised = unsafe Object(taking: martlet_take_raised()) { unsafe report(raised.reference) }
        }
        unsafe answerFailure(object)
    }

    /// 500 when nothing was sent; else the connection is cut, so that the truncation is seen.
    private func answerFailure(_ object: Reference) {
        let own = unsafe ASGIExchange.own(object)
        let exchange = unsafe own.pointee.exchange
        if unsafe own.pointee.response == .complete { return }
        if exchange.isPending {
            let lines: StaticString = "Content-Type: text/plain; charset=utf-8\r\n", text: StaticString = "Internal Server Error"
            unsafe exchange.answer(
                .internalServerError, fields: UnsafeRawBufferPointer(start: lines.utf8Start, count: lines.utf8CodeUnitCount), own: .none,
                bytes: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
            unsafe own.pointee.start.fail()
        } else {
            exchange.truncate()
        }
        unsafe complete(own)
    }

    func raiseClientDisconnected() {
        unsafe Python.raise(clientDisconnected, "the client has closed the connection")
    }

    /// The answer is said whole: nothing more is taken, and the access log hears of it.
    func complete(_ own: ASGIExchange.State) {
        unsafe own.pointee.response = .complete
        guard let accessLog = unsafe accessLog, let logged = unsafe own.pointee.logged.take(),
            let status = unsafe Object(taking: PyLong_FromLong(Int(own.pointee.start.status.code)))
        else { return }
        var arguments: [Reference?] = unsafe []
        for index in unsafe 0..<martlet_tuple_count(logged.reference) { unsafe arguments.append(martlet_tuple_item(logged.reference, index)) }
        unsafe arguments.append(status.reference)
        if unsafe Object(taking: martlet_call(accessLog, arguments, arguments.count, nil)) == nil { unsafe PyErr_WriteUnraisable(accessLog) }
    }

    // MARK: The end of the service

    /// Nothing is left of the connections; applications may still run.
    func hasEnded() { unsafe loopState?.resolve(endedFuture) }

    var ended: Object { unsafe Object(endedFuture) }

    /// The tasks of applications that still run, as a list.
    func runningTasks() -> Object? {
        guard let list = unsafe Object(taking: PyList_New(0)) else { return nil }
        for unsafe object in unsafe running {
            guard let task = unsafe ASGIExchange.own(object).pointee.task.reference else { continue }
            guard unsafe PyList_Append(list.reference, task) == 0 else { return nil }
        }
        return list
    }

    /// The loop is closed: nobody will be woken.
    func loopClosed() {
        for unsafe object in unsafe exchanges.compactMap({ unsafe $0.reference }) + running { unsafe ASGIExchange.cancelWaiters(object) }
        unsafe loopState = nil
        for index in exchanges.indices { exchanges[index].clear() }
        while unsafe Object(taking: toWake.popLast()) != nil {}
        let left = unsafe running
        unsafe running = []
        for unsafe object in unsafe left {
            unsafe ASGIExchange.own(object).pointee.task.clear()
            unsafe martlet_decref(object)
        }
    }
}
