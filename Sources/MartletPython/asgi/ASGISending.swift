// What the application sends: messages checked (a fault is raised inside the application and names the key) and turned into the answer.

internal import CPython
internal import Glibc
internal import Martlet
internal import MartletEngine
internal import MartletHTTP

@safe final class ASGISending {
    typealias Own = ASGIExchange.State

    let names: ASGINames
    let scratch: FieldScratch
    /// Its owner.
    unowned(unsafe) let service: ASGIService

    init(_ names: ASGINames, _ scratch: FieldScratch, _ service: ASGIService) {
        self.names = names
        self.scratch = scratch
        unsafe self.service = service
    }

    /// Pieces of at least this many bytes are sent from where they are.
    private static let sharedBytesMin = 16_384

    /// The awaitable that `send(message)` returns, or nil with an exception raised.
    func send(_ object: Reference, _ message: Reference) -> Reference? {
        let own = unsafe ASGIExchange.own(object)
        guard unsafe martlet_is_dict(message) else { return unsafe Python.raise(martlet_exc_type_error(), "send() takes a dict") }
        guard let type = unsafe PyDict_GetItemWithError(message, names.type) else { return unsafe missing("type", "a message") }
        // Gone before the answer was complete: told by an exception, so that the application can stop.
        if unsafe own.pointee.clientHasGone {
            unsafe service.raiseClientDisconnected()
            return nil
        }
        if unsafe own.pointee.response == .complete { return unsafe isMessage(type) ? done() : unknown(type) }
        if unsafe isSame(type, names.responseStart) { return unsafe start(own, message) }
        if unsafe isSame(type, names.responseBody) { return unsafe body(object, own, message) }
        if unsafe isSame(type, names.pathSend) { return unsafe pathSend(object, own, message) }
        if unsafe isSame(type, names.zeroCopySend) { return unsafe zeroCopySend(object, own, message) }
        if unsafe isSame(type, names.responseTrailers) { return unsafe trailers(own, message) }
        if unsafe isSame(type, names.earlyHint) { return unsafe earlyHint(own, message) }
        return unsafe unknown(type)
    }

    private func done() -> Reference? { unsafe Awaitable.done?.counted() }

    private func isSame(_ type: Reference, _ name: Reference) -> Bool {
        if unsafe type == name { return true }
        return unsafe martlet_is_str(type) && PyUnicode_Compare(type, name) == 0
    }

    private func isMessage(_ type: Reference) -> Bool {
        let all = unsafe [names.responseStart, names.responseBody, names.pathSend, names.zeroCopySend, names.responseTrailers, names.earlyHint]
        return unsafe all.contains { unsafe isSame(type, $0) }
    }

    private func unknown(_ type: Reference) -> Reference? {
        return unsafe Python.raise(martlet_exc_value_error(), "send(): 'type' is \(Python.description(type)), which is no message of an HTTP answer")
    }

    private func missing(_ key: StaticString, _ message: StaticString) -> Reference? {
        if unsafe PyErr_Occurred() != nil { return nil }
        return unsafe Python.raise(martlet_exc_value_error(), "'\(key)' is missing from \(message)")
    }

    private func outOfOrder(_ sentence: String) -> Reference? { unsafe Python.raise(martlet_exc_runtime_error(), sentence) }

    // MARK: The head

    private func start(_ own: Own, _ message: Reference) -> Reference? {
        guard unsafe own.pointee.response == .none else { return unsafe outOfOrder("http.response.start was sent twice") }
        guard let number = unsafe PyDict_GetItemWithError(message, names.status) else { return unsafe missing("status", "http.response.start") }
        guard unsafe martlet_is_int(number) else {
            return unsafe Python.raise(martlet_exc_type_error(), "'status' of http.response.start must be an int")
        }
        let code = unsafe PyLong_AsLong(number)
        guard code >= 200, code <= 599 else {
            PyErr_Clear()
            return unsafe Python.raise(martlet_exc_value_error(), "'status' of http.response.start must be from 200 to 599")
        }
        let headers = unsafe PyDict_GetItemWithError(message, names.headers)
        guard unsafe own.pointee.start.set(Status(code: UInt16(code)), headers, scratch) else { return nil }
        if let wants = unsafe PyDict_GetItemWithError(message, names.trailers) {
            let isTrue = unsafe PyObject_IsTrue(wants)
            if isTrue < 0 { return nil }
            unsafe own.pointee.takesTrailers = isTrue == 1
        }
        unsafe own.pointee.response = .started
        return unsafe done()
    }

    /// Sends the head: the answer goes on in pieces.
    private func begin(_ own: Own, length: UInt64?) {
        let start = unsafe own.pointee.start
        if start.closes { unsafe own.pointee.exchange.closeAfterAnswer() }
        unsafe start.withFields { unsafe own.pointee.exchange.begin(start.status, fields: $0, own: start.own, length: length) }
        unsafe own.pointee.response = .streaming
    }

    // MARK: The body

    private func body(_ object: Reference, _ own: Own, _ message: Reference) -> Reference? {
        var bytes = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
        let body = unsafe PyDict_GetItemWithError(message, names.body)
        if let body = unsafe body {
            guard unsafe martlet_is_bytes(body) else { return unsafe bodyOfBuffer(object, own, message, body) }
            unsafe bytes = unsafe UnsafeRawBufferPointer(start: martlet_bytes_start(body), count: martlet_bytes_count(body))
        }
        guard let more = unsafe flag(message, names.moreBody) else { return nil }
        guard unsafe checkOrder(own) else { return nil }
        if unsafe own.pointee.response == .started, !more, unsafe !own.pointee.takesTrailers, unsafe isWhole(own, bytes.count) {
            return unsafe whole(own, bytes, body)
        }
        return unsafe piece(object, own, bytes, body, more: more)
    }

    /// bytearray and memoryview: not what the specification says, but what servers take; copied once.
    private func bodyOfBuffer(_ object: Reference, _ own: Own, _ message: Reference, _ body: Reference) -> Reference? {
        guard unsafe martlet_is_bytearray(body) || martlet_is_memoryview(body) else {
            return unsafe Python.raise(martlet_exc_type_error(), "'body' of http.response.body must be bytes")
        }
        guard let copy = unsafe Object(taking: PyBytes_FromObject(body)), let changed = unsafe Object(taking: PyDict_Copy(message)),
            unsafe PyDict_SetItem(changed.reference, names.body, copy.reference) == 0
        else { return nil }
        return unsafe self.body(object, own, changed.reference)
    }

    private func flag(_ message: Reference, _ key: Reference) -> Bool? {
        guard let value = unsafe PyDict_GetItemWithError(message, key) else { return false }
        if unsafe value == martlet_false() { return false }
        let isTrue = unsafe PyObject_IsTrue(value)
        return isTrue < 0 ? nil : isTrue == 1
    }

    private func checkOrder(_ own: Own) -> Bool {
        switch unsafe own.pointee.response {
        case .none: _ = unsafe outOfOrder("http.response.start must be sent before the body")
        case .trailing: _ = unsafe outOfOrder("the body is complete; http.response.trailers must come next")
        case .started, .streaming, .complete: return true
        }
        return false
    }

    /// The body is whole in one piece, and as long as was promised.
    private func isWhole(_ own: Own, _ count: Int) -> Bool {
        // An answer to HEAD without a body says nothing of the length that a GET would have brought.
        guard let length = unsafe own.pointee.start.length else { return unsafe !(own.pointee.isHead && count == 0) }
        return length == UInt64(count)
    }

    private func whole(_ own: Own, _ bytes: UnsafeRawBufferPointer, _ body: Reference?) -> Reference? {
        if bytes.count >= Self.sharedBytesMin, let body = unsafe body {
            _ = unsafe own.pointee.start.take(bytes.count)
            unsafe begin(own, length: UInt64(bytes.count))
            _ = unsafe own.pointee.exchange.write(bytes, owner: PythonOwner(body))
            return unsafe complete(own)
        }
        if unsafe own.pointee.start.closes { unsafe own.pointee.exchange.closeAfterAnswer() }
        let status = unsafe own.pointee.start.status, mine = unsafe own.pointee.start.own
        unsafe own.pointee.start.withFields { unsafe own.pointee.exchange.answer(status, fields: $0, own: mine, bytes: bytes) }
        unsafe service.complete(own)
        return unsafe done()
    }

    private func piece(_ object: Reference, _ own: Own, _ bytes: UnsafeRawBufferPointer, _ body: Reference?, more: Bool) -> Reference? {
        if unsafe own.pointee.response == .started {
            // A body that is over at once has a length even if nobody promised one.
            let length = unsafe own.pointee.start.length
            unsafe begin(own, length: length ?? (more || own.pointee.takesTrailers || own.pointee.isHead ? nil : UInt64(bytes.count)))
        }
        guard unsafe takePromised(own, bytes.count) else { return nil }
        if bytes.count >= Self.sharedBytesMin, let body = unsafe body {
            _ = unsafe own.pointee.exchange.write(bytes, owner: PythonOwner(body))
        } else if bytes.count > 0 {
            _ = unsafe own.pointee.exchange.write(copying: bytes)
        }
        return unsafe more ? goOn(object, own) : complete(own)
    }

    /// A piece that goes beyond the promised length is refused, so that the application hears of it.
    private func takePromised(_ own: Own, _ count: Int) -> Bool {
        if unsafe own.pointee.isHead || own.pointee.start.hasNoBody { return true }
        guard unsafe own.pointee.start.take(count) else {
            _ = unsafe outOfOrder("the body is longer than its content-length")
            return false
        }
        return true
    }

    /// After a piece: done, or when there is room again.
    private func goOn(_ object: Reference, _ own: Own) -> Reference? {
        guard unsafe own.pointee.exchange.isFull else { return unsafe done() }
        return unsafe Awaitable.waiting(.room, object)?.leave()
    }

    /// The body is over.
    private func complete(_ own: Own) -> Reference? {
        if unsafe own.pointee.takesTrailers {
            unsafe own.pointee.response = .trailing
            return unsafe done()
        }
        if unsafe !own.pointee.isHead, unsafe !own.pointee.start.hasNoBody, unsafe own.pointee.start.isShort {
            unsafe own.pointee.exchange.truncate()
            unsafe service.complete(own)
            return unsafe outOfOrder("the body is shorter than its content-length; the connection is cut")
        }
        unsafe own.pointee.exchange.finish()
        unsafe service.complete(own)
        return unsafe done()
    }

    // MARK: Files

    private func pathSend(_ object: Reference, _ own: Own, _ message: Reference) -> Reference? {
        guard unsafe own.pointee.response == .started else {
            return unsafe outOfOrder("http.response.pathsend must follow http.response.start, and is the whole body")
        }
        guard let path = unsafe PyDict_GetItemWithError(message, names.path) else { return unsafe missing("path", "http.response.pathsend") }
        guard unsafe martlet_is_str(path) else {
            return unsafe Python.raise(martlet_exc_type_error(), "'path' of http.response.pathsend must be a str")
        }
        // As `open` reads a path: bytes that are no UTF-8 come through, a zero byte is refused.
        var encoded: Reference?
        guard unsafe PyUnicode_FSConverter(path, &encoded) != 0, let name = unsafe Object(taking: encoded) else { return nil }
        let descriptor = unsafe open(martlet_bytes_start(name.reference), O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return unsafe PyErr_SetFromErrnoWithFilenameObject(martlet_exc_os_error(), path) }
        guard let file = SharedFile(owning: descriptor) else {
            return unsafe Python.raise(martlet_exc_os_error(), "http.response.pathsend: \(Python.description(path)) is not a plain file")
        }
        return unsafe sendFile(object, own, file, offset: 0, count: file.byteCount, more: false)
    }

    private func zeroCopySend(_ object: Reference, _ own: Own, _ message: Reference) -> Reference? {
        guard unsafe checkOrder(own) else { return nil }
        guard let opened = unsafe PyDict_GetItemWithError(message, names.file) else { return unsafe missing("file", "http.response.zerocopysend") }
        guard let offset = unsafe integer(message, names.offset, "offset"), let count = unsafe integer(message, names.count, "count"),
            let more = unsafe flag(message, names.moreBody)
        else { return nil }
        let descriptor = unsafe PyObject_AsFileDescriptor(opened)
        if descriptor < 0 { return nil }
        // The application closes its own; ours lives until the last byte is out.
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { return unsafe Python.raise(martlet_exc_os_error(), unsafe String(cString: strerror(errno))) }
        guard let file = SharedFile(owning: copy) else {
            return unsafe Python.raise(martlet_exc_os_error(), "'file' of http.response.zerocopysend is not a plain file")
        }
        // Without an offset from where the file stands, as os.sendfile.
        let start = offset >= 0 ? offset : Int(lseek(descriptor, 0, SEEK_CUR))
        guard start >= 0, start <= file.byteCount else { return unsafe Python.raise(martlet_exc_value_error(), "'offset' lies behind the file's end") }
        let length = count >= 0 ? min(count, file.byteCount - start) : file.byteCount - start
        if offset < 0 { _ = lseek(descriptor, off_t(start + length), SEEK_SET) }
        return unsafe sendFile(object, own, file, offset: start, count: length, more: more)
    }

    /// -1 when the key is missing or None; nil with an exception raised.
    private func integer(_ message: Reference, _ key: Reference, _ name: StaticString) -> Int? {
        guard let value = unsafe PyDict_GetItemWithError(message, key), unsafe value != martlet_none() else { return -1 }
        let number = unsafe martlet_is_int(value) ? PyLong_AsLong(value) : -1
        guard number >= 0 else {
            PyErr_Clear()
            unsafe Python.raise(martlet_exc_type_error(), "'\(name)' of http.response.zerocopysend must be an int that is not negative")
            return nil
        }
        return number
    }

    private func sendFile(_ object: Reference, _ own: Own, _ file: SharedFile, offset: Int, count: Int, more: Bool) -> Reference? {
        if unsafe own.pointee.response == .started {
            let length = unsafe own.pointee.start.length
            unsafe begin(own, length: length ?? (more || own.pointee.takesTrailers ? nil : UInt64(count)))
        }
        guard unsafe takePromised(own, count) else { return nil }
        _ = unsafe own.pointee.exchange.write(file, offset: offset, count: count)
        return unsafe more ? goOn(object, own) : complete(own)
    }

    // MARK: Trailers and hints

    private func trailers(_ own: Own, _ message: Reference) -> Reference? {
        guard unsafe own.pointee.response == .trailing else {
            return unsafe outOfOrder("http.response.trailers must follow a body whose http.response.start said 'trailers': True")
        }
        scratch.begin()
        if let headers = unsafe PyDict_GetItemWithError(message, names.headers), unsafe headers != martlet_none() {
            guard let sequence = unsafe FieldPairs.sequence(headers, "headers") else { return nil }
            for index in unsafe 0..<FieldPairs.count(sequence.reference) {
                guard let pair = unsafe FieldPairs(FieldPairs.item(sequence.reference, index), "headers"), isTrailer(pair), scratch.append(pair) else {
                    return nil
                }
            }
        }
        guard let more = unsafe flag(message, names.moreTrailers) else { return nil }
        unsafe scratch.withBytes { unsafe own.pointee.trailers.append(contentsOf: $0) }
        if more { return unsafe done() }
        // Only a client that said `TE: trailers` is sent any (RFC 9110 section 6.5.1).
        let lines = unsafe own.pointee.clientTakesTrailers ? own.pointee.trailers : []
        unsafe lines.withUnsafeBytes { unsafe own.pointee.exchange.finish(trailers: $0) }
        unsafe service.complete(own)
        return unsafe done()
    }

    /// What a recipient must know before the body cannot come after it (RFC 9110 section 6.5.1).
    private func isTrailer(_ pair: borrowing FieldPairs) -> Bool {
        switch FieldName(pair.name) {
        case .host, .trailer, .te, .expect, .upgrade, .range, .contentType, .contentEncoding, .contentRange, .cacheControl, .authorization, .setCookie, .date,
            .server, .location, .retryAfter, .vary, .age, .expires:
            unsafe Python.raise(martlet_exc_value_error(), "'headers' of http.response.trailers: a field like this must come before the body")
            return false
        default: return true
        }
    }

    private func earlyHint(_ own: Own, _ message: Reference) -> Reference? {
        guard unsafe own.pointee.response == .none || own.pointee.response == .started else { return unsafe done() }
        guard let links = unsafe PyDict_GetItemWithError(message, names.links) else { return unsafe missing("links", "http.response.early_hint") }
        guard let sequence = unsafe FieldPairs.sequence(links, "links") else { return nil }
        scratch.begin()
        for index in unsafe 0..<FieldPairs.count(sequence.reference) {
            let link = unsafe FieldPairs.item(sequence.reference, index)
            guard unsafe martlet_is_bytes(link) else { return unsafe Python.raise(martlet_exc_type_error(), "'links' must be bytes") }
            guard scratch.append(name: "Link", value: unsafe bytesSpan(link)) else { return nil }
        }
        unsafe scratch.withBytes { unsafe own.pointee.exchange.interim(Status(code: 103), fields: $0) }
        return unsafe done()
    }
}

/// Keeps a Python object alive while its bytes are being sent; let go of on the loop's thread.
@safe final class PythonOwner {
    private let object: Reference
    init(_ object: Reference) { unsafe self.object = unsafe object.counted() }
    deinit { unsafe martlet_decref(object) }
}
