// The other end of a connection: a plain socket that never blocks, moved along by the test between the engine's turns.

import Glibc
import MartletEngine
import Testing

struct Peer: ~Copyable {
    let descriptor: Int32
    private(set) var received: [UInt8] = []
    private(set) var sawEnd = false
    private(set) var error: Int32 = 0

    init(to address: SocketAddress, receiveBufferBytes: Int32? = nil) throws {
        descriptor = socket(address.family, Int32(SOCK_STREAM.rawValue), 0)
        try #require(descriptor >= 0)
        if var size = receiveBufferBytes { _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, 4) }
        let code = Self.connect(descriptor, address)
        try #require(code == 0, "connect: \(SystemError(code, .connect))")
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    }

    private static func connect(_ descriptor: Int32, _ address: SocketAddress) -> Int32 {
        switch address {
        case .ipv4(let octets, let port):
            var name = sockaddr_in()
            name.sin_family = sa_family_t(AF_INET)
            name.sin_port = port.bigEndian
            name.sin_addr.s_addr = octets.bigEndian
            return unsafe withUnsafeBytes(of: &name) {
                unsafe Glibc.connect(descriptor, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count)) == 0 ? 0 : errno
            }
        case .unix(let path):
            var name = sockaddr_un()
            name.sun_family = sa_family_t(AF_UNIX)
            unsafe withUnsafeMutableBytes(of: &name.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
            return unsafe withUnsafeBytes(of: &name) {
                unsafe Glibc.connect(descriptor, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count)) == 0 ? 0 : errno
            }
        case .ipv6: return EAFNOSUPPORT
        }
    }

    /// As much as the kernel takes now; how many bytes that was.
    @discardableResult
    func write(_ bytes: ArraySlice<UInt8>) -> Int {
        let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        return max(count, 0)
    }

    func write(_ bytes: [UInt8]) {
        #expect(write(bytes[...]) == bytes.count, "the bytes of a test fit into the socket")
    }

    /// Takes what has arrived, at most `most` bytes.
    mutating func read(atMost most: Int = .max) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var left = most
        while left > 0, !sawEnd, error == 0 {
            let count = unsafe recv(descriptor, &buffer, min(buffer.count, left), 0)
            if count < 0 {
                if errno != EAGAIN { error = errno }
                return
            }
            if count == 0 { sawEnd = true }
            received += buffer[0..<count]
            left -= count
        }
    }

    func finishSending() { _ = shutdown(descriptor, Int32(SHUT_WR)) }

    /// Makes the destruction of the value send a reset.
    func resetOnClose() {
        var setting = linger(l_onoff: 1, l_linger: 0)
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &setting, socklen_t(MemoryLayout<linger>.size))
    }

    deinit { _ = Glibc.close(descriptor) }
}
