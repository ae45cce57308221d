// The simulated engine: the vocabulary of engines over a simulated network, deterministic, with faults.
//
// It also watches its owner. What real kernels punish by silence or by corrupted memory ends here in a sentence:
// a buffer released twice, a second send in flight, memory changed before `sent`, a socket used after `close`.

package import MartletEngine

@safe package struct SimulatedEngine: Engine, ~Copyable {
    private let core: SimulatedCore

    package init(_ network: SimulatedNetwork, _ options: SimulatedOptions = SimulatedOptions()) {
        core = SimulatedCore(network, options)
    }

    package var now: Nanoseconds { core.now }
    package var counters: EngineCounters { core.counters }
    package var socketsMax: Int { core.options.socketsMax }
    package var waker: Waker { core.waker }

    /// The last wait had no deadline and nothing can ever happen: a test's loop ends here.
    package var isQuiescent: Bool { core.isQuiescent }
    /// Received bytes that the owner has not released, and sockets that it has not closed.
    package var lentCount: Int { core.lentCount }
    package var openCount: Int { core.openCount }

    package mutating func startAccepting(listener: UInt16, descriptor: Int32) { core.startAccepting(listener) }
    package mutating func stopAccepting(listener: UInt16) { core.stopAccepting(listener) }
    package mutating func connect(to address: SocketAddress) throws(SystemError) -> SocketID { try core.connect(to: address) }
    package mutating func startReceiving(_ socket: SocketID) { core.startReceiving(core.owned(socket)) }
    package mutating func stopReceiving(_ socket: SocketID) { core.stopReceiving(core.owned(socket)) }
    package mutating func release(_ received: ReceivedBytes) { core.release(received) }

    package mutating func send(_ socket: SocketID, _ bytes: UnsafeRawBufferPointer) {
        unsafe core.send(core.owned(socket), SimulatedSend([bytes]))
    }

    package mutating func sendUnawaited(_ socket: SocketID, _ bytes: UnsafeRawBufferPointer) {
        unsafe core.sendUnawaited(core.owned(socket), SimulatedSend([bytes]))
    }

    package mutating func awaitSend(_ socket: SocketID) { core.awaitSend(core.owned(socket)) }

    package mutating func send(_ socket: SocketID, gathering pieces: UnsafeMutableBufferPointer<IOVector>) {
        unsafe core.send(core.owned(socket), SimulatedSend(pieces.map { unsafe $0.bytes }, vector: pieces))
    }

    package mutating func send(_ socket: SocketID, file descriptor: Int32, offset: Int64, count: Int, head: UnsafeRawBufferPointer) {
        unsafe core.send(core.owned(socket), SimulatedSend([head], file: (descriptor, offset, count)))
    }

    package mutating func shutdownSend(_ socket: SocketID) { core.shutdownSend(core.owned(socket)) }
    package mutating func close(_ socket: SocketID) { core.close(core.owned(socket)) }
    /// The world outside is not simulated: its descriptors never have anything to read.
    package mutating func watch(_ descriptor: Int32) {}
    package mutating func wait(until deadline: Nanoseconds?) { core.wait(until: deadline) }
    package mutating func next() -> Event? { core.next() }
    package func peerAddress(of socket: SocketID) -> SocketAddress? { core.current(socket)?.address }
}

package struct SimulatedOptions: Sendable {
    package var socketsMax = 1024
    package var receiveBufferBytes = 4096
    package var receiveBufferCount = 64
    package init() {}
}
