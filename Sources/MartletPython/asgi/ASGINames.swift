// Constants of ASGI: keys, message types, values that most requests share. Made once.

internal import CPython
internal import MartletHTTP

@safe final class ASGINames {
    // Keys of the scope
    let type = unsafe Python.interned("type")
    let asgi = unsafe Python.interned("asgi")
    let httpVersion = unsafe Python.interned("http_version")
    let method = unsafe Python.interned("method")
    let scheme = unsafe Python.interned("scheme")
    let path = unsafe Python.interned("path")
    let rawPath = unsafe Python.interned("raw_path")
    let queryString = unsafe Python.interned("query_string")
    let rootPath = unsafe Python.interned("root_path")
    let headers = unsafe Python.interned("headers")
    let client = unsafe Python.interned("client")
    let server = unsafe Python.interned("server")
    let state = unsafe Python.interned("state")
    let extensions = unsafe Python.interned("extensions")
    // Values
    let http = unsafe Python.interned("http")
    let version10 = unsafe Python.interned("1.0")
    let version11 = unsafe Python.interned("1.1")
    // Keys of messages
    let body = unsafe Python.interned("body")
    let moreBody = unsafe Python.interned("more_body")
    let status = unsafe Python.interned("status")
    let trailers = unsafe Python.interned("trailers")
    let moreTrailers = unsafe Python.interned("more_trailers")
    let links = unsafe Python.interned("links")
    let file = unsafe Python.interned("file")
    let offset = unsafe Python.interned("offset")
    let count = unsafe Python.interned("count")
    // Types of messages
    let request = unsafe Python.interned("http.request")
    let disconnect = unsafe Python.interned("http.disconnect")
    let responseStart = unsafe Python.interned("http.response.start")
    let responseBody = unsafe Python.interned("http.response.body")
    let responseTrailers = unsafe Python.interned("http.response.trailers")
    let pathSend = unsafe Python.interned("http.response.pathsend")
    let zeroCopySend = unsafe Python.interned("http.response.zerocopysend")
    let earlyHint = unsafe Python.interned("http.response.early_hint")
    // Methods of objects
    let done = unsafe Python.interned("done")
    let exception = unsafe Python.interned("exception")
    let cancelled = unsafe Python.interned("cancelled")
    let addDoneCallback = unsafe Python.interned("add_done_callback")
    let cancel = unsafe Python.interned("cancel")

    let emptyBytes: Reference
    let emptyString = unsafe Python.interned("")
    private let methodNames: [Reference]
    /// Lower-case names of the known fields as bytes objects, by number.
    let fieldNames: [Reference]

    nonisolated(unsafe) private static var made: ASGINames?

    /// The same for all services of the process; nil with an exception raised.
    static func shared() -> ASGINames? {
        if unsafe made == nil { unsafe made = ASGINames() }
        return unsafe made
    }

    private init?() {
        guard let emptyBytes = unsafe Object(taking: PyBytes_FromStringAndSize(nil, 0)) else { return nil }
        unsafe self.emptyBytes = unsafe emptyBytes.leave()
        unsafe methodNames = unsafe ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"].map { unsafe Python.interned($0) }
        var names: [Reference] = unsafe [self.emptyBytes]
        for number in 1...FieldName.knownCount {
            let spelling = FieldName(rawValue: number).canonicalName
            var lower: [UInt8] = []
            for index in 0..<spelling.utf8CodeUnitCount {
                let byte = unsafe spelling.utf8Start[index]
                lower.append(byte >= 65 && byte <= 90 ? byte | 32 : byte)
            }
            guard let name = Python.bytes(lower.span) else { return nil }
            unsafe names.append(name.leave())
        }
        unsafe fieldNames = unsafe names
    }

    /// The name of a registered method, or nil.
    func name(of method: Method) -> Reference? {
        switch method {
        case .get: unsafe methodNames[0]
        case .head: unsafe methodNames[1]
        case .post: unsafe methodNames[2]
        case .put: unsafe methodNames[3]
        case .delete: unsafe methodNames[4]
        case .connect: unsafe methodNames[5]
        case .options: unsafe methodNames[6]
        case .trace: unsafe methodNames[7]
        case .patch: unsafe methodNames[8]
        default: nil
        }
    }
}
