// A wake that the kernel refuses is tried again, and never stands in the way of the next.

import Glibc
import Testing

@testable import MartletEngine

@Suite struct WakerTests {
    @Test func aRefusedWakeDoesNotSilenceTheNext() throws {
        guard EngineKind.rings.contains(.ring) else { return }
        var engine = try RingEngine(RingOptions())
        guard case .message(let ring, let userData) = engine.waker.channel else { return }
        // A number that is no descriptor yet: the first wake is refused, and the next one reaches the ring that has got it.
        let number = fcntl(ring, F_DUPFD, 500)
        try #require(number >= 500)
        _ = close(number)
        let waker = Waker(.message(ring: number, userData: userData))
        waker.wake()
        #expect(!waker.isSignaled)
        try #require(dup2(ring, number) == number)
        defer { _ = close(number) }
        waker.wake()
        #expect(waker.isSignaled)
        let start = Clock.coarse()
        engine.wait(until: start + 5_000_000_000)
        var wokenCount = 0
        while let event = engine.next() {
            if case .woken = event { wokenCount += 1 }
        }
        #expect(wokenCount == 1)
        #expect(engine.now - start < 4_000_000_000, "the deadline woke it")
    }

    @Test(arguments: [ENOMEM, EAGAIN, EBUSY, EOVERFLOW, EINTR])
    func aKernelThatIsShortOfSomethingIsAskedAgain(code: Int32) {
        var refusals = 3, calls = 0
        let isPosted = Waker.post {
            calls += 1
            refusals -= 1
            return refusals >= 0 ? code : 0
        }
        #expect(isPosted && calls == 4)
    }

    @Test func itIsNotAskedForEver() {
        var calls = 0
        let isPosted = Waker.post {
            calls += 1
            return ENOMEM
        }
        #expect(!isPosted && calls == Waker.attemptsMax)
    }

    @Test func aRingThatIsGoneIsNotAskedAgain() {
        var calls = 0
        let isPosted = Waker.post {
            calls += 1
            return EBADF
        }
        #expect(!isPosted && calls == 1)
    }
}
