// The owner of an engine in the tests: runs turns, keeps what happened, and keeps the memory of sends where it is.

import Glibc
import MartletEngine
import Testing

/// What one socket of the core went through.
struct SocketHistory {
    var received: [UInt8] = []
    var receiveEnds: [SystemError?] = []
    var sends: [SystemError?] = []
    var closes: [SystemError?] = []
    var isConnected = false
}

@safe final class Core {
    let engine: any EngineBox
    let listener: ListeningSocket
    private(set) var accepted: [SocketID] = []
    /// How many of them the test took by `acceptOne`.
    private var claimedCount = 0
    private(set) var history: [SocketID: SocketHistory] = [:]
    private(set) var wokenCount = 0
    private(set) var readableCount = 0
    private(set) var turnCount = 0
    /// Runs for each event after it was noted down, while received bytes are still lent.
    var react: (Event) -> Void = { _ in }
    private var sending: [SocketID: UnsafeMutableRawBufferPointer] = unsafe [:]

    static let listenerNumber: UInt16 = 3
    /// No test needs longer; one that hangs fails.
    static let patienceNanoseconds: Nanoseconds = 10_000_000_000

    init(_ engine: any EngineBox, on address: SocketAddress = .ipv4(0x7F00_0001, port: 0)) throws {
        self.engine = engine
        listener = try ListeningSocket(address, backlog: 1024, reusePort: false)
        engine.startAccepting(listener: Self.listenerNumber, descriptor: listener.descriptor)
    }

    deinit {
        for unsafe memory in unsafe sending.values { unsafe memory.deallocate() }
    }

    func of(_ socket: SocketID) -> SocketHistory { history[socket] ?? SocketHistory() }

    /// One wait, and everything that it brought.
    func turn(forAtMost nanoseconds: Nanoseconds = 20_000_000) {
        engine.wait(until: engine.now + nanoseconds)
        turnCount += 1
        while let event = engine.next() {
            note(event)
            react(event)
            if case .received(_, let bytes) = event { engine.release(bytes) }
        }
    }

    func run(_ what: Comment, until isDone: () -> Bool) throws {
        let end = Clock.precise() + Self.patienceNanoseconds
        while !isDone() {
            try #require(Clock.precise() < end, "waited too long: \(what)")
            turn(forAtMost: 1_000_000)
        }
    }

    /// Some turns more, to see that nothing else comes.
    func settle(turns: Int = 3) {
        for _ in 0..<turns { turn(forAtMost: 5_000_000) }
    }

    private func note(_ event: Event) {
        switch event {
        case .accepted(let socket, let listener):
            #expect(listener == Self.listenerNumber)
            #expect(history[socket] == nil, "a socket's name was given twice")
            accepted.append(socket)
            history[socket] = SocketHistory()
        case .connected(let socket): history[socket, default: SocketHistory()].isConnected = true
        case .received(let socket, let lent): change(socket) { unsafe $0.received += lent.bytes }
        case .receiveEnded(let socket, let error): change(socket) { $0.receiveEnds.append(error) }
        case .sent(let socket, let error):
            change(socket) { $0.sends.append(error) }
            forget(socket)
        case .closed(let socket, let error):
            change(socket) { $0.closes.append(error) }
            forget(socket)
        case .readable: readableCount += 1
        case .woken: wokenCount += 1
        }
    }

    private func change(_ socket: SocketID, _ body: (inout SocketHistory) -> Void) {
        #expect(of(socket).closes.isEmpty, "an event came after `closed`")
        body(&history[socket, default: SocketHistory()])
    }

    private func forget(_ socket: SocketID) {
        unsafe sending.removeValue(forKey: socket)?.deallocate()
    }

    /// Memory with these bytes that stays until the socket's send ends.
    func keep(_ bytes: [UInt8], for socket: SocketID) -> UnsafeMutableRawBufferPointer {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(bytes.count, 1), alignment: 16)
        unsafe memory.copyBytes(from: bytes)
        unsafe sending[socket] = unsafe memory
        return unsafe UnsafeMutableRawBufferPointer(rebasing: memory[0..<bytes.count])
    }

    func send(_ socket: SocketID, _ bytes: [UInt8]) {
        unsafe engine.send(socket, UnsafeRawBufferPointer(keep(bytes, for: socket)))
    }

    func sendUnawaited(_ socket: SocketID, _ bytes: [UInt8]) {
        unsafe engine.sendUnawaited(socket, UnsafeRawBufferPointer(keep(bytes, for: socket)))
    }

    /// The next socket that was accepted, which is the client's if clients are taken in their order; starts receiving from it.
    func acceptOne(_ client: borrowing Peer) throws -> SocketID {
        try run("accept") { accepted.count > claimedCount }
        let socket = accepted[claimedCount]
        claimedCount += 1
        engine.startReceiving(socket)
        return socket
    }
}

/// Bytes that tell where they belong.
func pattern(_ count: Int, seed: Int = 0) -> [UInt8] {
    if seed == 0 { return Array(longPattern[0..<count]) }
    return (0..<count).map { UInt8(truncatingIfNeeded: ($0 &* 31) ^ ($0 >> 8) ^ seed) }
}

/// Made once: eight million bytes take a debug build a second.
private let longPattern: [UInt8] = (0..<8_000_000).map { UInt8(truncatingIfNeeded: ($0 &* 31) ^ ($0 >> 8)) }

/// A file without a name.
func temporaryFile() -> Int32 {
    var path = Array("/tmp/martlet-test-XXXXXX".utf8CString)
    let descriptor = unsafe mkstemp(&path)
    _ = unsafe unlink(path)
    return descriptor
}
