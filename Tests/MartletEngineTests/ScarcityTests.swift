// What engines do when something runs out: receive buffers, descriptors; and that they give everything back.

import Glibc
import MartletEngine
import Testing

@Suite(.serialized) struct ScarcityTests {
    static let kinds = EngineKind.available

    @Test(arguments: EngineKind.rings, [4, 32]) func livesWithFourReceiveBuffers(_ kind: EngineKind, _ countMax: Int) throws {
        let core = try Core(kind.make { options in
            options.receiveBufferBytes = 512
            options.receiveBufferCount = 4
            options.receiveBufferCountMax = countMax
        })
        let bytes = pattern(40_000)
        var peers: [PeerBox] = []
        for _ in 0..<64 {
            peers.append(PeerBox(try Peer(to: core.listener.address)))
            _ = try core.acceptOne(peers[peers.count - 1].peer)
        }
        for box in peers { box.peer.write(bytes) }
        try core.run("every byte") { core.accepted.allSatisfy { core.of($0).received.count == bytes.count } }
        #expect(core.accepted.allSatisfy { core.of($0).received == bytes })
        #expect(core.engine.counters.receivesStarved > 0)
        // Starved sockets that are quiet again cost nothing.
        let enters = core.engine.counters.enters
        core.settle()
        #expect(core.engine.counters.enters - enters <= 10)
    }

    @Test(arguments: EngineKind.rings) func closesASocketThatFoundNoBuffer(_ kind: EngineKind) throws {
        let core = try Core(kind.make { options in
            options.receiveBufferBytes = 512
            options.receiveBufferCount = 1
            options.receiveBufferCountMax = 1
        })
        var lent: [ReceivedBytes] = []
        let first = PeerBox(try Peer(to: core.listener.address))
        let second = PeerBox(try Peer(to: core.listener.address))
        _ = try core.acceptOne(first.peer)
        _ = try core.acceptOne(second.peer)
        first.peer.write(pattern(100))
        second.peer.write(pattern(100))
        // Both talk, and the one buffer is kept.
        while lent.isEmpty || core.engine.counters.receivesStarved == 0 {
            core.engine.wait(until: core.engine.now + 20_000_000)
            while let event = core.engine.next() {
                if case .received(_, let bytes) = event { lent.append(bytes) }
            }
        }
        for socket in core.accepted { core.engine.close(socket) }
        for bytes in lent { core.engine.release(bytes) }
        try core.run("closes") { core.accepted.allSatisfy { core.of($0).closes.count == 1 } }
    }

    @Test(arguments: kinds) func restsWhenTheTableOfFilesIsFull(_ kind: EngineKind) async {
        await #expect(processExitsWith: .success) { [kind] in
            let core = try Core(kind.make())
            // The kernel takes the limit from the moment at which an accept was started.
            core.engine.stopAccepting(listener: Core.listenerNumber)
            core.settle()
            var peers: [PeerBox] = []
            for _ in 0..<3 { peers.append(PeerBox(try Peer(to: core.listener.address))) }
            var limit = rlimit()
            _ = unsafe getrlimit(__rlimit_resource_t(7), &limit)
            let usual = limit.rlim_cur
            // The lowest limit that the descriptors in use fill: accepting fails at once.
            limit.rlim_cur = rlim_t(peers[2].peer.descriptor) + 1
            let enters = core.engine.counters.enters
            _ = unsafe setrlimit(__rlimit_resource_t(7), &limit)
            core.engine.startAccepting(listener: Core.listenerNumber, descriptor: core.listener.descriptor)
            for _ in 0..<5 { core.turn(forAtMost: 10_000_000) }
            precondition(core.engine.counters.enters - enters < 50, "a full table makes the engine spin")
            limit.rlim_cur = usual
            _ = unsafe setrlimit(__rlimit_resource_t(7), &limit)
            try core.run("the backlog is accepted") { core.accepted.count == 3 }
            precondition(core.engine.counters.acceptsPaused > 0, "the engine saw the full table")
        }
    }

    @Test(arguments: kinds) func leaksNoDescriptor(_ kind: EngineKind) async {
        await #expect(processExitsWith: .success) { [kind] in
            func run() throws {
                let core = try Core(kind.make())
                var peers: [PeerBox] = []
                for _ in 0..<20 { peers.append(PeerBox(try Peer(to: core.listener.address))) }
                try core.run("accepts") { core.accepted.count == 20 }
                for socket in core.accepted { core.engine.startReceiving(socket) }
                // Some are closed to the end, some are on their way, some are left to the engine's own end.
                for socket in core.accepted[0..<8] { core.engine.close(socket) }
                try core.run("closes") { core.accepted[0..<8].allSatisfy { core.of($0).closes.count == 1 } }
                for socket in core.accepted[8..<14] { core.engine.close(socket) }
                while core.engine.next() != nil {}
                _ = try core.engine.connect(to: core.listener.address)
            }
            try run()
            usleep(50_000)
            let before = openDescriptors()
            for _ in 0..<3 { try run() }
            // A ring's end is finished by the kernel after the close.
            var after = openDescriptors()
            for _ in 0..<50 where after != before {
                usleep(20_000)
                after = openDescriptors()
            }
            precondition(after == before, "descriptors were left open: \(before) before, \(after) after")
        }
    }
}

/// How many descriptors this process has open.
func openDescriptors() -> Int {
    guard let directory = unsafe opendir("/proc/self/fd") else { return -1 }
    defer { unsafe closedir(directory) }
    var count = 0
    while unsafe readdir(directory) != nil { count += 1 }
    return count
}
