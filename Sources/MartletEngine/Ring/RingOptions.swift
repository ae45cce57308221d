// What a ring may use. Each switch forces one rung of the ladder down, so that tests run every fallback on any kernel.

package struct RingOptions: Sendable {
    /// Set-up rungs, best first; the first that the kernel accepts is taken.
    package enum Rung: Int, CaseIterable, Sendable {
        /// Linux 6.1: completions are posted only when the owner asks for them.
        case deferredTaskRun
        /// Linux 6.0: one thread submits.
        case singleIssuer
        /// Linux 5.19: no interrupts for completions.
        case cooperativeTaskRun
    }

    package var bestRung = Rung.deferredTaskRun
    package var multishotAccept = true
    package var multishotReceive = true
    /// Wake by a posted completion; otherwise by an eventfd.
    package var messageWake = true
    package var registeredDescriptor = true
    /// Sends that nobody waits for have no completion when they succeed.
    package var silentSend = true
    /// Only the operations that the engine uses are allowed on the ring.
    package var restrictions = true
    /// Sends of at least this many bytes go out without a copy (Linux 6.0); nil: never. Below 32 KiB it costs more than it saves.
    package var zeroCopySendBytesMin: Int?

    package var submissionEntries: UInt32 = 1024
    /// Multishot operations post more completions than there are submissions.
    package var completionEntries: UInt32 = 8192
    package var receiveBufferBytes = 4096
    package var receiveBufferCount = 128
    /// How far the receive buffers grow when they run out; a power of two.
    package var receiveBufferCountMax = 4096
    package var socketsMax = 65_536

    package init() {}
}
