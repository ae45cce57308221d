// Where requests go: what a URL says, in the forms that the socket and the request need.

import MartletEngine

struct Target {
    var address: SocketAddress
    /// Value of the Host field.
    var authority: String
    /// Path and query.
    var path: String

    /// `http://host:port/path` or `unix:PATH`. Names other than localhost are not looked up: a resolver does not belong in a measurement.
    init(parsing url: String, unixPath: String?) throws(OptionError) {
        if url.hasPrefix("unix:") {
            guard let address = SocketAddress(parsing: url) else {
                throw OptionError("\(url) is not a Unix socket; write unix: and a path of at most 107 bytes.")
            }
            self.address = address
            authority = "localhost"
            path = unixPath ?? "/"
        } else {
            guard unixPath == nil else { throw OptionError("--path is for unix: targets; write the path into the URL.") }
            guard !url.hasPrefix("https:") else { throw OptionError("\(url) asks for TLS, which is not spoken here; use an http:// URL.") }
            guard url.hasPrefix("http://") else { throw OptionError("\(url) is not a URL; use http://host:port/path or unix:PATH.") }
            (address, authority, path) = try Self.parse(url)
        }
        guard path.hasPrefix("/"), path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), !path.contains("#") else {
            throw OptionError("the path \(path) is not one; it starts with a slash and has no spaces, no # and only ASCII.")
        }
    }

    private static func parse(_ url: String) throws(OptionError) -> (SocketAddress, String, String) {
        let rest = url.dropFirst("http://".count)
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        let authority = String(rest[..<end])
        var path = String(rest[end...])
        if !path.hasPrefix("/") { path = "/" + path }
        let hasPort = authority.hasSuffix("]") ? false : authority.contains(":")
        let text = hasPort ? authority : authority + ":80"
        guard !authority.isEmpty, !authority.hasPrefix(":"), let address = SocketAddress(parsing: text) else {
            throw OptionError("\(url) names no address; use http://127.0.0.1:8000/, http://[::1]:8000/ or localhost (other names are not looked up).")
        }
        return (address, authority, path)
    }

    /// Whether load stays on this machine.
    var isLoopback: Bool {
        switch address {
        case .ipv4(let octets, _): octets >> 24 == 127
        case .ipv6(let octets, _, _): octets == [UInt8](repeating: 0, count: 15) + [1]
        case .unix: true
        }
    }
}
