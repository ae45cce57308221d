// A server on a thread of its own, with the routes of the tests.

import Glibc
import Martlet
import MartletEngine
import Synchronization
import Testing

final class RunningServer {
    let server: Server
    private let thread: TestThread
    private let outcome = Outcome()
    private var directory: String?

    private final class Outcome: Sendable {
        let error = Mutex<ServerError?>(nil)
    }

    init(_ kind: ServerKind, _ layout: ServerLayout = .listenerEach, adjust: (inout Configuration) -> Void = { _ in }) throws {
        var configuration = Configuration()
        kind.apply(to: &configuration)
        configuration.addresses = [.ipv4(0x7F00_0001, port: 0)]
        configuration.handlesSignals = false
        configuration.drainGrace = 0.1
        configuration.log = { _ in }
        switch layout {
        case .listenerEach: break
        case .listenerShared: configuration.sharesListeners = true
        case .unixSocket:
            let directory = try Self.makeDirectory()
            configuration.addresses = [.unix(directory + "/socket")]
            self.directory = directory
        }
        adjust(&configuration)
        let server = try Server(configuration)
        let outcome = outcome
        thread = TestThread {
            do throws(ServerError) {
                try server.run { _ in RouteHandler() }
            } catch {
                outcome.error.withLock { $0 = error }
            }
        }
        self.server = server
    }

    private static func makeDirectory() throws -> String {
        var name = Array("/tmp/martlet-test-XXXXXX".utf8CString)
        try #require(unsafe mkdtemp(&name) != nil)
        return String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    var address: SocketAddress { server.addresses[0] }

    func connect() throws -> TestClient { try TestClient(address) }

    /// Waits until `run` has returned; whoever calls it has asked the server to end.
    func join() {
        thread.join()
        #expect(outcome.error.withLock { $0 }?.description == nil)
        if let directory {
            _ = unsafe unlink(directory + "/socket")
            _ = unsafe rmdir(directory)
        }
    }

    /// The usual end of a test.
    func finish() {
        server.stop()
        join()
    }

    /// The sum over the cores.
    func total(_ count: (CoreCounters) -> UInt64) -> UInt64 { server.counters().reduce(0) { $0 + count($1) } }

    /// Waits for what the cores do in their own time.
    func eventually(_ condition: () -> Bool) -> Bool {
        for _ in 0..<500 {
            if condition() { return true }
            usleep(10_000)
        }
        return condition()
    }
}

/// A thread that is joined. Not a task: a server blocks for its whole life, and a client may have to write while it reads.
@safe final class TestThread {
    private let handle: pthread_t

    private final class Start {
        let body: () -> Void
        init(_ body: @escaping () -> Void) { self.body = body }
    }

    init(_ body: @escaping @Sendable () -> Void) {
        var handle = pthread_t()
        let start = unsafe Unmanaged.passRetained(Start(body))
        let code = unsafe pthread_create(&handle, nil, { raw in
            unsafe Unmanaged<Start>.fromOpaque(raw!).takeRetainedValue().body()
            return nil
        }, start.toOpaque())
        precondition(code == 0, "a thread of a test cannot be started")
        self.handle = handle
    }

    func join() { _ = pthread_join(handle, nil) }

    /// One that nobody waits for.
    static func detached(_ body: @escaping @Sendable () -> Void) { _ = pthread_detach(TestThread(body).handle) }
}
