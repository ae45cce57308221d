// What Python hands in: arguments of calls, and the scripts of clients.

internal import CPython
internal import MartletSimulation

/// A call's positional arguments.
@safe struct Arguments: ~Copyable {
    private let values: UnsafePointer<Reference?>

    /// nil with an exception raised when they are not so many.
    init?(_ values: UnsafePointer<Reference?>?, _ count: Int, expecting expected: Int) {
        guard count == expected, let values = unsafe values else {
            fail("the function takes another number of arguments")
            return nil
        }
        unsafe self.values = unsafe values
    }

    subscript(index: Int) -> Reference { unsafe values[index]! }

    /// A number that is not negative; nil with an exception raised.
    func integer(_ index: Int) -> Int? { unsafe number(values[index]!) }

    /// nil with an exception raised.
    func text(_ index: Int) -> String? {
        guard let start = unsafe PyUnicode_AsUTF8(values[index]!) else { return nil }
        return unsafe String(cString: start)
    }
}

enum Script {
    /// The steps of a list of `(name, value)`; nil with an exception raised.
    static func steps(_ list: Reference) -> [SimulatedClient.Step]? {
        guard unsafe martlet_is_exact_list(list) else { return raise("a script is a list") }
        var steps: [SimulatedClient.Step] = []
        for index in unsafe 0..<martlet_list_count(list) {
            guard let step = unsafe step(martlet_list_item(list, index)) else { return nil }
            steps.append(step)
        }
        return steps
    }

    private static func step(_ pair: Reference) -> SimulatedClient.Step? {
        guard unsafe martlet_is_exact_tuple(pair), unsafe martlet_tuple_count(pair) == 2,
            let name = unsafe PyUnicode_AsUTF8(martlet_tuple_item(pair, 0))
        else { return raise("a step is a name and a value") }
        guard let value = unsafe martlet_tuple_item(pair, 1) else { return nil }
        switch unsafe String(cString: name) {
        case "write": return unsafe bytes(value).map { .write($0) }
        case "pause": return unsafe number(value).map { .pause(UInt64($0)) }
        case "await_bytes": return unsafe number(value).map { .awaitBytes($0) }
        case "await_end": return .awaitEnd
        case "stop_reading": return .stopReading
        case "start_reading": return .startReading
        case "finish_sending": return .finishSending
        case "reset": return .reset
        default: return raise("a script has a step of no known name")
        }
    }

    private static func bytes(_ object: Reference) -> [UInt8]? {
        guard unsafe martlet_is_bytes(object) else { return raise("bytes are written") }
        return unsafe Array(UnsafeRawBufferPointer(start: martlet_bytes_start(object), count: martlet_bytes_count(object)))
    }
}

/// A number that is not negative; nil with an exception raised.
func number(_ object: Reference) -> Int? {
    let number = unsafe PyLong_AsLong(object)
    if number >= 0 { return number }
    return unsafe PyErr_Occurred() != nil ? nil : raise("numbers are not negative")
}

// MARK: Results

func fail(_ sentence: StaticString) { unsafe PyErr_SetString(martlet_exc_runtime_error(), text(sentence)) }

/// Raises a RuntimeError; the nil is what the caller returns.
func raise<Anything>(_ sentence: StaticString) -> Anything? {
    fail(sentence)
    return nil
}

func none() -> Reference? {
    unsafe martlet_incref(martlet_none())
    return unsafe martlet_none()
}

func boolean(_ value: Bool) -> Reference? {
    let object = unsafe value ? martlet_true() : martlet_false()
    unsafe martlet_incref(object!)
    return unsafe object
}

/// Takes the references over; nil with an exception raised when one of them is nil.
func tuple(_ items: [Reference?]) -> Reference? {
    let isWhole = unsafe items.allSatisfy { unsafe $0 != nil }
    guard isWhole, let made = unsafe PyTuple_New(items.count) else {
        for unsafe item in unsafe items { if let item = unsafe item { unsafe martlet_decref(item) } }
        return nil
    }
    for index in unsafe items.indices { unsafe martlet_tuple_fill(made, index, items[index]) }
    return unsafe made
}

func text(_ text: StaticString) -> UnsafePointer<CChar> { unsafe UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self) }
