// The engines of the kernel give the same answers as the simulated one: real servers, real sockets on the loopback.

import Glibc
import MartletEngine
import MartletSimulation
import Testing

@testable import Martlet

@Suite(.serialized) struct EngineAgreementTests {
    static let streamCount: UInt64 = 300

    @Test(arguments: [EngineChoice.epoll, .uring])
    func sameAnswersAsSimulated(engine: EngineChoice) throws {
        // Where the kernel or its container has no io_uring there is nothing to compare.
        guard let server = try Self.makeServer(engine) else { return }
        let thread = try CoreThread { Self.run(server) }
        defer { thread.join() }
        defer { server.stop() }
        for seed in simulationSeeds(Self.streamCount, from: 40_000) {
            var random = SimulatedRandom(seed: seed)
            let stream = RequestStream(&random, faulty: FaultyHeads.all)
            let expected = try ReferenceRun([stream], seed: seed, highWaterBytes: 4096).answers[0]
            let peer = try LoopbackPeer(server.addresses[0], receiveBufferBytes: random.chance(300) ? 4096 : nil)
            let received = Received.final(try peer.exchange(stream.bytes, &random))
            let isSame = received == expected
            try #require(isSame, "seed \(seed), \(engine): \(difference(received, expected))")
        }
        for counters in server.counters() { #expect(counters.inFlight == 0 && counters.cut == 0 && counters.timedOut == 0) }
    }

    private static func run(_ server: Server) {
        do throws(ServerError) {
            try server.run { context in AnsweringHandler(.byTasks(context), Ledger(), context.executor) }
        } catch {
            Issue.record("the server did not run: \(error)")
        }
    }

    private static func makeServer(_ engine: EngineChoice) throws -> Server? {
        var configuration = Configuration.simulated()
        configuration.engine = engine
        configuration.addresses = [.ipv4(0x7F00_0001, port: 0)]
        configuration.sharesListeners = true
        do throws(ServerError) {
            return try Server(configuration)
        } catch {
            guard engine == .uring, case .engineUnavailable = error else { throw error }
            return nil
        }
    }
}

extension Later {
    /// In another turn of the core by a task on its executor; from another thread by one of its own, because the other tests fill the pool of tasks.
    static func byTasks(_ context: CoreContext) -> Later {
        Later(
            onCore: { _, action in
                let box = ActionBox(action: action)
                Task(executorPreference: context.executor) {
                    await Task.yield()
                    box.action()
                }
            },
            anywhere: { _, action in
                let box = ActionBox(action: action)
                var thread = pthread_t()
                let code = unsafe pthread_create(&thread, nil, { raw in
                    unsafe Unmanaged<ActionBox>.fromOpaque(raw!).takeRetainedValue().action()
                    return nil
                }, Unmanaged.passRetained(box).toOpaque())
                precondition(code == 0, "the thread that answers a ticket cannot be started")
                _ = pthread_detach(thread)
            })
    }
}

private final class ActionBox: @unchecked Sendable {
    let action: () -> Void
    init(action: @escaping () -> Void) { self.action = action }
}

/// A client's socket that never blocks.
private struct LoopbackPeer: ~Copyable {
    private let descriptor: Int32
    private static let secondsMax = 10

    init(_ address: SocketAddress, receiveBufferBytes: Int32?) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try #require(descriptor >= 0)
        if var size = receiveBufferBytes { _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, 4) }
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = (address.port ?? 0).bigEndian
        name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let code = unsafe withUnsafeBytes(of: &name) {
            unsafe connect(descriptor, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
        }
        try #require(code == 0, "errno \(errno)")
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    }

    /// Writes the bytes in pieces, says that no more come, and reads to the end.
    func exchange(_ bytes: [UInt8], _ random: inout SimulatedRandom) throws -> [UInt8] {
        var rest = bytes[...]
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let end = time(nil) + Self.secondsMax
        var didFinish = false
        while time(nil) < end {
            if !rest.isEmpty {
                let count = random.chance(500) ? rest.count : random.pick(1...rest.count)
                let written = unsafe rest.withUnsafeBytes { unsafe send(descriptor, $0.baseAddress, count, Int32(MSG_NOSIGNAL)) }
                // Whoever has been refused is told so by an answer; what it still wanted to say is lost.
                if written < 0, errno != EAGAIN { rest = [] } else { rest = rest.dropFirst(max(written, 0)) }
            } else if !didFinish {
                didFinish = true
                _ = shutdown(descriptor, Int32(SHUT_WR))
            }
            var wanted = pollfd(fd: descriptor, events: Int16(POLLIN) | (rest.isEmpty ? 0 : Int16(POLLOUT)), revents: 0)
            _ = unsafe poll(&wanted, 1, didFinish ? 1000 : 0)
            let count = unsafe recv(descriptor, &buffer, buffer.count, 0)
            if count == 0 { return received }
            if count > 0 { received += buffer[0..<count] } else { try #require(errno == EAGAIN, "recv: errno \(errno)") }
        }
        Issue.record("no end after \(Self.secondsMax) s, \(received.count) bytes")
        return received
    }

    deinit { _ = close(descriptor) }
}
