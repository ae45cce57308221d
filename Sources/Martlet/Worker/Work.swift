// What a worker hands to the loop that calls the handler.

/// The next thing that a handler must hear of.
@usableFromInline enum Work {
    /// Ask the handler how the body of the request in hand should come.
    case chooseBodyHandling
    case respond
    case received(Exchange, last: Bool)
    case writable(Exchange)
    case inputEnded(Exchange)
    case ended(Exchange, EndReason)
    /// Nothing is left to do before the next wait; only a hosted core says it.
    case turnEnded
    /// The core has drained or was stopped.
    case stopped
}
