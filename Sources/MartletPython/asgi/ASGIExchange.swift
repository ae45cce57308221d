// One request as the application sees it: an object whose two functions, `receive` and `send`, go to the application.
//
// Owns what has arrived of the body and was not read, what was said of the answer and is not sent, and who waits. Belongs to the loop's thread.

internal import CPython
internal import Martlet
internal import MartletEngine
internal import MartletHTTP

@safe struct ASGIExchangeState {
    enum Response: UInt8 {
        case none
        /// The head was said; it goes out with the first piece of the body.
        case started
        case streaming
        /// The body is over; trailers are still to come.
        case trailing
        case complete
    }

    let service: Unmanaged<ASGIService>
    let exchange: Exchange
    // The request
    /// Pieces of the body that were not read: a bytes object, or a list of them.
    var pieces: Slot
    var pieceBytes: Int
    var bodyHasEnded: Bool
    /// The application has got the last message of the body.
    var bodyIsRead: Bool
    var readingIsPaused: Bool
    /// The exchange is over, because the answer is complete or because the client has gone.
    var hasEnded: Bool
    var clientHasGone: Bool
    /// Futures that wait, for messages and for room; their awaitables own them.
    var waiters: [Reference]
    // The answer
    var response: Response
    var start: ResponseStart
    var isHead: Bool
    /// The application said that trailers follow the body.
    var takesTrailers: Bool
    var clientTakesTrailers: Bool
    /// Trailer lines so far.
    var trailers: [UInt8]
    /// `(client, method, target, version)` for the access log, where there is one.
    var logged: Slot
    /// The task that runs the application, while it runs.
    var task: Slot
}

@safe enum ASGIExchange {
    typealias State = UnsafeMutablePointer<ASGIExchangeState>

    /// Set when the module is made.
    nonisolated(unsafe) static var type: Reference?
    nonisolated(unsafe) private static var receiveDefinition: UnsafeMutablePointer<PyMethodDef>?
    nonisolated(unsafe) private static var sendDefinition: UnsafeMutablePointer<PyMethodDef>?
    nonisolated(unsafe) private static var endedDefinition: UnsafeMutablePointer<PyMethodDef>?

    /// Body bytes that wait for the application before the socket is no longer read.
    static let pieceBytesMax = 65_536

    static func makeType() -> Object? {
        unsafe receiveDefinition = unsafe forever("receive", METH_NOARGS, receive)
        unsafe sendDefinition = unsafe forever("send", METH_O, send)
        unsafe endedDefinition = unsafe forever("ended", METH_O, taskEnded)
        var definition = TypeDefinition("martlet._martlet.Exchange", byteCount: instanceBytes(ASGIExchangeState.self) + ResponseStart.memoryBytes)
        definition.documentation("One request and its answer.")
        unsafe definition.slot(Py_tp_dealloc, unsafeBitCast(deallocate, to: UnsafeMutableRawPointer.self))
        return definition.make()
    }

    private static func forever(_ name: StaticString, _ flags: Int32, _ function: @escaping NoArguments) -> UnsafeMutablePointer<PyMethodDef> {
        let place = UnsafeMutablePointer<PyMethodDef>.allocate(capacity: 1)
        unsafe place.initialize(to: PyMethodDef(ml_name: Python.cString(name), ml_meth: function, ml_flags: flags, ml_doc: nil))
        return unsafe place
    }

    static func own(_ object: Reference) -> State { unsafe state(of: object) }
    private static func service(_ object: Reference) -> ASGIService { unsafe own(object).pointee.service.takeUnretainedValue() }

    // MARK: Life

    static func make(_ service: ASGIService, _ exchange: Exchange) -> Object? {
        guard let type = unsafe type, let made = unsafe Object(taking: martlet_allocate(type)) else { return nil }
        unsafe own(made.reference).initialize(to: ASGIExchangeState(
            service: Unmanaged.passRetained(service), exchange: exchange, pieces: Slot(), pieceBytes: 0, bodyHasEnded: false, bodyIsRead: false,
            readingIsPaused: false, hasEnded: false, clientHasGone: false, waiters: [], response: .none,
            start: ResponseStart(own(made.reference) + 1), isHead: false,
            takesTrailers: false, clientTakesTrailers: false, trailers: [], logged: Slot(), task: Slot()))
        return made
    }

    private static let deallocate: @convention(c) (Reference?) -> Void = { object in
        guard let object = unsafe object else { return }
        let own = unsafe own(object)
        unsafe own.pointee.pieces.clear()
        unsafe own.pointee.task.clear()
        unsafe own.pointee.logged.clear()
        unsafe own.pointee.service.release()
        unsafe own.deinitialize(count: 1)
        unsafe martlet_free(object)
    }

    static func receiveFunction(_ object: Reference) -> Object? { unsafe Object(taking: martlet_function(receiveDefinition, object)) }
    static func sendFunction(_ object: Reference) -> Object? { unsafe Object(taking: martlet_function(sendDefinition, object)) }
    static func endedFunction(_ object: Reference) -> Object? { unsafe Object(taking: martlet_function(endedDefinition, object)) }

    // MARK: What happens on the connection

    /// A piece of the body has arrived.
    static func received(_ object: Reference, _ chunk: Span<UInt8>, last: Bool) {
        let own = unsafe own(object)
        if !chunk.isEmpty, let piece = Python.bytes(chunk) {
            unsafe own.pointee.pieceBytes += chunk.count
            unsafe add(piece, own)
        }
        PyErr_Clear()
        if last { unsafe own.pointee.bodyHasEnded = true }
        if unsafe own.pointee.pieceBytes >= pieceBytesMax, !last { unsafe pause(own) }
        if unsafe !own.pointee.waiters.isEmpty { unsafe service(object).wakeLater(object) }
    }

    private static func add(_ piece: consuming Object, _ own: State) {
        guard let pending = unsafe own.pointee.pieces.reference else { return unsafe own.pointee.pieces.set(piece) }
        if unsafe martlet_is_exact_list(pending) {
            _ = unsafe PyList_Append(pending, piece.reference)
        } else if let list = unsafe Object(taking: PyList_New(2)) {
            unsafe martlet_list_fill(list.reference, 0, pending.counted())
            unsafe martlet_list_fill(list.reference, 1, piece.leave())
            unsafe own.pointee.pieces.set(list)
        }
    }

    static func pause(_ own: State) {
        guard unsafe !own.pointee.readingIsPaused else { return }
        unsafe own.pointee.readingIsPaused = true
        unsafe own.pointee.exchange.pauseReading()
    }

    /// The exchange is over.
    static func ended(_ object: Reference, _ reason: EndReason) {
        let own = unsafe own(object)
        unsafe own.pointee.hasEnded = true
        if reason != .complete { unsafe own.pointee.clientHasGone = true }
        if unsafe !own.pointee.waiters.isEmpty { unsafe service(object).wakeLater(object) }
    }

    // MARK: Waiting

    /// How a wait stands.
    @unsafe enum Outcome {
        /// Over, with a new reference.
        case value(Reference)
        case raised
        case pending
    }

    static func outcome(of wait: Wait, _ object: Reference) -> Outcome {
        switch wait {
        case .none: unsafe .value(Python.none.leave())
        case .message: unsafe nextMessage(object)
        case .room: unsafe roomOutcome(object)
        }
    }

    static func makeFuture(_ object: Reference) -> Object? { unsafe service(object).loop?.makeFuture() ?? closedLoop() }

    private static func closedLoop() -> Object? {
        unsafe Python.raise(martlet_exc_runtime_error(), "Event loop is closed")
        return nil
    }

    static func addWaiter(_ future: Reference, _ wait: Wait, _ object: Reference) { unsafe own(object).pointee.waiters.append(future) }

    static func removeWaiter(_ future: Reference, _ object: Reference) { unsafe own(object).pointee.waiters.removeAll { unsafe $0 == future } }

    /// Lets everybody who waits look again.
    static func wake(_ object: Reference) {
        guard let loop = unsafe service(object).loop else { return }
        for unsafe future in unsafe own(object).pointee.waiters { unsafe loop.resolve(future) }
    }

    /// Nobody will be woken any more: futures let go of the tasks that wait for them, which otherwise hold each other for ever.
    static func cancelWaiters(_ object: Reference) {
        let cancel = unsafe service(object).names.cancel
        for unsafe future in unsafe own(object).pointee.waiters where unsafe Object(taking: martlet_call_method0(future, cancel)) == nil { PyErr_Clear() }
    }

    // MARK: receive()

    /// Nothing is taken yet: what is never awaited loses nothing.
    private static let receive: NoArguments = { object, _ in
        guard let object = unsafe object else { return nil }
        return unsafe Awaitable.waiting(.message, object)?.leave()
    }

    /// The next message if there is one: the body that has arrived, or that the client is gone or the answer complete.
    private static func nextMessage(_ object: Reference) -> Outcome {
        let own = unsafe own(object)
        let names = unsafe service(object).names
        if unsafe !own.pointee.bodyIsRead, unsafe !own.pointee.pieces.isEmpty || own.pointee.bodyHasEnded { return unsafe bodyMessage(own, names) }
        if unsafe own.pointee.hasEnded || own.pointee.response == .complete { return unsafe newMessage(names.disconnect, names) }
        if unsafe own.pointee.bodyHasEnded && own.pointee.exchange.inputHasEnded {
            // It may be half closed and wait for its answer; but who has been told that it has left must not be contradicted by `send`.
            unsafe own.pointee.clientHasGone = true
            return unsafe newMessage(names.disconnect, names)
        }
        if unsafe own.pointee.readingIsPaused {
            unsafe own.pointee.readingIsPaused = false
            unsafe own.pointee.exchange.resumeReading()
        }
        return unsafe .pending
    }

    private static func newMessage(_ type: Reference, _ names: ASGINames) -> Outcome {
        guard let message = unsafe Object(taking: PyDict_New()), unsafe PyDict_SetItem(message.reference, names.type, type) == 0 else { return unsafe .raised }
        return unsafe .value(message.leave())
    }

    private static func bodyMessage(_ own: State, _ names: ASGINames) -> Outcome {
        guard let body = unsafe takePieces(own, names), let message = unsafe Object(taking: PyDict_New()) else { return unsafe .raised }
        let isLast = unsafe own.pointee.bodyHasEnded
        guard unsafe PyDict_SetItem(message.reference, names.type, names.request) == 0,
            unsafe PyDict_SetItem(message.reference, names.body, body.reference) == 0,
            unsafe PyDict_SetItem(message.reference, names.moreBody, isLast ? martlet_false() : martlet_true()) == 0
        else { return unsafe .raised }
        if isLast { unsafe own.pointee.bodyIsRead = true }
        return unsafe .value(message.leave())
    }

    /// All that has arrived as one bytes object; the socket is read again.
    private static func takePieces(_ own: State, _ names: ASGINames) -> Object? {
        unsafe own.pointee.pieceBytes = 0
        if unsafe own.pointee.readingIsPaused {
            unsafe own.pointee.readingIsPaused = false
            unsafe own.pointee.exchange.resumeReading()
        }
        guard let pieces = unsafe own.pointee.pieces.take() else { return unsafe Object(names.emptyBytes) }
        guard unsafe martlet_is_exact_list(pieces.reference) else { return pieces }
        return unsafe Object(taking: martlet_join_bytes(names.emptyBytes, pieces.reference))
    }

    // MARK: send(message)

    private static let send: NoArguments = { object, message in
        guard let object = unsafe object, let message = unsafe message else { return nil }
        return unsafe service(object).sending.send(object, message)
    }

    /// Somebody waits for room in the output.
    private static func roomOutcome(_ object: Reference) -> Outcome {
        let own = unsafe own(object)
        if unsafe own.pointee.clientHasGone {
            unsafe service(object).raiseClientDisconnected()
            return unsafe .raised
        }
        if unsafe own.pointee.exchange.isFull { return unsafe .pending }
        return unsafe .value(Python.none.leave())
    }

    // MARK: The task

    private static let taskEnded: NoArguments = { object, task in
        guard let object = unsafe object, let task = unsafe task else { return nil }
        unsafe service(object).taskEnded(object, task)
        return unsafe Python.none.leave()
    }
}
