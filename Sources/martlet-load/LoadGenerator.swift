// Runs a load on one engine, on one thread: opens the connections, sends what is due, reads the answers, ends.
//
// Owns: the engine, the connection table, the histograms. Never knows: how the figures are shown.
// Invariants: nothing is allocated between the first request and the last; one send of a connection is in flight at a time;
// every request ends exactly once: answered, counted under one failure, or given back to be sent again.
//
// Reading order: this file (the turn, the end), LoadSending (what is due), LoadReceiving (answers), LoadConnections (opening and closing).

import MartletEngine
import MartletHTTP
import MartletHTTP1

struct LoadGenerator<E: Engine & ~Copyable>: ~Copyable {
    var engine: E
    let plan: LoadPlan
    let requests: RequestBytes
    let method: Method
    var schedule: Schedule
    var tally: Tally
    /// From the time at which a request was due, and from that at which it was sent; in a closed loop the first says all.
    var latency: Histogram
    var latencySinceSent: Histogram

    let connections: Table<ClientConnection>
    /// `depth` rows for each connection.
    let times: Table<RequestTimes>
    /// Which connection a socket belongs to, by slot.
    let owners: Table<UInt32>
    let carry: PageMemory
    var queue: ConnectionQueue

    var isStarted = false
    /// Connections whose first attempt has not ended; sending begins when none is left.
    var unresolved: UInt32
    /// Connections that have not been tried yet, from this index on.
    var nextToOpen: UInt32 = 0
    /// Since when no connection could be opened; nil: the last attempt succeeded.
    var failingSince: Nanoseconds?
    var outstanding: UInt64 = 0
    /// Closed loop: requests that still have to be sent. Open loop: index of the next one.
    var left: UInt64
    var nextIndex: UInt64 = 0
    var tickAt: Nanoseconds = 0
    /// Processor time at the measurement's start and at the end, when the last answer came, and the end.
    var processorAtStart: Nanoseconds?
    var processorAtEnd: Nanoseconds = 0
    var lastAnswer: Nanoseconds = 0
    var ended: Nanoseconds = 0

    /// How often deadlines are looked at and connections that failed are tried again.
    static var tickNanoseconds: Nanoseconds { 20_000_000 }
    /// Connections being opened at once: more would overflow the backlogs of usual servers.
    static var connectingMax: UInt32 { 256 }
    /// The most that one read brings, on either engine.
    static var receivedBytesMax: Int { 16_384 }

    init(engine: consuming E, plan: LoadPlan, requests: consuming RequestBytes) throws(SystemError) {
        let tally = try Tally()
        let latency = try Histogram(), latencySinceSent = try Histogram()
        let connections = try Table<ClientConnection>(count: plan.connections)
        let times = try Table<RequestTimes>(count: plan.connections * plan.depth)
        let owners = try Table<UInt32>(count: engine.socketsMax)
        let carry = try PageMemory(byteCount: plan.connections * (plan.limits.headBytesMax + Self.receivedBytesMax))
        let queue = try ConnectionQueue(capacity: plan.connections)
        method = requests.isHead ? .head : .get
        self.engine = engine
        self.plan = plan
        self.requests = requests
        self.tally = tally
        self.latency = latency
        self.latencySinceSent = latencySinceSent
        self.connections = connections
        self.times = times
        self.owners = owners
        self.carry = carry
        self.queue = queue
        schedule = plan.schedule
        unresolved = UInt32(plan.connections)
        left = if case .requests(let count) = plan.schedule.extent { count } else { .max }
    }

    // MARK: The turn

    mutating func run() {
        var now = Clock.precise()
        while !isOver(now) {
            if !isStarted { prepare(now) }
            engine.wait(until: nextDeadline())
            while let event = engine.next() { handle(event) }
            now = Clock.precise()
            if now >= tickAt { tick(now) }
            dispatch(now)
        }
        ended = now
        processorAtEnd = ProcessorTime.ofProcess()
    }

    private mutating func handle(_ event: Event) {
        switch event {
        case .received(let socket, let bytes): received(socket, bytes)
        case .sent(let socket, let error): sent(socket, error)
        case .receiveEnded(let socket, let error): inputEnded(socket, error)
        case .connected(let socket): connected(socket)
        case .closed(let socket, let error): closed(socket, error)
        case .woken: engine.waker.acknowledge()
        case .readable: break
        case .accepted: preconditionFailure("a client accepts nothing")
        }
    }

    /// Sending begins when every connection is open or has failed.
    private mutating func prepare(_ now: Nanoseconds) {
        openConnections(now)
        guard unresolved == 0 else { return }
        isStarted = true
        schedule.begin(at: now)
        lastAnswer = schedule.measureStart
        dispatch(now)
    }

    mutating func noteMeasureStart(_ now: Nanoseconds) {
        guard processorAtStart == nil, isStarted, now >= schedule.measureStart else { return }
        processorAtStart = ProcessorTime.ofProcess()
    }

    private mutating func tick(_ now: Nanoseconds) {
        tickAt = now + Self.tickNanoseconds
        skipOverdue(now)
        checkConnections(now)
    }

    private func nextDeadline() -> Nanoseconds {
        guard isStarted, queue.count > 0, case .open(let interval) = schedule.pace, nextIndex < schedule.totalCount(interval: interval) else { return tickAt }
        return min(tickAt, schedule.time(of: nextIndex, interval: interval))
    }

    // MARK: The end

    /// Nothing connects and nothing is answered: the run is not worth going on with.
    private func isHopeless(_ now: Nanoseconds) -> Bool {
        guard isStarted, let failingSince else { return false }
        return tally.connectionsOpened == 0 || now > max(failingSince, lastAnswer) + plan.timeout
    }

    private func isOver(_ now: Nanoseconds) -> Bool {
        if isHopeless(now) { return true }
        guard isStarted, outstanding == 0 else { return false }
        switch schedule.pace {
        case .closed: return left == 0 || now >= schedule.sendEnd
        case .open(let interval): return nextIndex == schedule.totalCount(interval: interval)
        }
    }
}
