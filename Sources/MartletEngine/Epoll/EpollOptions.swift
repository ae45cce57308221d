// What an epoll engine may use.

package struct EpollOptions: Sendable {
    package var socketsMax = 65_536
    /// One read takes at most this many bytes; one such buffer serves all sockets of the core.
    package var receiveBufferBytes = 16_384
    /// Readiness taken from the kernel by one wait.
    package var eventsPerWait = 512
    /// Connections accepted in a row, before sockets that are already open get their turn.
    package var acceptsPerTurn = 64
    /// Turns that may pass on work left over before the kernel is asked again: with the buffer above, 64 KiB of one busy socket.
    package var turnsBetweenPollsMax = 4

    package init() {}
}
