// The io_uring engine of one core: owns the ring, the receive buffers and the socket table.
//
// Reading order: this file (state, set-up, the wait), RingCompletions (what the kernel says), RingOperations (what it is told), RingSending.
// It must never know what the bytes mean. Everything runs on the thread that made it.

internal import CUring
internal import Glibc

@safe @usableFromInline package struct RingEngine: Engine, ~Copyable {
    private let handle: RingHandle
    /// The thread that made the ring, and alone may enter it.
    private let home = ThreadIdentity.current
    let ring: UnsafeMutablePointer<io_uring>
    var features: RingFeatures
    /// False once the kernel said that it copied a zero-copy send.
    var zeroCopyPays = true
    let options: RingOptions
    var buffers: ReceiveBuffers
    let sockets: Slab<RingSocket>
    /// Message headers of gathering sends, and files on their way; rows are touched only by sockets that use them.
    let messages: Slab<msghdr>
    let files: Slab<FileSend>
    var listeners: [RingListener] = []
    /// When resting listeners are tried again.
    var listenersResume: Nanoseconds?

    var freeSlots = FreeSlots()
    var starved = SocketList()
    var silentSends: SilentSends
    /// Sends that are not awaited go out silently below this size: none where the kernel cannot do it, and those that are not copied never.
    let silentSendBytesMax: Int
    var announced = SocketList()

    /// Completions between head and tail were posted before the last wait returned.
    var head: UInt32 = 0
    var tail: UInt32 = 0
    let completionMask: UInt32
    let completions: UnsafeMutablePointer<io_uring_cqe>

    @usableFromInline package let waker: Waker
    /// The kernel writes the eventfd's count here.
    let wakeCount: UnsafeMutablePointer<UInt64>

    /// The one timeout that the ring holds, and the memory that the kernel reads it from.
    let timeout: UnsafeMutablePointer<__kernel_timespec>
    var armedDeadline: Nanoseconds?

    @usableFromInline package internal(set) var now: Nanoseconds = Clock.coarse()
    @usableFromInline package var counters = EngineCounters()
    @usableFromInline package var socketsMax: Int { sockets.capacity }

    package init(_ options: RingOptions) throws {
        let handle = try RingHandle(options)
        let ring = unsafe handle.ring
        var features = handle.features
        var buffers = try unsafe ReceiveBuffers(
            ring, bytesEach: options.receiveBufferBytes, count: options.receiveBufferCount, countMax: options.receiveBufferCountMax)
        let sockets = try Slab<RingSocket>(capacity: options.socketsMax)
        let messages = unsafe try Slab<msghdr>(capacity: options.socketsMax)
        let files = try Slab<FileSend>(capacity: options.socketsMax)
        let silentSends = try SilentSends()
        try unsafe RingSelfTest.run(ring, &features, &buffers)
        let waker = try unsafe features.messageWake ? Waker(.message(ring: ring.pointee.ring_fd, userData: Operation.wake.userData)) : Waker.event()
        self.handle = handle
        unsafe self.ring = ring
        self.options = options
        self.features = features
        self.buffers = buffers
        self.sockets = sockets
        unsafe self.messages = unsafe messages
        self.files = files
        self.silentSends = silentSends
        silentSendBytesMax = features.silentSend ? options.zeroCopySendBytesMin ?? .max : 0
        unsafe completionMask = martlet_completions_mask(ring)
        unsafe completions = unsafe ring.pointee.cq.cqes
        unsafe head = martlet_completions_head(ring)
        tail = head
        unsafe timeout = UnsafeMutablePointer<__kernel_timespec>.allocate(capacity: 1)
        unsafe timeout.initialize(to: __kernel_timespec())
        unsafe wakeCount = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
        unsafe wakeCount.initialize(to: 0)
        self.waker = waker
        if waker.descriptor >= 0 { armWakeRead() }
    }

    deinit {
        // Elsewhere the kernel refuses the ring, or takes it for another one: then it drops what stands in the queue when the ring goes.
        if isHome { finishAccepting() }
        var slot: UInt32 = 0
        while slot < freeSlots.used {
            let state = unsafe sockets.row(slot).pointee.state
            if state.contains(.open), !state.contains(.closed) { _ = unsafe Glibc.close(sockets.row(slot).pointee.descriptor) }
            slot += 1
        }
        unsafe timeout.deallocate()
        unsafe wakeCount.deallocate()
    }

    /// Hands over the closings that stand in the queue, ends accepting, and closes the connections that were accepted for nobody.
    private func finishAccepting() {
        _ = unsafe io_uring_submit(ring)
        for index in listeners.indices where listeners[index].armed {
            guard let entry = unsafe io_uring_get_sqe(ring) else { break }
            unsafe martlet_prepare_cancel(entry, acceptUserData(index))
        }
        _ = unsafe martlet_enter(ring, 0, features.registeredDescriptor ? 1 : 0)
        var unseen = head
        while unsafe unseen != martlet_completions_tail(ring) {
            let entry = unsafe completions[Int(unseen & completionMask)]
            unseen &+= 1  // Safe: the queue's indices wrap by design.
            if Operation(rawValue: UInt8(entry.user_data >> 56)) == .accept, entry.res >= 0 { _ = Glibc.close(entry.res) }
        }
    }

    private var isHome: Bool { ThreadIdentity.current == home }

    /// One line for the log: what the kernel gave.
    @usableFromInline package var summary: String {
        var text = "io_uring, "
        switch features.rung {
        case .deferredTaskRun: text += "deferred task run"
        case .singleIssuer: text += "single issuer"
        case .cooperativeTaskRun: text += "cooperative task run"
        }
        text += features.multishotReceive ? ", multishot receive" : ", single-shot receive"
        if features.silentSend { text += ", silent sends" }
        if features.restricted { text += ", restricted" }
        return text
    }

    // MARK: The wait

    @usableFromInline package mutating func wait(until deadline: Nanoseconds?) {
        finishTurn()
        let hasEvents = !announced.isEmpty || silentSends.areAwaited || deadline == 0
        silentSends.areAwaited = false
        // A wait whose deadline lies behind the armed one costs nothing.
        if !hasEvents, let deadline = earliest(deadline, listenersResume), armedDeadline.map({ $0 > deadline }) ?? true { armTimeout(deadline) }
        enter(waitFor: hasEvents ? 0 : 1)
        now = max(now, Clock.coarse())
        if let until = listenersResume, until <= now { resumePausedListeners() }
    }

    private func earliest(_ first: Nanoseconds?, _ second: Nanoseconds?) -> Nanoseconds? {
        guard let second else { return first }
        return first.map { min($0, second) } ?? second
    }

    /// The buffers go back first, so that what is re-armed finds them.
    @inline(__always) // Called from one place.
    private mutating func finishTurn() {
        unsafe martlet_completions_release(ring, head)
        if !starved.isEmpty { resumeStarved() }
        buffers.publish()
        if unsafe martlet_submission_flags(ring) & MARTLET_SQ_CQ_OVERFLOW != 0 { counters.completionOverflows += 1 }
    }

    @inline(__always) // Called from one place.
    private mutating func enter(waitFor count: UInt32) {
        counters.enters &+= 1  // Safe: 64 bits do not wrap.
        let code = unsafe martlet_enter(ring, count, features.registeredDescriptor ? 1 : 0)
        switch -code {
        case ...0, EINTR, ETIME: break
        // Out of memory or of completion space for a moment: what was not taken stays in the queue, and completions are drained first.
        case EAGAIN, EBUSY, ENOMEM: break
        default: preconditionFailure("io_uring_enter refused a ring that it had made: \(SystemError(-code, .ioUringEnter))")
        }
        unsafe tail = martlet_completions_tail(ring)
        if !silentSends.isEmpty { decideSilentSends() }
    }

    /// Failures are in the queue, unless it overflowed or the kernel has not taken everything yet; then the next enter decides.
    @inline(__always) // Called from one place.
    private mutating func decideSilentSends() {
        guard unsafe martlet_submissions_waiting(ring) == 0, unsafe martlet_submission_flags(ring) & MARTLET_SQ_CQ_OVERFLOW == 0 else { return }
        var index = head
        while index != tail {
            let entry = unsafe completions[Int(index & completionMask)]
            index &+= 1  // Safe: the queue's indices wrap by design.
            guard entry.user_data >> 56 == UInt64(Operation.send.rawValue) else { continue }
            let socket = SocketID(packed: entry.user_data & (1 << 56 - 1))
            if isOpen(socket) { unsafe sockets.row(socket.slot).pointee.state.remove(.sendIsSilent) }
        }
        silentSends.decide()
    }

    /// Keeps one kernel timer, and only ever moves it forward.
    @inline(never) // Rare: once per tick of the owner's deadlines.
    private mutating func armTimeout(_ deadline: Nanoseconds) {
        if armedDeadline != nil {
            let entry = unsafe submission()
            unsafe io_uring_prep_timeout_remove(entry, Operation.timeout.userData, 0)
            unsafe entry.pointee.user_data = Operation.ignored.userData
            // The memory below is read when the new timeout is issued; the old one was read when it was.
        }
        armedDeadline = deadline
        unsafe timeout.pointee = __kernel_timespec(tv_sec: Int64(deadline / 1_000_000_000), tv_nsec: Int64(deadline % 1_000_000_000))
        let entry = unsafe submission()
        unsafe io_uring_prep_timeout(entry, timeout, 0, MARTLET_TIMEOUT_ABS)
        unsafe entry.pointee.user_data = Operation.timeout.userData
    }

    /// A free place in the submission queue; a full queue is handed over first.
    mutating func submission() -> UnsafeMutablePointer<io_uring_sqe> {
        while true {
            if let entry = unsafe io_uring_get_sqe(ring) { return unsafe entry }
            let taken = unsafe io_uring_submit(ring)
            precondition(taken > 0 || taken == -EAGAIN || taken == -EBUSY || taken == -EINTR, "the ring takes no submissions")
        }
    }
}
