// What every engine promises, on real sockets.

import Glibc
import MartletEngine
import Testing

@Suite(.serialized) struct EngineTests {
    static let kinds = EngineKind.available

    /// Everything that arrives goes back, one send at a time.
    private func echo(_ core: Core) {
        var waiting: [SocketID: [UInt8]] = [:]
        var busy: Set<SocketID> = []
        core.react = { event in
            switch event {
            case .accepted(let socket, _): core.engine.startReceiving(socket)
            case .received(let socket, let lent):
                unsafe waiting[socket, default: []] += lent.bytes
                if busy.insert(socket).inserted, let bytes = waiting.removeValue(forKey: socket) { core.send(socket, bytes) }
            case .sent(let socket, _):
                busy.remove(socket)
                if let bytes = waiting.removeValue(forKey: socket) {
                    busy.insert(socket)
                    core.send(socket, bytes)
                }
            case .receiveEnded(let socket, _): core.engine.close(socket)
            case .closed(let socket, _):
                busy.remove(socket)
                waiting.removeValue(forKey: socket)
            case .connected, .readable, .woken: break
            }
        }
    }

    @Test(arguments: kinds) func echoes(_ kind: EngineKind) throws {
        let core = try Core(kind.make())
        echo(core)
        var peer = try Peer(to: core.listener.address)
        for round in 1...50 {
            peer.write(pattern(round * 7, seed: round))
            try core.run("echo") {
                peer.read()
                return peer.received.count >= (1...round).reduce(0) { $0 + $1 * 7 }
            }
        }
        #expect(peer.received == (1...50).flatMap { pattern($0 * 7, seed: $0) })
        peer.finishSending()
        try core.run("close") {
            peer.read()
            return peer.sawEnd && core.of(core.accepted[0]).closes.count == 1
        }
        core.settle()
        #expect(core.of(core.accepted[0]).closes == [nil])
    }

    @Test(arguments: kinds) func echoesOnAUnixSocket(_ kind: EngineKind) throws {
        let core = try Core(kind.make(), on: .unix("/tmp/martlet-engine-\(getpid())-\(kind.rawValue)"))
        echo(core)
        var peer = try Peer(to: core.listener.address)
        for round in 1...20 {
            peer.write(pattern(1000, seed: round))
            try core.run("echo") {
                peer.read()
                return peer.received.count == round * 1000
            }
        }
        #expect(peer.received == (1...20).flatMap { pattern(1000, seed: $0) })
        #expect(core.of(core.accepted[0]).sends.allSatisfy { $0 == nil })
    }

    @Test(arguments: kinds) func sendsMuchToASlowReader(_ kind: EngineKind) throws {
        let core = try Core(kind.make())
        var peer = try Peer(to: core.listener.address, receiveBufferBytes: 65_536)
        let socket = try core.acceptOne(peer)
        let bytes = pattern(8_000_000)
        core.send(socket, bytes)
        core.settle()
        #expect(core.of(socket).sends.isEmpty, "a send is over when its last byte was taken")
        try core.run("slow reader") {
            peer.read(atMost: 100_000)
            return peer.received.count == bytes.count
        }
        try core.run("sent") { core.of(socket).sends.count == 1 }
        #expect(peer.received == bytes)
        #expect(core.of(socket).sends == [nil])
    }

    @Test(arguments: kinds) func gathersPieces(_ kind: EngineKind) throws {
        let core = try Core(kind.make())
        var peer = try Peer(to: core.listener.address, receiveBufferBytes: 65_536)
        let socket = try core.acceptOne(peer)
        let bytes = pattern(6_000_000)
        let memory = unsafe core.keep(bytes, for: socket)
        let cuts = [0, 10, 10, 4_000_000, 4_000_001, 6_000_000]
        let pieces = UnsafeMutableBufferPointer<IOVector>.allocate(capacity: cuts.count - 1)
        defer { unsafe pieces.deallocate() }
        for index in 0..<cuts.count - 1 {
            unsafe pieces.initializeElement(at: index, to: IOVector(UnsafeRawBufferPointer(rebasing: memory[cuts[index]..<cuts[index + 1]])))
        }
        unsafe core.engine.send(socket, gathering: pieces)
        try core.run("gather") {
            peer.read(atMost: 200_000)
            return peer.received.count == bytes.count && core.of(socket).sends.count == 1
        }
        #expect(peer.received == bytes)
        #expect(core.of(socket).sends == [nil])
    }

    @Test(arguments: kinds) func sendsAFileBehindAHead(_ kind: EngineKind) throws {
        let core = try Core(kind.make())
        var peer = try Peer(to: core.listener.address, receiveBufferBytes: 65_536)
        let socket = try core.acceptOne(peer)
        let file = temporaryFile()
        defer { _ = Glibc.close(file) }
        let bytes = pattern(5_000_000)
        #expect(unsafe Glibc.write(file, bytes, bytes.count) == bytes.count)
        let head = unsafe core.keep(Array("head: ".utf8), for: socket)
        unsafe core.engine.send(socket, file: file, offset: 100, count: bytes.count - 100, head: UnsafeRawBufferPointer(head))
        try core.run("file") {
            peer.read(atMost: 200_000)
            return peer.received.count == bytes.count - 100 + 6 && core.of(socket).sends.count == 1
        }
        #expect(peer.received == Array("head: ".utf8) + bytes[100...])
        // A small one ends inside the call; one that promises more than the file has fails.
        let again = unsafe core.keep(Array("head: ".utf8), for: socket)
        unsafe core.engine.send(socket, file: file, offset: Int64(bytes.count) - 10, count: 20, head: UnsafeRawBufferPointer(again))
        try core.run("short file") { core.of(socket).sends.count == 2 }
        #expect(core.of(socket).sends == [nil, SystemError(EIO, .sendfile)])
    }

    @Test(arguments: kinds) func answersAfterTheHalfClose(_ kind: EngineKind) throws {
        let core = try Core(kind.make())
        var peer = try Peer(to: core.listener.address)
        peer.write(pattern(30_000))
        peer.finishSending()
        let socket = try core.acceptOne(peer)
        try core.run("end") { !core.of(socket).receiveEnds.isEmpty }
        #expect(core.of(socket).received == pattern(30_000))
        #expect(core.of(socket).receiveEnds == [nil])
        core.send(socket, pattern(100))
        try core.run("sent") { !core.of(socket).sends.isEmpty }
        core.engine.shutdownSend(socket)
        try core.run("answer") {
            peer.read()
            return peer.sawEnd && !core.of(socket).sends.isEmpty
        }
        #expect(peer.received == pattern(100))
        core.engine.close(socket)
        try core.run("close") { !core.of(socket).closes.isEmpty }
    }

    @Test(arguments: kinds) func tellsOfAReset(_ kind: EngineKind) throws {
        let core = try Core(kind.make())
        let socket: SocketID
        do {
            let peer = try Peer(to: core.listener.address)
            socket = try core.acceptOne(peer)
            peer.resetOnClose()
        }
        try core.run("reset") { !core.of(socket).receiveEnds.isEmpty }
        #expect(core.of(socket).receiveEnds == [SystemError(ECONNRESET, .recv)])
        core.send(socket, pattern(10))
        try core.run("send fails") { !core.of(socket).sends.isEmpty }
        #expect(core.of(socket).sends[0]?.code == EPIPE)
        core.engine.close(socket)
        try core.run("close") { !core.of(socket).closes.isEmpty }
        #expect(core.of(socket).closes == [nil])
    }

    @Test(arguments: kinds) func aResetEndsASendThatWaits(_ kind: EngineKind) throws {
        let core = try Core(kind.make())
        let socket: SocketID
        do {
            let peer = try Peer(to: core.listener.address, receiveBufferBytes: 65_536)
            socket = try core.acceptOne(peer)
            core.send(socket, pattern(8_000_000))
            core.settle()
            #expect(core.of(socket).sends.isEmpty)
            peer.resetOnClose()
        }
        try core.run("send fails") { !core.of(socket).sends.isEmpty }
        #expect(core.of(socket).sends[0] != nil)
        core.engine.close(socket)
        try core.run("close") { !core.of(socket).closes.isEmpty }
    }

    @Test(arguments: kinds) func closesUnderASendThatWaits(_ kind: EngineKind) throws {
        let core = try Core(kind.make())
        var peer = try Peer(to: core.listener.address, receiveBufferBytes: 65_536)
        let socket = try core.acceptOne(peer)
        core.send(socket, pattern(8_000_000))
        core.settle()
        core.engine.close(socket)
        try core.run("close") { !core.of(socket).closes.isEmpty }
        #expect(core.of(socket).sends.isEmpty)
        #expect(core.of(socket).closes == [nil], "the end of the send that was cut is no reason of the close")
        try core.run("the peer hears of it") {
            peer.read()
            return peer.sawEnd || peer.error != 0
        }
    }

    @Test(arguments: kinds) func closesUnderAFileThatEndedInTheCall(_ kind: EngineKind) throws {
        let core = try Core(kind.make())
        let peer = try Peer(to: core.listener.address)
        let socket = try core.acceptOne(peer)
        let head = unsafe core.keep(Array("all".utf8), for: socket)
        unsafe core.engine.send(socket, file: -1, offset: 0, count: 0, head: UnsafeRawBufferPointer(head))
        core.engine.close(socket)
        try core.run("close") { !core.of(socket).closes.isEmpty }
        core.settle()
        #expect(core.of(socket).sends.isEmpty)
        #expect(core.of(socket).closes == [nil])
    }

    @Test(arguments: kinds) func stopsAndStartsReceiving(_ kind: EngineKind) throws {
        let core = try Core(kind.make())
        let peer = try Peer(to: core.listener.address)
        let socket = try core.acceptOne(peer)
        peer.write(pattern(100))
        try core.run("first") { core.of(socket).received.count == 100 }
        core.engine.stopReceiving(socket)
        core.settle()
        peer.write(pattern(5000, seed: 1))
        core.settle()
        #expect(core.of(socket).received.count == 100)
        core.engine.startReceiving(socket)
        try core.run("second") { core.of(socket).received.count == 5100 }
        // Stopped and started in one turn, and with the end of the stream behind it.
        core.engine.stopReceiving(socket)
        core.engine.startReceiving(socket)
        core.engine.stopReceiving(socket)
        peer.write(pattern(10, seed: 2))
        peer.finishSending()
        core.engine.startReceiving(socket)
        try core.run("third") { !core.of(socket).receiveEnds.isEmpty }
        #expect(core.of(socket).received == pattern(100) + pattern(5000, seed: 1) + pattern(10, seed: 2))
        #expect(core.of(socket).receiveEnds == [nil])
    }

    @Test(arguments: kinds) func stopsReceivingInTheMiddleOfMuch(_ kind: EngineKind) throws {
        let core = try Core(kind.make())
        let peer = try Peer(to: core.listener.address)
        let socket = try core.acceptOne(peer)
        let bytes = pattern(300_000)
        var written = 0
        core.react = { event in
            if case .received(let socket, _) = event {
                core.engine.stopReceiving(socket)
                core.engine.startReceiving(socket)
            }
        }
        try core.run("all") {
            written += peer.write(bytes[written...])
            return core.of(socket).received.count == bytes.count
        }
        #expect(core.of(socket).received == bytes)
    }

    @Test(arguments: kinds) func holdsManyConnections(_ kind: EngineKind) throws {
        let core = try Core(kind.make())
        echo(core)
        let count = 300
        var peers: [PeerBox] = []
        for index in 0..<count {
            peers.append(PeerBox(try Peer(to: core.listener.address)))
            peers[index].peer.write(pattern(200, seed: index))
            if index % 50 == 0 { core.turn() }
        }
        try core.run("echoes") {
            peers.allSatisfy { box in
                box.peer.read()
                return box.peer.received.count == 200
            }
        }
        for index in 0..<count { #expect(peers[index].peer.received == pattern(200, seed: index)) }
        #expect(Set(core.accepted.map(\.slot)).count == count)
        for box in peers { box.peer.finishSending() }
        try core.run("closes") { core.accepted.allSatisfy { core.of($0).closes.count == 1 } }
    }

    @Test(arguments: kinds) func usesSlotsAgainUnderNewNames(_ kind: EngineKind) throws {
        let core = try Core(kind.make())
        for round in 0..<20 {
            let peer = try Peer(to: core.listener.address)
            let socket = try core.acceptOne(peer)
            #expect(socket.slot == 0 && socket.generation == UInt32(round))
            // Readiness and completions of a closed socket are on their way while it goes.
            peer.write(pattern(10_000))
            core.engine.close(socket)
            // None of these reaches anybody.
            core.send(socket, pattern(10))
            core.engine.startReceiving(socket)
            core.engine.stopReceiving(socket)
            core.engine.shutdownSend(socket)
            core.engine.close(socket)
            try core.run("close") { !core.of(socket).closes.isEmpty }
            #expect(core.engine.peerAddress(of: socket) == nil)
        }
        core.settle()
        #expect(core.accepted.allSatisfy { core.of($0).received.isEmpty && core.of($0).closes == [nil] })
    }

    @Test(arguments: kinds) func refusesWhatTheTableCannotHold(_ kind: EngineKind) throws {
        let core = try Core(kind.make({ $0.socketsMax = 2 }, epoll: { $0.socketsMax = 2 }))
        let first = try Peer(to: core.listener.address)
        let second = try Peer(to: core.listener.address)
        var third = try Peer(to: core.listener.address)
        _ = try core.acceptOne(first)
        _ = try core.acceptOne(second)
        try core.run("refusal") {
            third.read()
            return third.sawEnd || third.error != 0
        }
        #expect(core.engine.counters.acceptsRefused == 1)
        #expect(throws: SystemError(EMFILE, .connect)) { try core.engine.connect(to: core.listener.address) }
    }

    @Test(arguments: kinds) func stopsAndStartsAccepting(_ kind: EngineKind) throws {
        let core = try Core(kind.make())
        _ = try core.acceptOne(Peer(to: core.listener.address))
        core.engine.stopAccepting(listener: Core.listenerNumber)
        core.settle()
        let waiting = try Peer(to: core.listener.address)
        core.settle()
        #expect(core.accepted.count == 1)
        core.engine.startAccepting(listener: Core.listenerNumber, descriptor: core.listener.descriptor)
        _ = try core.acceptOne(waiting)
        // Within one turn.
        core.engine.stopAccepting(listener: Core.listenerNumber)
        core.engine.startAccepting(listener: Core.listenerNumber, descriptor: core.listener.descriptor)
        core.settle()
        _ = try core.acceptOne(Peer(to: core.listener.address))
    }

    @Test(arguments: kinds) func connects(_ kind: EngineKind) throws {
        let core = try Core(kind.make())
        let socket = try core.engine.connect(to: core.listener.address)
        try core.run("both ends") { core.of(socket).isConnected && core.accepted.count == 1 }
        let other = core.accepted[0]
        #expect(core.engine.peerAddress(of: socket) == core.listener.address)
        core.engine.startReceiving(socket)
        core.engine.startReceiving(other)
        core.send(socket, pattern(20_000))
        core.send(other, pattern(20_000, seed: 9))
        try core.run("bytes") { core.of(socket).received.count == 20_000 && core.of(other).received.count == 20_000 }
        core.engine.close(socket)
        try core.run("end") { !core.of(other).receiveEnds.isEmpty }
    }

    @Test(arguments: kinds) func tellsOfARefusedConnect(_ kind: EngineKind) throws {
        let core = try Core(kind.make())
        // A port that was just given back.
        let address = try ListeningSocket(.ipv4(0x7F00_0001, port: 0), backlog: 1, reusePort: false).address
        let socket = try core.engine.connect(to: address)
        try core.run("refusal") { !core.of(socket).closes.isEmpty }
        #expect(core.of(socket).closes == [SystemError(ECONNREFUSED, .connect)])
        #expect(!core.of(socket).isConnected)
        #expect(throws: SystemError(ENOENT, .connect)) { try core.engine.connect(to: .unix("/nowhere/martlet")) }
        core.settle()
        #expect(core.history.count == 1, "a connect that threw says nothing more")
    }

    @Test(arguments: kinds) func closesAConnectOnItsWay(_ kind: EngineKind) throws {
        let core = try Core(kind.make())
        let socket = try core.engine.connect(to: core.listener.address)
        core.engine.close(socket)
        try core.run("close") { !core.of(socket).closes.isEmpty }
        core.settle()
        #expect(core.of(socket).closes == [nil])
        #expect(!core.of(socket).isConnected)
    }
}

/// Peers in an array.
final class PeerBox {
    var peer: Peer
    init(_ peer: consuming Peer) { self.peer = peer }
}
