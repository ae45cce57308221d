// What Python tells a service, as the runtime's configuration. Keys are those of `Settings` in the stub; what is absent keeps its default.

internal import CPython
internal import Martlet
internal import MartletHTTP

@safe struct ServiceSettings {
    var configuration = Configuration()
    var rootPath = ""
    var extraLines: [UInt8] = []
    /// Borrowed from the dict.
    var accessLog: Reference?

    /// nil with an exception raised.
    init?(_ settings: Reference) {
        // Uvicorn's default, which proxies in front are configured for.
        configuration.deadlines.keepAlive = 5
        var reader = unsafe SettingsReader(settings)
        reader.seconds("timeout_keep_alive") { configuration.deadlines.keepAlive = $0 }
        reader.seconds("timeout_header") { configuration.deadlines.head = $0 }
        reader.seconds("timeout_body_window") { configuration.deadlines.bodyWindow = $0 }
        reader.seconds("timeout_write") { configuration.deadlines.write = $0 }
        reader.seconds("timeout_request") { configuration.deadlines.handler = $0 }
        reader.seconds("timeout_graceful_shutdown") { configuration.drainTimeout = $0 }
        reader.seconds("drain_grace") { configuration.drainGrace = $0 }
        reader.integer("body_bytes_per_second_min") { configuration.deadlines.bodyBytesPerSecondMin = $0 }
        reader.integer("limit_request_line", 1...Limits.headBytesCeiling) { configuration.limits.requestLineBytesMax = $0 }
        reader.integer("limit_request_fields", 0...Limits.fieldCountCeiling) { configuration.limits.fieldCountMax = $0 }
        reader.integer("limit_request_head", 1...Limits.headBytesCeiling) { configuration.limits.headBytesMax = $0 }
        reader.integer("limit_request_body") { configuration.limits.bodyBytesMax = $0 == 0 ? .max : UInt64($0) }
        reader.integer("limit_connections") { if $0 > 0 { configuration.connectionsMax = $0 } }
        reader.integer("limit_concurrency") { configuration.requestsInFlightMax = $0 }
        reader.text("server_header") { configuration.serverName = $0 }
        reader.flag("date_header") { configuration.sendsDate = $0 }
        reader.text("root_path") { rootPath = $0 ?? "" }
        unsafe accessLog = unsafe reader.object("access_log")
        guard !reader.hasFailed, let lines = reader.lines("headers") else { return nil }
        extraLines = lines
    }
}

/// Takes values out of a dict; the first that is of the wrong kind raises, and nothing is read after it.
@safe struct SettingsReader {
    private let settings: Reference
    private(set) var hasFailed = false

    init(_ settings: Reference) { unsafe self.settings = unsafe settings }

    /// nil when it is absent or None.
    func object(_ key: StaticString) -> Reference? {
        guard let value = unsafe PyDict_GetItemString(settings, Python.cString(key)), unsafe value != martlet_none() else { return nil }
        return unsafe value
    }

    private mutating func fail(_ key: StaticString, _ kind: StaticString) {
        PyErr_Clear()
        unsafe Python.raise(martlet_exc_type_error(), "setting \(key) must be \(kind)")
        hasFailed = true
    }

    mutating func seconds(_ key: StaticString, _ store: (Double) -> Void) {
        guard !hasFailed, let value = unsafe object(key) else { return }
        let number = unsafe PyFloat_AsDouble(value)
        guard unsafe PyErr_Occurred() == nil, number >= 0 else { return fail(key, "a number of seconds, 0 or more") }
        store(number)
    }

    mutating func integer(_ key: StaticString, _ range: ClosedRange<Int> = 0...(.max), _ store: (Int) -> Void) {
        guard !hasFailed, let value = unsafe object(key) else { return }
        guard unsafe martlet_is_int(value) else { return fail(key, "an int") }
        let number = unsafe PyLong_AsLong(value)
        guard unsafe PyErr_Occurred() == nil, range.contains(number) else {
            PyErr_Clear()
            unsafe Python.raise(martlet_exc_value_error(), "setting \(key) must be from \(range.lowerBound) to \(range.upperBound)")
            hasFailed = true
            return
        }
        store(number)
    }

    mutating func flag(_ key: StaticString, _ store: (Bool) -> Void) {
        guard !hasFailed, let value = unsafe object(key) else { return }
        store(unsafe PyObject_IsTrue(value) == 1)
    }

    /// Called with nil for None, not called when the key is absent.
    mutating func text(_ key: StaticString, _ store: (String?) -> Void) {
        guard !hasFailed, let value = unsafe PyDict_GetItemString(settings, Python.cString(key)) else { return }
        if unsafe value == martlet_none() { return store(nil) }
        guard let text = unsafe Python.text(value) else { return fail(key, "a str or None") }
        store(text)
    }

    /// Field lines from a list of pairs of bytes; nil with an exception raised.
    func lines(_ key: StaticString) -> [UInt8]? {
        guard let value = unsafe object(key) else { return [] }
        guard let sequence = unsafe FieldPairs.sequence(value, key) else { return nil }
        guard let scratch = try? FieldScratch(extras: []) else { return nil }
        for index in unsafe 0..<FieldPairs.count(sequence.reference) {
            guard let pair = unsafe FieldPairs(FieldPairs.item(sequence.reference, index), key), scratch.append(pair) else { return nil }
        }
        return unsafe scratch.withBytes { unsafe Array($0) }
    }
}
