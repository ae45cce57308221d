// What ends a wait: deadlines, other threads, nothing else.

import Glibc
import MartletEngine
import Testing

@Suite(.serialized) struct WaitTests {
    static let kinds = EngineKind.available

    @Test(arguments: kinds) func endsAtTheDeadline(_ kind: EngineKind) throws {
        let core = try Core(kind.make())
        core.settle()
        for _ in 0..<5 {
            let before = core.wokenCount, start = Clock.precise(), deadline = core.engine.now + 30_000_000
            var turns = 0
            while core.engine.now < deadline {
                core.engine.wait(until: deadline)
                while let event = core.engine.next() { core.react(event) }
                turns += 1
                try #require(turns < 50, "a wait for the deadline spins")
            }
            #expect(before == core.wokenCount)
            // The coarse clock lies behind by a tick at most.
            #expect(Clock.precise() - start >= 15_000_000)
        }
    }

    @Test(arguments: kinds) func saysThatADeadlinePassed(_ kind: EngineKind) throws {
        let core = try Core(kind.make())
        core.settle()
        let before = core.wokenCount
        core.engine.wait(until: core.engine.now)
        var events = 0
        while let event = core.engine.next() {
            if case .woken = event { events += 1 }
        }
        #expect(events >= 1)
        #expect(before == core.wokenCount)
    }

    @Test(arguments: kinds) func takesANearerDeadline(_ kind: EngineKind) throws {
        let core = try Core(kind.make())
        let peer = try Peer(to: core.listener.address)
        // The accept ends the wait with the far deadline, which stays armed.
        core.turn(forAtMost: 60_000_000_000)
        _ = peer.descriptor
        let start = Clock.precise()
        let before = core.wokenCount
        try core.run("nearer deadline") { core.wokenCount > before }
        #expect(Clock.precise() - start < 5_000_000_000)
    }

    @Test(arguments: kinds) func isWokenByAnotherThread(_ kind: EngineKind) throws {
        let core = try Core(kind.make())
        core.settle()
        for _ in 0..<10 {
            let waker = core.engine.waker
            let before = core.wokenCount
            let thread = Thread {
                usleep(3000)
                waker.wake()
                waker.wake()
            }
            let start = Clock.precise()
            while core.wokenCount == before { core.turn(forAtMost: 10_000_000_000) }
            thread.join()
            #expect(waker.isSignaled)
            waker.acknowledge()
            #expect(Clock.precise() - start < 5_000_000_000)
        }
        // Each signal was told once, and no wait ends without a reason.
        let turns = core.turnCount, woken = core.wokenCount
        core.turn(forAtMost: 50_000_000)
        #expect(core.turnCount == turns + 1 && core.wokenCount <= woken + 1)
    }

    @Test(arguments: kinds) func doesNotSpinWhenIdle(_ kind: EngineKind) throws {
        let core = try Core(kind.make())
        let peer = try Peer(to: core.listener.address)
        let socket = try core.acceptOne(peer)
        core.settle()
        // The core waits for 200 ms with an open connection; the wake-ups are few.
        let enters = core.engine.counters.enters, end = Clock.precise() + 200_000_000
        while Clock.precise() < end { core.turn(forAtMost: 100_000_000) }
        #expect(core.engine.counters.enters - enters <= 6)
        #expect(core.of(socket).received.isEmpty)
    }

    @Test(arguments: kinds) func aWakerOutlivesItsEngine(_ kind: EngineKind) throws {
        let waker = try kind.make().waker
        // Nobody hears them; what counts is that they end, also the second, and touch nothing that is gone.
        waker.wake()
        waker.wake()
        if kind == .epoll || kind == .epollSmallest || kind == .ringEventWake { #expect(waker.isSignaled) }
    }
}

/// A thread that ends before the test does.
final class Thread {
    private var handle = pthread_t()

    init(_ body: @escaping @Sendable () -> Void) {
        let context = unsafe Unmanaged.passRetained(Body(body)).toOpaque()
        let code = unsafe pthread_create(&handle, nil, { context in
            unsafe Unmanaged<Body>.fromOpaque(context!).takeRetainedValue().run()
            return nil
        }, context)
        precondition(code == 0, "no thread can be made")
    }

    func join() { _ = pthread_join(handle, nil) }

    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
}

/// Descriptors that are not the engine's own: the event loop of another runtime.
@Suite(.serialized) struct WatchTests {
    @Test(arguments: EngineKind.available) func saysOnceThatADescriptorIsReadable(_ kind: EngineKind) throws {
        let core = try Core(kind.make())
        core.settle()
        var ends: [Int32] = [0, 0]
        #expect(unsafe pipe(&ends) == 0)
        defer { for end in ends { _ = close(end) } }
        core.engine.watch(ends[0])
        core.turn(forAtMost: 20_000_000)
        #expect(core.readableCount == 0)
        var byte: UInt8 = 1
        #expect(unsafe write(ends[1], &byte, 1) == 1)
        try core.run("readable") { core.readableCount == 1 }
        // Level-triggered when it is asked again, silent when it is not.
        core.turn(forAtMost: 20_000_000)
        #expect(core.readableCount == 1)
        core.engine.watch(ends[0])
        try core.run("readable again") { core.readableCount == 2 }
    }

    @Test(arguments: EngineKind.available) func doesNotWaitUntilZero(_ kind: EngineKind) throws {
        let core = try Core(kind.make())
        core.settle()
        let start = Clock.precise()
        for _ in 0..<100 {
            core.engine.wait(until: 0)
            while let event = core.engine.next() { core.react(event) }
        }
        #expect(Clock.precise() - start < 1_000_000_000)
    }
}
