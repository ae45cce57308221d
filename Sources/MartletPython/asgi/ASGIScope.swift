// Builds the scope of a request (ASGI www 2.5, "Connection Scope"): a copy of a template, with what differs put in.
//
// What repeats is made once: names of known fields, whole field tuples that are the same as the last of their name, paths, the two addresses of a
// connection. Cached objects are immutable, so sharing them shows nowhere.

internal import CPython
internal import Martlet
internal import MartletEngine
internal import MartletHTTP

@safe final class ASGIScope {
    private let names: ASGINames
    /// Everything that is the same for all requests.
    private let template: Reference
    /// What an HTTP/1.0 client can be sent: no interim answers, no trailers.
    private let oldExtensions: Reference
    private let rootPath: [UInt8]
    private let state: Reference?
    /// Where the service listens, by listener, as ASGI writes it; nil for the wildcard address: then the connection knows.
    private let servers: [Reference?]

    /// The last tuple of each known field.
    private var lastFields: [Slot]
    private var paths = PathCache()
    private var connections: [ConnectionAddresses] = []

    /// A connection's ends, made for its first request.
    private struct ConnectionAddresses {
        var identity: UInt64 = .max
        var client = Slot()
        var server = Slot()
        /// The client for the access log.
        var clientText = "-"
    }

    /// Values longer than this are not kept.
    private static let keptValueBytesMax = 256

    init?(_ names: ASGINames, rootPath: String, state: Reference?, listeners: [Int32]) {
        self.names = names
        self.rootPath = Array(rootPath.utf8)
        unsafe self.state = unsafe state.map { unsafe $0.counted() }
        lastFields = Array(repeating: Slot(), count: Int(FieldName.knownCount) + 1)
        guard let template = unsafe Object(taking: PyDict_New()), let asgi = unsafe Object(taking: martlet_asgi_versions()),
            let extensions = unsafe Object(taking: martlet_asgi_extensions()), let old = unsafe Object(taking: martlet_asgi_old_extensions()),
            let root = Python.string(rootPath)
        else { return nil }
        let constants: [(Reference, Reference)] = unsafe [
            (names.type, names.http), (names.asgi, asgi.reference), (names.httpVersion, names.version11), (names.scheme, names.http),
            (names.rootPath, root.reference), (names.extensions, extensions.reference), (names.server, martlet_none()), (names.client, martlet_none()),
            (names.method, names.emptyString), (names.path, names.emptyString), (names.rawPath, names.emptyBytes), (names.queryString, names.emptyBytes),
            (names.headers, martlet_none()),
        ]
        for unsafe (key, value) in unsafe constants {
            guard unsafe PyDict_SetItem(template.reference, key, value) == 0 else { return nil }
        }
        unsafe self.template = unsafe template.leave()
        unsafe oldExtensions = unsafe old.leave()
        unsafe servers = unsafe listeners.map { unsafe Self.server($0, ListeningSocket.localAddress($0)) }
    }

    deinit {
        unsafe martlet_decref(template)
        unsafe martlet_decref(oldExtensions)
        if let state = unsafe state { unsafe martlet_decref(state) }
        for index in lastFields.indices { lastFields[index].clear() }
        for index in connections.indices {
            connections[index].client.clear()
            connections[index].server.clear()
        }
        for unsafe server in unsafe servers { if let server = unsafe server { unsafe martlet_decref(server) } }
    }

    // MARK: A request's scope

    /// The scope, or nil with an exception raised.
    func make(_ request: borrowing Request, _ exchange: Exchange, _ core: HostedCore) -> Object? {
        guard let scope = unsafe Object(taking: PyDict_Copy(template)), let headers = fields(request) else { return nil }
        guard unsafe PyDict_SetItem(scope.reference, names.headers, headers.reference) == 0,
            setTarget(request, scope), setMethod(request, scope), setAddresses(exchange, core, scope)
        else { return nil }
        if request.version == .http10 {
            guard unsafe PyDict_SetItem(scope.reference, names.httpVersion, names.version10) == 0,
                unsafe PyDict_SetItem(scope.reference, names.extensions, oldExtensions) == 0
            else { return nil }
        }
        if let state = unsafe state {
            guard let copy = unsafe Object(taking: PyDict_Copy(state)),
                unsafe PyDict_SetItem(scope.reference, names.state, copy.reference) == 0
            else { return nil }
        }
        return scope
    }

    /// `(client, method, target, version)` as the access log takes it, after the scope was made; nil with an exception raised.
    func logged(_ request: borrowing Request, _ exchange: Exchange) -> Object? {
        guard let client = Python.string(connections[exchange.slotIndex].clientText), let method = latin1(request.methodName),
            let target = latin1(request.target), let tuple = unsafe Object(taking: PyTuple_New(4))
        else { return nil }
        unsafe martlet_tuple_fill(tuple.reference, 0, client.leave())
        unsafe martlet_tuple_fill(tuple.reference, 1, method.leave())
        unsafe martlet_tuple_fill(tuple.reference, 2, target.leave())
        unsafe martlet_tuple_fill(tuple.reference, 3, (request.version == .http10 ? names.version10 : names.version11).counted())
        return tuple
    }

    private func latin1(_ bytes: Span<UInt8>) -> Object? {
        let made = unsafe bytes.withUnsafeBytes { raw in
            unsafe PyUnicode_DecodeLatin1(raw.baseAddress?.assumingMemoryBound(to: CChar.self), raw.count, nil)
        }
        return unsafe Object(taking: made)
    }

    private func setMethod(_ request: borrowing Request, _ scope: borrowing Object) -> Bool {
        if let name = unsafe names.name(of: request.method) {
            return unsafe PyDict_SetItem(scope.reference, names.method, name) == 0
        }
        guard let name = upperCase(request.methodName) else { return false }
        return unsafe PyDict_SetItem(scope.reference, names.method, name.reference) == 0
    }

    private func upperCase(_ bytes: Span<UInt8>) -> Object? {
        var text = ""
        for index in bytes.indices {
            let byte = bytes[index]
            text.unicodeScalars.append(Unicode.Scalar(byte >= 97 && byte <= 122 ? byte & 0xDF : byte))
        }
        return Python.string(text)
    }

    // MARK: Target

    private func setTarget(_ request: borrowing Request, _ scope: borrowing Object) -> Bool {
        let path = request.path
        let query = request.query
        guard let entry = unsafe paths.entry(path, rootPath, absoluteWithoutPath: path.isEmpty && request.target.count > 0) else { return false }
        guard unsafe PyDict_SetItem(scope.reference, names.path, entry.path) == 0,
            unsafe PyDict_SetItem(scope.reference, names.rawPath, entry.rawPath) == 0
        else { return false }
        if query.isEmpty { return true }
        guard let bytes = Python.bytes(query) else { return false }
        return unsafe PyDict_SetItem(scope.reference, names.queryString, bytes.reference) == 0
    }

    // MARK: Fields

    private func fields(_ request: borrowing Request) -> Object? {
        let count = request.fieldCount
        guard let list = unsafe Object(taking: PyList_New(count)) else { return nil }
        for index in 0..<count {
            guard let pair = field(request, index) else { return nil }
            unsafe martlet_list_fill(list.reference, index, pair.leave())
        }
        return list
    }

    private func field(_ request: borrowing Request, _ index: Int) -> Object? {
        let name = request.knownFieldName(at: index)
        let value = request.fieldValue(at: index)
        guard name != .unknown else { return unknownField(request.fieldName(at: index), value) }
        let number = Int(name.rawValue)
        if let last = unsafe lastFields[number].reference, unsafe isEqual(martlet_tuple_item(last, 1), value) { return unsafe Object(last) }
        guard let bytes = Python.bytes(value), let pair = unsafe Object(taking: PyTuple_New(2)) else { return nil }
        unsafe martlet_tuple_fill(pair.reference, 0, names.fieldNames[number].counted())
        unsafe martlet_tuple_fill(pair.reference, 1, bytes.leave())
        if value.count <= Self.keptValueBytesMax { lastFields[number].set(pair.copy()) }
        return pair
    }

    private func unknownField(_ name: Span<UInt8>, _ value: Span<UInt8>) -> Object? {
        guard let nameBytes = unsafe Object(taking: PyBytes_FromStringAndSize(nil, name.count)), let bytes = Python.bytes(value),
            let pair = unsafe Object(taking: PyTuple_New(2))
        else { return nil }
        let place = unsafe UnsafeMutableRawPointer(mutating: martlet_bytes_start(nameBytes.reference)!)
        for index in name.indices {
            let byte = name[index]
            unsafe place.storeBytes(of: byte >= 65 && byte <= 90 ? byte | 32 : byte, toByteOffset: index, as: UInt8.self)
        }
        unsafe martlet_tuple_fill(pair.reference, 0, nameBytes.leave())
        unsafe martlet_tuple_fill(pair.reference, 1, bytes.leave())
        return pair
    }

    // MARK: Addresses

    private func setAddresses(_ exchange: Exchange, _ core: HostedCore, _ scope: borrowing Object) -> Bool {
        let slot = exchange.slotIndex
        while connections.count <= slot { connections.append(ConnectionAddresses()) }
        let identity = core.connectionIdentity(of: exchange)
        if connections[slot].identity != identity {
            connections[slot].identity = identity
            let client = core.peerAddress(of: exchange)
            connections[slot].clientText = client?.description ?? "-"
            connections[slot].client.set(client.flatMap { Self.pair($0) } ?? Python.none)
            let listener = core.listenerIndex(of: exchange)
            if let server = unsafe servers[listener] {
                connections[slot].server.set(unsafe Object(server))
            } else {
                connections[slot].server.set(core.localAddress(of: exchange).flatMap { Self.pair($0) } ?? Python.none)
            }
        }
        guard let client = unsafe connections[slot].client.reference, let server = unsafe connections[slot].server.reference else { return false }
        return unsafe PyDict_SetItem(scope.reference, names.client, client) == 0 && PyDict_SetItem(scope.reference, names.server, server) == 0
    }

    /// `(host, port)`; a Unix peer has none.
    private static func pair(_ address: SocketAddress) -> Object? {
        guard let port = address.port, let host = Python.string(address.host) else { return nil }
        return unsafe Object(taking: martlet_host_port(host.leave(), Int(port)))
    }

    /// `(host, port)`, `(path, None)`, or nil for a wildcard.
    private static func server(_ descriptor: Int32, _ address: SocketAddress?) -> Reference? {
        guard let address else { return nil }
        if case .unix(let path) = address {
            guard let text = Python.string(path) else { return nil }
            return unsafe martlet_host_port(text.leave(), -1)
        }
        if address.isWildcard { return nil }
        return unsafe pair(address)?.leave()
    }
}

/// Whether a bytes object has exactly these bytes.
private func isEqual(_ object: Reference, _ bytes: Span<UInt8>) -> Bool {
    guard unsafe martlet_bytes_count(object) == bytes.count else { return false }
    return unsafe bytes.withUnsafeBytes { unsafe $0.isEmpty || martlet_equal_bytes(martlet_bytes_start(object), $0.baseAddress, $0.count) }
}
