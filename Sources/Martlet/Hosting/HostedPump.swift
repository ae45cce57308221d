// What a host needs of a pump beyond the work itself; the same few doors into both workers.

internal import MartletEngine

protocol HostedPump: Pump {
    func wait(until deadline: Nanoseconds?)
    func watch(_ descriptor: Int32)
    func takeReadiness() -> Bool
    func beginService(_ listeners: [Int32], _ control: CoreControl)
    func endService()
    func peerAddress(of socket: SocketID) -> SocketAddress?
    func localAddress(of socket: SocketID) -> SocketAddress?
    var isStopped: Bool { get }
    var waker: Waker { get }
}

extension RingPump: HostedPump {
    func wait(until deadline: Nanoseconds?) { unsafe worker.pointee.wait(until: deadline) }
    func watch(_ descriptor: Int32) { unsafe worker.pointee.engine.watch(descriptor) }
    func takeReadiness() -> Bool { unsafe worker.pointee.takeReadiness() }
    func beginService(_ listeners: [Int32], _ control: CoreControl) { unsafe worker.pointee.beginService(listeners, control) }
    func endService() { unsafe worker.pointee.endService() }
    func peerAddress(of socket: SocketID) -> SocketAddress? { unsafe worker.pointee.engine.peerAddress(of: socket) }
    func localAddress(of socket: SocketID) -> SocketAddress? { unsafe worker.pointee.engine.localAddress(of: socket) }
    var isStopped: Bool { unsafe worker.pointee.isStopped }
    var waker: Waker { unsafe worker.pointee.engine.waker }
}

extension EpollPump: HostedPump {
    func wait(until deadline: Nanoseconds?) { unsafe worker.pointee.wait(until: deadline) }
    func watch(_ descriptor: Int32) { unsafe worker.pointee.engine.watch(descriptor) }
    func takeReadiness() -> Bool { unsafe worker.pointee.takeReadiness() }
    func beginService(_ listeners: [Int32], _ control: CoreControl) { unsafe worker.pointee.beginService(listeners, control) }
    func endService() { unsafe worker.pointee.endService() }
    func peerAddress(of socket: SocketID) -> SocketAddress? { unsafe worker.pointee.engine.peerAddress(of: socket) }
    func localAddress(of socket: SocketID) -> SocketAddress? { unsafe worker.pointee.engine.localAddress(of: socket) }
    var isStopped: Bool { unsafe worker.pointee.isStopped }
    var waker: Waker { unsafe worker.pointee.engine.waker }
}

/// A pump over an engine that another module has made. Its worker is not specialized for the engine, so it is for tests.
@safe final class GivenPump<E: Engine & ~Copyable>: HostedPump {
    private let worker: UnsafeMutablePointer<Worker<E>>
    let core: UnsafeMutablePointer<Core>

    init(_ worker: consuming Worker<E>) {
        unsafe core = unsafe worker.core
        unsafe self.worker = .allocate(capacity: 1)
        unsafe self.worker.initialize(to: worker)
    }

    deinit {
        unsafe worker.deinitialize(count: 1)
        unsafe worker.deallocate()
    }

    func next() -> Work { unsafe worker.pointee.next() }
    func chose(_ handling: BodyHandling?) { unsafe worker.pointee.choice = handling }
    var slotInHand: UInt32 { unsafe core.pointee.slotInHand ?? 0 }

    func wait(until deadline: Nanoseconds?) { unsafe worker.pointee.wait(until: deadline) }
    func watch(_ descriptor: Int32) { unsafe worker.pointee.engine.watch(descriptor) }
    func takeReadiness() -> Bool { unsafe worker.pointee.takeReadiness() }
    func beginService(_ listeners: [Int32], _ control: CoreControl) { unsafe worker.pointee.beginService(listeners, control) }
    func endService() { unsafe worker.pointee.endService() }
    func peerAddress(of socket: SocketID) -> SocketAddress? { unsafe worker.pointee.engine.peerAddress(of: socket) }
    func localAddress(of socket: SocketID) -> SocketAddress? { unsafe worker.pointee.engine.localAddress(of: socket) }
    var isStopped: Bool { unsafe worker.pointee.isStopped }
    var waker: Waker { unsafe worker.pointee.engine.waker }
}
