// The engines under test: the ring with each of its fallbacks forced, and epoll with its usual and its smallest limits.

import MartletEngine
import Testing

/// What the tests call: an engine behind a class, so that one suite runs against all of them.
protocol EngineBox: AnyObject {
    var now: Nanoseconds { get }
    var counters: EngineCounters { get }
    var socketsMax: Int { get }
    var waker: Waker { get }
    func startAccepting(listener: UInt16, descriptor: Int32)
    func stopAccepting(listener: UInt16)
    func connect(to address: SocketAddress) throws(SystemError) -> SocketID
    func startReceiving(_ socket: SocketID)
    func stopReceiving(_ socket: SocketID)
    func release(_ received: ReceivedBytes)
    func sendUnawaited(_ socket: SocketID, _ bytes: UnsafeRawBufferPointer)
    func awaitSend(_ socket: SocketID)
    func send(_ socket: SocketID, _ bytes: UnsafeRawBufferPointer)
    func send(_ socket: SocketID, gathering pieces: UnsafeMutableBufferPointer<IOVector>)
    func send(_ socket: SocketID, file descriptor: Int32, offset: Int64, count: Int, head: UnsafeRawBufferPointer)
    func shutdownSend(_ socket: SocketID)
    func close(_ socket: SocketID)
    func wait(until deadline: Nanoseconds?)
    func next() -> Event?
    func watch(_ descriptor: Int32)
    func peerAddress(of socket: SocketID) -> SocketAddress?
}

final class Box<E: Engine & ~Copyable>: EngineBox {
    var engine: E
    init(_ engine: consuming E) { self.engine = engine }

    var now: Nanoseconds { engine.now }
    var counters: EngineCounters { engine.counters }
    var socketsMax: Int { engine.socketsMax }
    var waker: Waker { engine.waker }
    func startAccepting(listener: UInt16, descriptor: Int32) { engine.startAccepting(listener: listener, descriptor: descriptor) }
    func stopAccepting(listener: UInt16) { engine.stopAccepting(listener: listener) }
    func connect(to address: SocketAddress) throws(SystemError) -> SocketID { try engine.connect(to: address) }
    func startReceiving(_ socket: SocketID) { engine.startReceiving(socket) }
    func stopReceiving(_ socket: SocketID) { engine.stopReceiving(socket) }
    func release(_ received: ReceivedBytes) { engine.release(received) }
    func send(_ socket: SocketID, _ bytes: UnsafeRawBufferPointer) { unsafe engine.send(socket, bytes) }
    func sendUnawaited(_ socket: SocketID, _ bytes: UnsafeRawBufferPointer) { unsafe engine.sendUnawaited(socket, bytes) }
    func awaitSend(_ socket: SocketID) { engine.awaitSend(socket) }
    func send(_ socket: SocketID, gathering pieces: UnsafeMutableBufferPointer<IOVector>) { unsafe engine.send(socket, gathering: pieces) }
    func send(_ socket: SocketID, file descriptor: Int32, offset: Int64, count: Int, head: UnsafeRawBufferPointer) {
        unsafe engine.send(socket, file: descriptor, offset: offset, count: count, head: head)
    }
    func shutdownSend(_ socket: SocketID) { engine.shutdownSend(socket) }
    func close(_ socket: SocketID) { engine.close(socket) }
    func wait(until deadline: Nanoseconds?) { engine.wait(until: deadline) }
    func next() -> Event? { engine.next() }
    func watch(_ descriptor: Int32) { engine.watch(descriptor) }
    func peerAddress(of socket: SocketID) -> SocketAddress? { engine.peerAddress(of: socket) }
}

enum EngineKind: String, CaseIterable, Codable, CustomTestStringConvertible {
    case ring, ringSingleIssuer, ringCooperative, ringSingleAccept, ringSingleReceive, ringEventWake, ringUnrestricted
    case ringUnregistered, ringZeroCopy, ringPlainest, epoll, epollSmallest

    /// Those that this machine can run; a container may forbid io_uring.
    static let available: [EngineKind] = allCases.filter { (try? $0.make()) != nil }
    static let rings: [EngineKind] = available.filter(\.isRing)

    var isRing: Bool { self != .epoll && self != .epollSmallest }
    var testDescription: String { rawValue }

    private var ringOptions: RingOptions {
        var options = RingOptions()
        options.socketsMax = 4096
        switch self {
        case .ringSingleIssuer: options.bestRung = .singleIssuer
        case .ringCooperative: options.bestRung = .cooperativeTaskRun
        case .ringSingleAccept: options.multishotAccept = false
        case .ringSingleReceive: options.multishotReceive = false
        case .ringEventWake: options.messageWake = false
        case .ringUnrestricted: options.restrictions = false
        case .ringUnregistered: options.registeredDescriptor = false
        case .ringZeroCopy: options.zeroCopySendBytesMin = 1
        case .ringPlainest:
            options.bestRung = .cooperativeTaskRun
            options.multishotAccept = false
            options.multishotReceive = false
            options.messageWake = false
            options.restrictions = false
            options.registeredDescriptor = false
            options.silentSend = false
            options.submissionEntries = 4
        case .ring, .epoll, .epollSmallest: break
        }
        return options
    }

    private var epollOptions: EpollOptions {
        var options = EpollOptions()
        options.socketsMax = 4096
        if self == .epollSmallest {
            options.receiveBufferBytes = 7
            options.eventsPerWait = 1
            options.acceptsPerTurn = 1
        }
        return options
    }

    func make(_ change: (inout RingOptions) -> Void = { _ in }, epoll changeEpoll: (inout EpollOptions) -> Void = { _ in }) throws -> any EngineBox {
        if isRing {
            var options = ringOptions
            change(&options)
            return Box(try RingEngine(options))
        }
        var options = epollOptions
        changeEpoll(&options)
        return Box(try EpollEngine(options))
    }
}
