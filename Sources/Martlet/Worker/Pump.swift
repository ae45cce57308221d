// The generic rim: the loop that calls the handler, and the doors to the two workers.
//
// The workers are instantiated here, behind types that are not generic, so that a user's module calls concrete code; the loop is small and inlinable, so that
// the handler's calls are direct there.

internal import MartletEngine
internal import MartletHTTP

/// What the loop needs of a worker.
@usableFromInline protocol Pump: AnyObject {
    func next() -> Work
    func chose(_ handling: BodyHandling?)
    var core: UnsafeMutablePointer<Core> { get }
    var slotInHand: UInt32 { get }
}

@safe @usableFromInline final class RingPump: Pump {
    let worker: UnsafeMutablePointer<Worker<RingEngine>>
    @usableFromInline let core: UnsafeMutablePointer<Core>

    init(_ worker: consuming Worker<RingEngine>) {
        unsafe core = unsafe worker.core
        unsafe self.worker = .allocate(capacity: 1)
        unsafe self.worker.initialize(to: worker)
    }

    @usableFromInline func next() -> Work { unsafe worker.pointee.next() }
    @usableFromInline func chose(_ handling: BodyHandling?) { unsafe worker.pointee.choice = handling }
    @inlinable var slotInHand: UInt32 { unsafe core.pointee.slotInHand ?? 0 }

    deinit {
        unsafe worker.deinitialize(count: 1)
        unsafe worker.deallocate()
    }
}

@safe @usableFromInline final class EpollPump: Pump {
    let worker: UnsafeMutablePointer<Worker<EpollEngine>>
    @usableFromInline let core: UnsafeMutablePointer<Core>

    init(_ worker: consuming Worker<EpollEngine>) {
        unsafe core = unsafe worker.core
        unsafe self.worker = .allocate(capacity: 1)
        unsafe self.worker.initialize(to: worker)
    }

    @usableFromInline func next() -> Work { unsafe worker.pointee.next() }
    @usableFromInline func chose(_ handling: BodyHandling?) { unsafe worker.pointee.choice = handling }
    @inlinable var slotInHand: UInt32 { unsafe core.pointee.slotInHand ?? 0 }

    deinit {
        unsafe worker.deinitialize(count: 1)
        unsafe worker.deallocate()
    }
}

/// Serves until the worker stops. Inlinable, so that it is specialized for the handler in the handler's module.
@inlinable
func serve<P: Pump, H: Handler & ~Copyable>(_ pump: P, _ handler: inout H) {
    while true {
        switch pump.next() {
        case .respond:
            let request = Request(pump)
            handler.respond(to: request, with: ResponseWriter(pump))
        case .chooseBodyHandling:
            let request = Request(pump)
            pump.chose(handler.bodyHandling(for: request))
        case .received(let exchange, let last):
            deliver(Request(pump), to: &handler, exchange, last: last)
        case .writable(let exchange):
            handler.writable(exchange)
        case .inputEnded(let exchange):
            handler.inputEnded(exchange)
        case .ended(let exchange, let reason):
            handler.ended(exchange, reason: reason)
        case .stopped, .turnEnded:
            return
        }
    }
}

/// A function of its own: a request of which a span is taken where it is made lies in a box on the heap (Swift 6.3).
@inlinable
func deliver<H: Handler & ~Copyable>(_ request: borrowing Request, to handler: inout H, _ exchange: Exchange, last: Bool) {
    handler.received(request.body, of: exchange, last: last)
}

extension Request {
    @_lifetime(immortal)
    @usableFromInline init(_ pump: some Pump) { unsafe self.init(core: pump.core, slot: pump.slotInHand) }
}

extension ResponseWriter {
    @_lifetime(immortal)
    @usableFromInline init(_ pump: some Pump) { unsafe self.init(core: pump.core, slot: pump.slotInHand) }
}
