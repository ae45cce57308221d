// Sends that nobody waits for: silent when they succeed at once, ordinary sends when they do not.

import MartletEngine
import Testing

@Suite struct UnawaitedSendTests {
    static let kinds = EngineKind.available

    @Test(arguments: kinds) func endsOnceWithTheNextEvent(_ kind: EngineKind) throws {
        let core = try Core(kind.make())
        var peer = try Peer(to: core.listener.address)
        let socket = try core.acceptOne(peer)
        for round in 1...50 {
            core.sendUnawaited(socket, pattern(500, seed: round))
            try core.run("arrival") {
                peer.read()
                return peer.received.count == round * 500
            }
            peer.write([1])
            try core.run("sent") { core.of(socket).sends.count == round }
        }
        #expect(peer.received == (1...50).flatMap { pattern(500, seed: $0) })
        #expect(core.of(socket).sends.allSatisfy { $0 == nil })
    }

    /// The socket takes only a part inside the enter: the rest follows, and the end is told once.
    @Test(arguments: kinds) func goesOnWhenTheSocketIsFull(_ kind: EngineKind) throws {
        let core = try Core(kind.make())
        var peer = try Peer(to: core.listener.address, receiveBufferBytes: 65_536)
        let socket = try core.acceptOne(peer)
        let bytes = pattern(8_000_000)
        core.sendUnawaited(socket, bytes)
        core.settle()
        #expect(core.of(socket).sends.isEmpty, "a send is over when its last byte was taken")
        try core.run("slow reader") {
            peer.read(atMost: 200_000)
            return peer.received.count == bytes.count
        }
        peer.write([1])
        try core.run("sent") { core.of(socket).sends.count == 1 }
        #expect(peer.received == bytes)
        #expect(core.of(socket).sends == [nil])
    }

    @Test(arguments: kinds) func tellsTheEndAtOnceWhenItIsAwaited(_ kind: EngineKind) throws {
        let core = try Core(kind.make())
        let peer = try Peer(to: core.listener.address)
        let socket = try core.acceptOne(peer)
        core.sendUnawaited(socket, pattern(500))
        core.engine.awaitSend(socket)
        try core.run("sent") { core.of(socket).sends.count == 1 }
        #expect(core.of(socket).sends == [nil])
    }

    @Test(arguments: kinds) func closesWhileItIsUnderWay(_ kind: EngineKind) throws {
        let core = try Core(kind.make())
        let peer = try Peer(to: core.listener.address)
        let socket = try core.acceptOne(peer)
        core.sendUnawaited(socket, pattern(500))
        core.engine.close(socket)
        try core.run("closed") { core.of(socket).closes.count == 1 }
    }
}
