// The smallest honest owner of an engine: sends back what it receives, with bounded memory, and closes when all is said.

import Glibc
import MartletEngine

struct EchoOwner<E: Engine & ~Copyable>: ~Copyable {
    var engine: E
    private var connections: [SocketID: Connection] = [:]
    private(set) var acceptedCount = 0
    private(set) var closedCount = 0
    private(set) var wokenCount = 0

    /// Bytes waiting to be sent above which a connection receives no more.
    static var waitingBytesMax: Int { 8192 }

    private struct Connection {
        var waiting: [UInt8] = []
        var isReceiving = true
        var isEnded = false
        var isClosing = false
        /// What is being sent, where the kernel finds it.
        var sending: SendMemory?
    }

    init(_ engine: consuming E) {
        self.engine = engine
        self.engine.startAccepting(listener: 0, descriptor: -1)
    }

    mutating func turn(until deadline: Nanoseconds? = nil) {
        engine.wait(until: deadline)
        var dirty: [SocketID] = []
        while let event = engine.next() {
            if let socket = handle(event) { dirty.append(socket) }
        }
        for socket in dirty { flush(socket) }
    }

    /// The socket that has something to send, or to end.
    private mutating func handle(_ event: Event) -> SocketID? {
        switch event {
        case .accepted(let socket, _):
            acceptedCount += 1
            connections[socket] = Connection()
            engine.startReceiving(socket)
            return nil
        case .received(let socket, let lent):
            unsafe connections[socket]!.waiting += lent.bytes
            engine.release(lent)
            return socket
        case .receiveEnded(let socket, let error):
            connections[socket]!.isEnded = true
            connections[socket]!.isReceiving = false
            if error != nil { close(socket) }
            return socket
        case .sent(let socket, let error):
            connections[socket]!.sending = nil
            if error != nil { close(socket) }
            return socket
        case .closed(let socket, _):
            connections[socket] = nil
            closedCount += 1
            return nil
        case .readable: return nil
        case .woken:
            wokenCount += 1
            engine.waker.acknowledge()
            return nil
        case .connected: return nil
        }
    }

    private mutating func close(_ socket: SocketID) {
        guard !connections[socket]!.isClosing else { return }
        connections[socket]!.isClosing = true
        engine.close(socket)
    }

    private mutating func flush(_ socket: SocketID) {
        guard let connection = connections[socket], !connection.isClosing else { return }
        if connection.sending == nil {
            if !connection.waiting.isEmpty {
                let memory = SendMemory(connection.waiting)
                connections[socket]!.waiting = []
                connections[socket]!.sending = memory
                unsafe engine.send(socket, memory.bytes)
            } else if connection.isEnded {
                return close(socket)
            }
        }
        limit(socket)
    }

    private mutating func limit(_ socket: SocketID) {
        let connection = connections[socket]!
        guard !connection.isEnded else { return }
        let wants = connection.waiting.count < Self.waitingBytesMax
        guard wants != connection.isReceiving else { return }
        connections[socket]!.isReceiving = wants
        if wants { engine.startReceiving(socket) } else { engine.stopReceiving(socket) }
    }
}

/// Memory at one place, scribbled over when it is let go, so that an engine that still reads it is found out.
@safe final class SendMemory {
    private let memory: UnsafeMutableRawBufferPointer
    var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(memory) }

    init(_ bytes: [UInt8]) {
        unsafe memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 8)
        unsafe memory.copyBytes(from: bytes)
    }

    func scribble() { unsafe memory[0] ^= 0xFF }

    deinit {
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 0xEE)
        unsafe memory.deallocate()
    }
}
