// The epoll engine of one core: owns the epoll descriptor, one receive buffer and the socket table.
//
// Reading order: this file (state, set-up, the wait), EpollReadiness (what the kernel says), EpollOperations (what it is told), EpollSending.
// It must never know what the bytes mean. Everything runs on the thread that made it. Invariants beside those of every engine:
//   - every socket is registered once, edge-triggered, for everything; its row remembers what the kernel will not repeat;
//   - reads happen in `next`, into the one buffer, so the owner gives it back before it calls `next` again;
//   - nothing waits while a row stands in a list: such a turn passes without the kernel, or only asks it.

internal import CUring
internal import Glibc

@safe @usableFromInline package struct EpollEngine: Engine, ~Copyable {
    let options: EpollOptions
    let epoll: Int32
    let timer: Int32
    let receiveMemory: PageMemory
    /// The receive buffer is the owner's.
    var isLent = false
    let sockets: Slab<EpollSocket>
    /// Message headers of gathering sends, and files on their way; rows are touched only by sockets that use them.
    let messages: Slab<msghdr>
    let files: Slab<FileSend>
    var listeners: [EpollListener] = []
    /// When resting listeners are tried again.
    var listenersResume: Nanoseconds?

    var freeSlots = FreeSlots()
    var announced = SocketList()
    /// Sockets that are readable and wanted, how many they are, and how many of them are still to be read from in this turn.
    var ready = SocketList()
    var readyCount = 0
    var readsLeft = 0

    /// Readiness between head and tail was reported by the last wait.
    var head = 0
    var tail = 0
    let events: UnsafeMutablePointer<epoll_event>
    /// The listener that is being accepted from, and how often it still is in this turn.
    var accepting: Int?
    var acceptsLeft = 0

    @usableFromInline package let waker: Waker
    /// When the timer goes off; nil while it is not set.
    var armedDeadline: Nanoseconds?
    /// The deadline of the last wait had passed before it.
    var deadlinePassed = false
    private var turnsSincePoll = 0

    @usableFromInline package internal(set) var now: Nanoseconds = Clock.coarse()
    @usableFromInline package var counters = EngineCounters()
    @usableFromInline package var socketsMax: Int { sockets.capacity }

    package init(_ options: EpollOptions) throws(SystemError) {
        let receiveMemory = try PageMemory(byteCount: options.receiveBufferBytes + ReceiveBuffers.slackBytes)
        let sockets = try Slab<EpollSocket>(capacity: options.socketsMax)
        let messages = unsafe try Slab<msghdr>(capacity: options.socketsMax)
        let files = try Slab<FileSend>(capacity: options.socketsMax)
        let waker = try Waker.event()
        let descriptors = try EpollDescriptors(waker.descriptor)
        self.options = options
        self.receiveMemory = receiveMemory
        self.sockets = sockets
        unsafe self.messages = unsafe messages
        self.files = files
        self.waker = waker
        epoll = descriptors.epoll
        timer = descriptors.timer
        unsafe events = UnsafeMutablePointer<epoll_event>.allocate(capacity: options.eventsPerWait)
        unsafe events.initialize(repeating: epoll_event(), count: options.eventsPerWait)
    }

    deinit {
        var slot: UInt32 = 0
        while slot < freeSlots.used {
            let state = unsafe sockets.row(slot).pointee.state
            if state.contains(.open), !state.contains(.closed) { _ = unsafe Glibc.close(sockets.row(slot).pointee.descriptor) }
            slot += 1
        }
        _ = Glibc.close(timer)
        _ = Glibc.close(epoll)
        unsafe events.deallocate()
    }

    /// One line for the log.
    @usableFromInline package var summary: String { "epoll, edge-triggered" }

    // MARK: The wait

    @usableFromInline package mutating func wait(until deadline: Nanoseconds?) {
        let hasReadiness = head < tail || accepting != nil
        let hasWork = hasReadiness || !announced.isEmpty || !ready.isEmpty
        readsLeft = readyCount
        acceptsLeft = options.acceptsPerTurn
        turnsSincePoll += 1
        // What was sent inside the calls of the last turn is told without asking the kernel, but not for ever.
        if !hasWork || (!hasReadiness && turnsSincePoll >= options.turnsBetweenPollsMax) { poll(blocking: !hasWork, deadline) }
        now = max(now, Clock.coarse())
        if let until = listenersResume, until <= now { resumePausedListeners() }
    }

    @inline(__always) // Called from one place.
    private mutating func poll(blocking: Bool, _ deadline: Nanoseconds?) {
        var timeout: Int32 = blocking ? -1 : 0
        if blocking, let deadline = earliest(deadline, listenersResume) {
            if deadline <= now {
                deadlinePassed = true
                timeout = 0
            } else if armedDeadline.map({ $0 > deadline }) ?? true {
                armTimer(deadline)
            }
        }
        turnsSincePoll = 0
        counters.enters += 1
        let count = unsafe martlet_epoll_wait(epoll, events, Int32(options.eventsPerWait), timeout)
        precondition(count >= 0 || errno == EINTR, "epoll_wait refused a descriptor that it had made")
        head = 0
        tail = max(Int(count), 0)
    }

    private func earliest(_ first: Nanoseconds?, _ second: Nanoseconds?) -> Nanoseconds? {
        guard let second else { return first }
        return first.map { min($0, second) } ?? second
    }

    /// Keeps one kernel timer, and only ever moves it forward: a wait whose deadline lies behind the armed one costs nothing.
    @inline(never) // Rare: once per tick of the owner's deadlines.
    private mutating func armTimer(_ deadline: Nanoseconds) {
        var setting = itimerspec()
        setting.it_value.tv_sec = Int(deadline / 1_000_000_000)
        setting.it_value.tv_nsec = Int(deadline % 1_000_000_000)
        let code = unsafe timerfd_settime(timer, MARTLET_TIMER_ABSOLUTE, &setting, nil)
        precondition(code == 0, "the kernel refused to set a timer that it had made")
        armedDeadline = deadline
    }

    @usableFromInline package func peerAddress(of socket: SocketID) -> SocketAddress? {
        unsafe isOpen(socket) ? ListeningSocket.peerAddress(sockets.row(socket.slot).pointee.descriptor) : nil
    }

    @usableFromInline package func localAddress(of socket: SocketID) -> SocketAddress? {
        unsafe isOpen(socket) ? ListeningSocket.localAddress(sockets.row(socket.slot).pointee.descriptor) : nil
    }
}

/// Makes the engine's descriptors and ties them together, or none of them.
private struct EpollDescriptors {
    let epoll: Int32
    let timer: Int32

    init(_ wakeDescriptor: Int32) throws(SystemError) {
        let epoll = epoll_create1(MARTLET_EPOLL_CLOEXEC)
        guard epoll >= 0 else { throw SystemError(errno, .epollCreate1) }
        let timer = martlet_timer()
        guard timer >= 0 else {
            let code = errno
            _ = Glibc.close(epoll)
            throw SystemError(code, .timerfdCreate)
        }
        // Neither is ever read: each write of the one and each expiry of the other is an edge of its own.
        guard martlet_watch(epoll, wakeDescriptor, MARTLET_WATCH_SIGNAL, EpollWatch.waker.data) == 0,
            martlet_watch(epoll, timer, MARTLET_WATCH_SIGNAL, EpollWatch.timer.data) == 0
        else {
            let code = errno
            _ = Glibc.close(timer)
            _ = Glibc.close(epoll)
            throw SystemError(code, .epollCtl)
        }
        self.epoll = epoll
        self.timer = timer
    }
}
