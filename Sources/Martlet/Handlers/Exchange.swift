// A request and its answer beyond `respond`: the body in pieces both ways, on the core's own thread.

internal import MartletEngine

/// How the output of a connection stands after a write.
@frozen public enum WriteResult: Sendable {
    /// Go on.
    case open
    /// The bytes were taken, but write no more until `Handler.writable`.
    case full
    /// The connection or the answer is over; the bytes were dropped.
    case gone
}

/// Names a request that is being answered. Copyable and cheap; a call on one that is over does nothing or says so.
///
/// Belongs to its core: use it only on the core's thread (in a `Handler`, or in an `AsyncHandler`), and only while the server runs.
@safe public struct Exchange: Hashable {
    let core: CorePointer
    let slot: UInt32
    let serial: UInt32

    init(core: CorePointer, slot: UInt32, serial: UInt32) {
        unsafe self.core = core
        self.slot = slot
        self.serial = serial
    }

    public static func == (left: Exchange, right: Exchange) -> Bool {
        unsafe left.slot == right.slot && left.serial == right.serial && left.core == right.core
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(slot)
        hasher.combine(serial)
    }

    /// False once the request is over for whatever reason.
    public var isLive: Bool {
        unsafe core.pointee.connection(slot).pointee.serial == serial && core.pointee.connection(slot).pointee.responseStage != .none
    }

    /// Lends the writer of a kept exchange that is not answered yet; not called when it is over.
    public func withWriter(_ body: (consuming ResponseWriter) -> Void) {
        guard isLive, unsafe core.pointee.connection(slot).pointee.responseStage == .pending else { return }
        body(unsafe ResponseWriter(core: core, slot: slot))
    }

    /// Sends a piece of a streamed answer; the bytes are copied. Above the high-water mark the result is `full`.
    @discardableResult
    public func write(_ bytes: Span<UInt8>) -> WriteResult {
        guard isLive else { return .gone }
        return unsafe bytes.withUnsafeBytes { unsafe core.pointee.write(slot, $0) }
    }

    /// Ends a streamed answer. One that is shorter than its promised length cuts the connection, so that the peer sees it.
    public func finish() {
        if isLive { unsafe core.pointee.finishStreaming(slot) }
    }

    /// Gives the exchange up: the connection is cut.
    public func abort() {
        if isLive { unsafe core.pointee.cut(slot) }
    }

    /// Stops the pieces of the request's body; the peer is slowed down by TCP.
    public func pauseReading() {
        if isLive { unsafe core.pointee.connection(slot).pointee.flags.insert(.readingPaused) }
    }

    /// Lets the pieces come again. Also asks for the body when the client waits for 100 Continue.
    public func resumeReading() {
        guard isLive else { return }
        unsafe core.pointee.connection(slot).pointee.flags.remove(.readingPaused)
        unsafe core.pointee.sendContinue(slot)
        unsafe core.pointee.enqueue(slot, .wantsInput)
    }
}
