// The one door between a core and other threads: answers by ticket, jobs of the core's executor.
//
// Bounded: answers lie in letters that are made at the start; when none is free, the sender is told and the client gets 503.
// The lock is held for a few instructions; no letter is written or read under it.

internal import Glibc
internal import MartletEngine
internal import MartletHTTP
internal import Synchronization

/// An answer on its way to its core: fields and body lie behind each other in the letter, or in memory of their own when they do not fit.
@unsafe struct Letter {
    var slot: UInt32
    var serial: UInt32
    var status: UInt16
    var fieldByteCount: Int
    var bodyByteCount: Int
    var overflow: UnsafeMutableRawPointer?

    static let bytes = 2048
    static var headerBytes: Int { unsafe (MemoryLayout<Letter>.stride + 15) & ~15 }
    static var payloadBytes: Int { unsafe bytes - headerBytes }
}

/// A request that a ticket could not answer.
struct Refusal {
    var slot: UInt32
    var serial: UInt32
    /// No letter was free; otherwise the ticket was dropped.
    var isOverload: Bool
}

@safe final class Mailbox: @unchecked Sendable {
    private struct State {
        var free: [UInt32]
        var posted: [UInt32]
        var refused: [Refusal]
        var jobs: [UnownedJob]
    }

    private let memory: PageMemory
    private let state: Mutex<State>
    private let mail = Atomic<Bool>(false)
    private let owner = Atomic<UInt>(0)
    private let waker = Mutex<Waker?>(nil)

    init(capacity: Int) throws(SystemError) {
        precondition(capacity > 0 && capacity <= 1 << 20, "a mailbox holds 1 to 1,048,576 letters")
        memory = unsafe try PageMemory(byteCount: capacity * Letter.bytes)
        var posted: [UInt32] = []
        posted.reserveCapacity(capacity)
        var jobs: [UnownedJob] = []
        jobs.reserveCapacity(64)
        state = Mutex(State(free: (0..<UInt32(capacity)).reversed(), posted: posted, refused: [], jobs: jobs))
    }

    /// The calling thread is the core's; what it posts needs no wake-up.
    func adopt(_ waker: Waker?) {
        self.waker.withLock { $0 = waker }
        owner.store(UInt(pthread_self()), ordering: .releasing)
    }

    var isOnOwnThread: Bool { owner.load(ordering: .relaxed) == UInt(pthread_self()) }

    /// Wakes the core, from any thread.
    func wake() {
        mail.store(true, ordering: .releasing)
        if !isOnOwnThread { waker.withLock { $0 }?.wake() }
    }

    // MARK: Senders

    /// A free letter, or nil when all are under way.
    func takeLetter() -> UnsafeMutablePointer<Letter>? {
        guard let index = state.withLock({ $0.free.popLast() }) else { return nil }
        return unsafe letter(index)
    }

    func post(_ letter: UnsafeMutablePointer<Letter>) {
        let index = unsafe UInt32((UnsafeMutableRawPointer(letter) - memory.base) / Letter.bytes)
        state.withLock { $0.posted.append(index) }
        wake()
    }

    func refuse(_ refusal: Refusal) {
        state.withLock { $0.refused.append(refusal) }
        wake()
    }

    func post(_ job: UnownedJob) {
        state.withLock { $0.jobs.append(job) }
        wake()
    }

    // MARK: The core

    /// Cheap enough to ask in every turn.
    var hasMail: Bool { mail.load(ordering: .acquiring) }

    /// Before looking: what is posted from now on raises the flag again.
    func beginDrain() { mail.store(false, ordering: .sequentiallyConsistent) }

    func takePosted() -> UnsafeMutablePointer<Letter>? {
        guard let index = state.withLock({ $0.posted.isEmpty ? nil : $0.posted.removeFirst() }) else { return nil }
        return unsafe letter(index)
    }

    func takeRefusal() -> Refusal? { state.withLock { $0.refused.popLast() } }

    func giveBack(_ letter: UnsafeMutablePointer<Letter>) {
        if let overflow = unsafe letter.pointee.overflow { unsafe overflow.deallocate() }
        let index = unsafe UInt32((UnsafeMutableRawPointer(letter) - memory.base) / Letter.bytes)
        state.withLock { $0.free.append(index) }
    }

    /// Swaps the posted jobs for an empty list that keeps its memory.
    func takeJobs(into jobs: inout [UnownedJob]) {
        state.withLock { swap(&$0.jobs, &jobs) }
    }

    private func letter(_ index: UInt32) -> UnsafeMutablePointer<Letter> {
        unsafe (memory.base + Int(index) * Letter.bytes).assumingMemoryBound(to: Letter.self)
    }
}

extension UnsafeMutablePointer where Pointee == Letter {
    /// Fields, then the body.
    var payload: UnsafeMutableRawPointer { unsafe pointee.overflow ?? UnsafeMutableRawPointer(self) + Letter.headerBytes }
}
