// The vocabulary of engines: operations on sockets of one core, and the completions that answer them.
//
// An engine owns the descriptors and what the kernel may still do with them. It must never know what the bytes mean.
// Invariants that every engine keeps:
//   - all calls come from the core's own thread, `wait` and `next` alternate, and nothing acts inside the kernel between them;
//   - a socket that was closed says `closed` exactly once, and nothing after it: later completions of the kernel are dropped here;
//   - at most one send of a socket is in flight; its memory stays put until `sent` (or `closed`);
//   - received bytes are lent until `release`, and `release` is called exactly once for each `received`.

// The engines' types and what of them answers the protocol are @usableFromInline: so the module that instantiates a worker sees which functions an
// engine's are, and calls them directly instead of through its witness table (Swift 6.3; some hundred instructions per request).

/// A piece of memory to send, laid out as the kernel's `struct iovec`.
@frozen @unsafe @usableFromInline package struct IOVector {
    package var base: UnsafeRawPointer?
    package var count: Int

    package init(_ bytes: UnsafeRawBufferPointer) {
        unsafe base = bytes.baseAddress
        unsafe count = bytes.count
    }

    package var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: base, count: count) }
}

/// Nanoseconds of the engine's monotonic clock.
public typealias Nanoseconds = UInt64

/// One socket of one core: its place in the core's table, and which of the sockets that had this place it is.
@frozen public struct SocketID: Equatable, Hashable, Sendable {
    /// `generation << 32 | slot`; the generation has 24 bits, so that an operation code fits above it.
    public let packed: UInt64

    @inlinable package init(packed: UInt64) { self.packed = packed }
    @inlinable package init(slot: UInt32, generation: UInt32) {
        packed = UInt64(generation & 0xFF_FFFF) << 32 | UInt64(slot)
    }
    @inlinable public var slot: UInt32 { UInt32(truncatingIfNeeded: packed) }
    @inlinable public var generation: UInt32 { UInt32(truncatingIfNeeded: packed >> 32) }
}

/// Bytes that the kernel delivered, lent until the engine gets them back by `release`.
// Sixteen bytes, so that an event with it is returned in registers.
@frozen @safe @usableFromInline package struct ReceivedBytes {
    @usableFromInline let start: UnsafeRawPointer
    @usableFromInline let count: UInt32
    @usableFromInline package let buffer: UInt16

    @inlinable package init(_ bytes: UnsafeRawBufferPointer, buffer: UInt16) {
        precondition(bytes.count > 0, "received bytes are never none")
        unsafe start = bytes.baseAddress!
        count = UInt32(bytes.count)
        self.buffer = buffer
    }

    @inlinable package var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: start, count: Int(count)) }
}

/// What happened. Every operation ends in one of these, on every engine.
@frozen @usableFromInline package enum Event {
    case accepted(SocketID, listener: UInt16)
    case connected(SocketID)
    case received(SocketID, ReceivedBytes)
    /// The peer sends no more (nil), or the connection is lost. No `received` follows.
    case receiveEnded(SocketID, SystemError?)
    /// All bytes of the send were taken by the kernel (nil), or the connection can send no more.
    case sent(SocketID, SystemError?)
    /// The socket is gone and its slot may be used again. Also says that a `connect` failed, with the reason.
    case closed(SocketID, SystemError?)
    /// The watched descriptor has something to read.
    case readable
    /// Another thread called the waker, or the wait's deadline passed.
    case woken
}

/// What an engine counts beside its work; read by the core that owns it.
@usableFromInline package struct EngineCounters {
    package var enters: UInt64 = 0
    package var completions: UInt64 = 0
    package var receivesStarved: UInt64 = 0
    package var completionOverflows: UInt64 = 0
    package var acceptsPaused: UInt64 = 0
    package var acceptsRefused: UInt64 = 0
    package var staleCompletions: UInt64 = 0
    package init() {}
}

@usableFromInline package protocol Engine: ~Copyable {
    /// Time as of the last `wait`, in nanoseconds of the monotonic clock (resolution: some milliseconds).
    var now: Nanoseconds { get }
    var counters: EngineCounters { get }
    /// How many sockets can be open at once.
    var socketsMax: Int { get }
    /// Wakes this engine's `wait` from any thread.
    var waker: Waker { get }

    /// Accepts connections from a listening descriptor, which stays the caller's, until `stopAccepting`.
    mutating func startAccepting(listener: UInt16, descriptor: Int32)
    mutating func stopAccepting(listener: UInt16)
    /// Opens a connection; ends in `connected` or in `closed` with the reason.
    mutating func connect(to address: SocketAddress) throws(SystemError) -> SocketID

    mutating func startReceiving(_ socket: SocketID)
    /// No further bytes are read from the kernel; what it has already delivered still arrives.
    mutating func stopReceiving(_ socket: SocketID)
    mutating func release(_ received: ReceivedBytes)

    /// Sends all the bytes, however often the kernel must be asked. The memory must stay until `sent`.
    mutating func send(_ socket: SocketID, _ bytes: UnsafeRawBufferPointer)
    /// As `send`, but nobody waits for its end: `sent` may come only together with whatever happens next on the core.
    mutating func sendUnawaited(_ socket: SocketID, _ bytes: UnsafeRawBufferPointer)
    /// Somebody waits for the end of the send after all: `sent` comes as soon as it has ended.
    mutating func awaitSend(_ socket: SocketID)
    /// Sends several pieces in order. The vector and the memory must stay until `sent`; the vector may be changed by the engine.
    mutating func send(_ socket: SocketID, gathering pieces: UnsafeMutableBufferPointer<IOVector>)
    /// Sends a head from memory and a part of a file from the page cache. Both must stay until `sent`, the descriptor open.
    mutating func send(_ socket: SocketID, file descriptor: Int32, offset: Int64, count: Int, head: UnsafeRawBufferPointer)
    /// Tells the peer that nothing more comes (FIN); receiving goes on. Called when no send is in flight.
    mutating func shutdownSend(_ socket: SocketID)
    /// Closes the socket once the kernel has let go of it; ends in `closed`.
    mutating func close(_ socket: SocketID)

    /// Says once when a descriptor that is not a socket of this engine has something to read (or an end, or an error). One at a time.
    mutating func watch(_ descriptor: Int32)

    /// Hands the prepared operations to the kernel and waits for a completion, at most until the deadline; 0: does not wait.
    mutating func wait(until deadline: Nanoseconds?)
    /// The next thing that happened before the last `wait` returned; nil when all were taken.
    mutating func next() -> Event?
    /// This end's address, asked of the kernel.
    func localAddress(of socket: SocketID) -> SocketAddress?
    /// The peer's address, asked of the kernel.
    func peerAddress(of socket: SocketID) -> SocketAddress?
}

extension Engine where Self: ~Copyable {
    @inlinable package mutating func sendUnawaited(_ socket: SocketID, _ bytes: UnsafeRawBufferPointer) { unsafe send(socket, bytes) }
    @inlinable package mutating func awaitSend(_ socket: SocketID) {}
    @inlinable package func localAddress(of socket: SocketID) -> SocketAddress? { nil }
    @inlinable package mutating func watch(_ descriptor: Int32) { preconditionFailure("this engine watches no descriptors") }
}
