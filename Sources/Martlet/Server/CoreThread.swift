// A core's thread. Not a task: it belongs to one ring for its whole life and sleeps in the kernel.

internal import Glibc
internal import MartletEngine

@safe final class CoreThread {
    private let handle: pthread_t

    private final class Start {
        let body: () -> Void
        init(_ body: @escaping () -> Void) { self.body = body }
    }

    /// A handler runs on it, and memory that is not touched costs nothing.
    private static let stackBytes = 1 << 20

    init(_ body: @escaping () -> Void) throws(SystemError) {
        let start = unsafe Unmanaged.passRetained(Start(body))
        var handle = pthread_t()
        let code = unsafe withUnsafeTemporaryAllocation(of: pthread_attr_t.self, capacity: 1) { attributes in
            let attributes = attributes.baseAddress!
            _ = unsafe pthread_attr_init(attributes)
            defer { _ = unsafe pthread_attr_destroy(attributes) }
            _ = unsafe pthread_attr_setstacksize(attributes, Self.stackBytes)
            return unsafe pthread_create(&handle, attributes, { raw in
                // sendfile(2) has no flag against it; a peer that left is an error of the call.
                Signals.blockBrokenPipe()
                let start = unsafe Unmanaged<Start>.fromOpaque(raw!).takeRetainedValue()
                start.body()
                return nil
            }, start.toOpaque())
        }
        guard code == 0 else {
            unsafe start.release()
            throw SystemError(code, .pthreadCreate)
        }
        self.handle = handle
    }

    func join() { _ = pthread_join(handle, nil) }
}
