// What goes wrong in a simulated network, and how often.

/// Chances in a thousand, each taken anew every time the thing could happen.
package struct SimulatedFaults: Sendable {
    /// A receive delivers fewer bytes than there are, down to one.
    package var shortReads = 0
    /// What a client writes arrives cut in pieces, anywhere.
    package var cutDeliveries = 0
    /// The kernel takes only a part of a send, or takes it late.
    package var slowSends = 0
    /// A client reads slower than it could.
    package var slowReads = 0
    /// A client resets its connection when it was about to write.
    package var resets = 0
    /// A client says that it sends no more when it still had bytes.
    package var halfCloses = 0
    /// A receive finds no buffer.
    package var starvations = 0
    /// The completion queue overflowed: a receive or an accept must be armed anew.
    package var disarmings = 0
    /// The table of files is full for a while.
    package var acceptPauses = 0
    /// `sent` comes late.
    package var lateSents = 0
    /// `closed` comes late.
    package var lateCloses = 0
    /// A receive that was stopped still delivers for a while.
    package var lateStops = 0
    /// Nothing happens for seconds: the machine slept.
    package var clockJumps = 0
    /// A wait ends for no reason.
    package var spuriousWakes = 0
    /// A send ends inside the call, as epoll's do.
    package var immediateSends = 0
    /// A send that nobody waits for is tried inside the wait and silent when it is taken whole, as the ring's are: its `sent` comes with whatever happens next.
    package var silentSends = 0
    /// A receive is followed by the next one of its socket in the same turn, as multishot ones are.
    package var receiveBursts = 0

    package init() {}

    /// The same, with sends and receives as a ring has them. Off otherwise, so that the seeds that ever failed still mean the same.
    package var ringLike: SimulatedFaults {
        var faults = self
        faults.silentSends = 800
        faults.receiveBursts = 500
        return faults
    }

    package static let none = SimulatedFaults()

    /// All of them, but no byte is lost.
    package static let lossless: SimulatedFaults = {
        var faults = SimulatedFaults()
        faults.shortReads = 200
        faults.cutDeliveries = 400
        faults.slowSends = 300
        faults.slowReads = 300
        faults.starvations = 30
        faults.disarmings = 30
        faults.acceptPauses = 50
        faults.lateSents = 200
        faults.lateCloses = 200
        faults.lateStops = 500
        faults.clockJumps = 2
        faults.spuriousWakes = 20
        faults.immediateSends = 300
        return faults
    }()

    /// And clients that leave.
    package static let harsh: SimulatedFaults = {
        var faults = lossless
        faults.resets = 20
        faults.halfCloses = 20
        return faults
    }()
}
