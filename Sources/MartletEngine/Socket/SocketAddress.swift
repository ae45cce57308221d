// Where a socket listens or connects: IPv4, IPv6 or a Unix path.

internal import CUring
internal import Glibc

/// An address of one of the three families that a server binds.
public enum SocketAddress: Equatable, Hashable, Sendable {
    /// Four octets in network order as one number (127.0.0.1 is 0x7F000001), and the port.
    case ipv4(UInt32, port: UInt16)
    /// Sixteen octets, the port, and the scope (interface index) of a link-local address.
    case ipv6([UInt8], port: UInt16, scope: UInt32)
    /// A path, at most 107 bytes.
    case unix(String)

    package var family: Int32 {
        switch self {
        case .ipv4: AF_INET
        case .ipv6: AF_INET6
        case .unix: AF_UNIX
        }
    }

    public var port: UInt16? {
        switch self {
        case .ipv4(_, let port), .ipv6(_, let port, _): port
        case .unix: nil
        }
    }

    /// All addresses of the machine: a connection's own end is another.
    package var isWildcard: Bool {
        switch self {
        case .ipv4(let octets, _): octets == 0
        case .ipv6(let octets, _, _): octets.allSatisfy { $0 == 0 }
        case .unix: false
        }
    }

    /// Lends the kernel's form of the address.
    func withKernelAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        switch self {
        case .ipv4(let octets, let port):
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = octets.bigEndian
            return unsafe Self.lend(&address, body)
        case .ipv6(let octets, let port, let scope):
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            address.sin6_scope_id = scope
            unsafe withUnsafeMutableBytes(of: &address.sin6_addr) { unsafe $0.copyBytes(from: octets.prefix(16)) }
            return unsafe Self.lend(&address, body)
        case .unix(let path):
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8.prefix(107)) }
            return unsafe Self.lend(&address, body)
        }
    }

    private static func lend<Address, Result>(_ address: inout Address, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        unsafe withUnsafeBytes(of: &address) {
            // Not empty: every kernel address has a family.
            unsafe body($0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
        }
    }

    /// Reads an address out of what getsockname or getpeername filled in.
    init?(kernel storage: sockaddr_storage) {
        let parsed: SocketAddress? = unsafe withUnsafeBytes(of: storage) { raw in
            switch Int32(storage.ss_family) {
            case AF_INET:
                let address = unsafe raw.loadUnaligned(as: sockaddr_in.self)
                return .ipv4(UInt32(bigEndian: address.sin_addr.s_addr), port: UInt16(bigEndian: address.sin_port))
            case AF_INET6:
                var address = unsafe raw.loadUnaligned(as: sockaddr_in6.self)
                let octets = unsafe withUnsafeBytes(of: &address.sin6_addr) { unsafe Array($0) }
                return .ipv6(octets, port: UInt16(bigEndian: address.sin6_port), scope: address.sin6_scope_id)
            case AF_UNIX:
                let path = unsafe raw[2..<110].prefix { $0 != 0 }
                return unsafe .unix(String(decoding: path, as: UTF8.self))
            default:
                return nil
            }
        }
        guard let parsed else { return nil }
        self = parsed
    }
}

extension SocketAddress: CustomStringConvertible {
    /// `127.0.0.1:8000`, `[::1]:8000`, `unix:/run/app.sock`.
    public var description: String {
        switch self {
        case .ipv4(_, let port): "\(host):\(port)"
        case .ipv6(_, let port, _): "[\(host)]:\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }

    /// The address without its port, as inet_ntop writes it; the path of a Unix socket.
    public var host: String {
        switch self {
        case .ipv4(let octets, _):
            return "\(octets >> 24).\(octets >> 16 & 255).\(octets >> 8 & 255).\(octets & 255)"
        case .ipv6(let octets, _, _):
            var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
            guard unsafe inet_ntop(AF_INET6, octets, &text, socklen_t(text.count)) != nil else { return "::" }
            return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        case .unix(let path):
            return path
        }
    }

    /// Parses `127.0.0.1:8000`, `[::1]:8000`, `localhost:8000`, `:8000` (all IPv4 interfaces), `unix:PATH`. Names other than localhost are not looked up.
    public init?(parsing text: String) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            guard !path.isEmpty, path.utf8.count <= 107 else { return nil }
            self = .unix(path)
            return
        }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { return nil }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
            var address = in6_addr()
            guard unsafe inet_pton(AF_INET6, host, &address) == 1 else { return nil }
            self = .ipv6(unsafe withUnsafeBytes(of: &address) { unsafe Array($0) }, port: port, scope: 0)
            return
        }
        if host.isEmpty { host = "0.0.0.0" }
        if host == "localhost" { host = "127.0.0.1" }
        var address = in_addr()
        guard unsafe inet_pton(AF_INET, host, &address) == 1 else { return nil }
        self = .ipv4(UInt32(bigEndian: address.s_addr), port: port)
    }
}
