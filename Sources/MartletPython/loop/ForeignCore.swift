// What simulations need of the host: a loop over a core and a clock of their own, and how many objects of requests are alive.
//
// Python's objects cross as raw pointers, so that nobody outside needs this module's glue.

internal import CPython
package import Martlet

package enum ForeignCore {
    /// Does what `LoopBase.__init__` does, but takes the core and the time from the caller. False with an exception raised.
    package static func place(_ loop: UnsafeMutableRawPointer, on core: HostedCore, clock: @escaping () -> Double) -> Bool {
        let object = unsafe loop.assumingMemoryBound(to: PyObject.self)
        guard let type = unsafe LoopBase.type, unsafe PyObject_IsInstance(object, type) == 1 else {
            unsafe Python.raise(martlet_exc_type_error(), "only a loop of martlet's own can be placed on a core")
            return false
        }
        guard let made = unsafe LoopState(loop: object, core: core, engine: nil, clock: clock) else { return false }
        return unsafe LoopBase.install(made, in: object)
    }

    /// References to the classes of exchanges and awaitables: each instance has one, so that differences count instances.
    package static var classReferences: (exchanges: Int, awaitables: Int) {
        guard let exchange = unsafe ASGIExchange.type, let awaitable = unsafe Awaitable.type else { return (0, 0) }
        return unsafe (martlet_refcount(exchange), martlet_refcount(awaitable))
    }
}
