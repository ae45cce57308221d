// Opens listening sockets. They are handed to engines, which accept from them and never close them.

internal import CUring
internal import Glibc

/// A bound, listening socket; closed when the value is destroyed. A Unix socket's path is removed with it.
@safe package struct ListeningSocket: ~Copyable {
    package let descriptor: Int32
    /// Where it listens in fact: port 0 is replaced by the one that the kernel chose.
    package let address: SocketAddress

    /// How long a bind is tried again on EADDRINUSE: the kernel needs some milliseconds to let go of a killed ring's sockets.
    package static let bindRetryNanoseconds: Nanoseconds = 1_000_000_000

    /// - Parameter reusePort: several sockets may listen here, one per core, and the kernel spreads connections (TCP only).
    package init(_ address: SocketAddress, backlog: Int32, reusePort: Bool) throws(SystemError) {
        let descriptor = socket(address.family, MARTLET_SOCK_STREAM, 0)
        guard descriptor >= 0 else { throw SystemError(errno, .socket) }
        do throws(SystemError) {
            if case .unix(let path) = address {
                try Self.removeStaleSocket(path)
            } else {
                try Self.set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
                if reusePort { try Self.set(descriptor, SOL_SOCKET, SO_REUSEPORT, 1) }
                // Accepted sockets inherit it, which saves a call for each connection.
                try Self.set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
                if case .ipv6 = address { try Self.set(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1) }
            }
            try Self.bindRetrying(descriptor, address)
            guard Glibc.listen(descriptor, backlog) == 0 else { throw SystemError(errno, .listen) }
            self.address = Self.localAddress(descriptor) ?? address
            self.descriptor = descriptor
        } catch {
            _ = Glibc.close(descriptor)
            throw error
        }
    }

    private static func set(_ descriptor: Int32, _ level: Int32, _ option: Int32, _ value: Int32) throws(SystemError) {
        var value = value
        guard unsafe setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size)) == 0 else {
            throw SystemError(errno, .setsockopt)
        }
    }

    private static func bindRetrying(_ descriptor: Int32, _ address: SocketAddress) throws(SystemError) {
        let end = Clock.precise() + bindRetryNanoseconds
        while true {
            let code = unsafe address.withKernelAddress { unsafe Glibc.bind(descriptor, $0, $1) == 0 ? 0 : errno }
            if code == 0 { return }
            guard code == EADDRINUSE, address.family != AF_UNIX, Clock.precise() < end else { throw SystemError(code, .bind) }
            usleep(20_000)
        }
    }

    /// A path left by a server that was killed is taken over; one on which somebody listens is not. (For some milliseconds a killed ring still does.)
    private static func removeStaleSocket(_ path: String) throws(SystemError) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw SystemError(EEXIST, .bind) }
        let end = Clock.precise() + bindRetryNanoseconds
        while try isListenedOn(path) {
            guard Clock.precise() < end else { throw SystemError(EADDRINUSE, .bind) }
            usleep(20_000)
        }
        _ = unsafe unlink(path)
    }

    private static func isListenedOn(_ path: String) throws(SystemError) -> Bool {
        let probe = socket(AF_UNIX, MARTLET_SOCK_STREAM, 0)
        guard probe >= 0 else { throw SystemError(errno, .socket) }
        defer { _ = Glibc.close(probe) }
        return unsafe SocketAddress.unix(path).withKernelAddress { unsafe Glibc.connect(probe, $0, $1) == 0 }
    }

    package static func localAddress(_ descriptor: Int32) -> SocketAddress? {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let code = unsafe withUnsafeMutableBytes(of: &storage) {
            unsafe getsockname(descriptor, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), &size)
        }
        return code == 0 ? SocketAddress(kernel: storage) : nil
    }

    package static func peerAddress(_ descriptor: Int32) -> SocketAddress? {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let code = unsafe withUnsafeMutableBytes(of: &storage) {
            unsafe getpeername(descriptor, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), &size)
        }
        return code == 0 ? SocketAddress(kernel: storage) : nil
    }

    deinit {
        _ = Glibc.close(descriptor)
        if case .unix(let path) = address { _ = unsafe unlink(path) }
    }
}
