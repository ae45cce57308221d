// Everything of one core that does not depend on which engine runs: the connection table, memory, the request in hand, counters.
//
// Handlers reach it through ResponseWriter, Exchange and Ticket; the worker reaches it and the engine. Never touched from another thread.

internal import MartletBytes
internal import MartletEngine
internal import MartletHTTP

@safe @usableFromInline struct Core: ~Copyable {
    let index: Int
    var settings: CoreSettings
    let connections: ConnectionTable
    var blocks: BlockPool
    var queue: SlotQueue
    let mailbox: Mailbox
    let executor: CoreExecutor
    var preamble: Preamble
    var counters = CoreCounters()
    var now: Nanoseconds
    var isDraining = false

    // MARK: The request in hand

    /// The connection whose event is being worked on; its output is flushed when that is done, without the queue.
    @usableFromInline var slotInHand: UInt32?
    var head = RequestHead()
    var headBytes: UnsafeRawPointer
    var bodyBytes: UnsafeRawBufferPointer

    // MARK: The answer in hand

    /// Fields that the handler has set; at most one writer is alive at a time.
    private let fieldMemory: PageMemory
    @usableFromInline let fieldBase: UnsafeMutableRawPointer
    @usableFromInline var fieldCount = 0
    /// Fields among these that the preamble has too.
    var ownFields = OwnFields.none
    /// Bytes of fields that one answer may have.
    @inlinable static var fieldBytesMax: Int { 65_536 }

    init(index: Int, settings: CoreSettings, mailbox: Mailbox, now: Nanoseconds) throws(SystemError) {
        let connections = try ConnectionTable(capacity: settings.connectionCapacity)
        let queue = try SlotQueue(capacity: settings.connectionCapacity)
        let fieldMemory = try PageMemory(byteCount: Self.fieldBytesMax)
        let preamble = try Preamble(serverName: settings.serverName, sendsDate: settings.sendsDate)
        unsafe headBytes = unsafe UnsafeRawPointer(fieldMemory.base)
        self.index = index
        self.settings = settings
        self.connections = connections
        self.queue = queue
        unsafe fieldBase = unsafe fieldMemory.base
        self.fieldMemory = fieldMemory
        blocks = BlockPool(bytesMax: settings.bufferBytesMax)
        self.mailbox = mailbox
        executor = CoreExecutor(mailbox, log: settings.log)
        self.preamble = preamble
        self.now = now
        unsafe bodyBytes = UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// A connection's row; valid as long as the core.
    func connection(_ slot: UInt32) -> UnsafeMutablePointer<Connection> { unsafe connections.row(slot) }

    /// Puts a slot into the queue for what its flags ask.
    mutating func enqueue(_ slot: UInt32, _ wish: ConnectionFlags) {
        unsafe connection(slot).pointee.flags.insert(wish)
        guard unsafe !connection(slot).pointee.flags.contains(.queued) else { return }
        unsafe connection(slot).pointee.flags.insert(.queued)
        queue.append(slot)
    }

    /// Asks that the slot's output goes out at the end of this step or turn.
    mutating func wantFlush(_ slot: UInt32) {
        if slotInHand != slot { enqueue(slot, .wantsFlush) }
    }
}

typealias CorePointer = UnsafeMutablePointer<Core>

extension UnsafeMutablePointer where Pointee == Core {
    /// A connection's row; valid as long as the core.
    @inline(__always) func connection(_ slot: UInt32) -> UnsafeMutablePointer<Connection> { unsafe pointee.connections.row(slot) }
}
