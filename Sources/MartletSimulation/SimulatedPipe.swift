// One direction of a connection: bytes on their way, bytes that have arrived, and the end behind them. In order, always.

internal import MartletEngine

final class SimulatedPipe {
    /// How many bytes may be on their way or unread.
    let window: Int
    private(set) var travelling = 0
    private(set) var arrived: [UInt8] = []
    private(set) var endArrived = false
    /// The connection was reset: nothing can be written any more, and the end is an error.
    private(set) var isBroken = false
    /// The writer said that nothing follows.
    private(set) var isEnded = false
    /// Nobody reads any more: what arrives is answered with a reset.
    var isUnread = false
    private var lastArrival: Nanoseconds = 0

    /// Something arrived, or the pipe broke.
    var onArrival: () -> Void = {}
    /// The reader made room, or the pipe broke.
    var onRoom: () -> Void = {}
    /// Bytes arrived that nobody reads.
    var onRefusal: () -> Void = {}

    private unowned let network: SimulatedNetwork

    init(_ network: SimulatedNetwork, window: Int) {
        self.network = network
        self.window = window
    }

    var room: Int { isBroken ? 0 : max(window - travelling - arrived.count, 0) }

    func write(_ bytes: [UInt8]) {
        precondition(bytes.count <= room && !isEnded, "a pipe is written within its window and before its end")
        travelling += bytes.count
        travel { pipe in
            pipe.travelling -= bytes.count
            guard !pipe.isBroken else { return }
            if pipe.isUnread { return pipe.onRefusal() }
            pipe.arrived += bytes
            pipe.onArrival()
        }
    }

    func end() {
        guard !isEnded else { return }
        isEnded = true
        travel { pipe in
            pipe.endArrived = true
            pipe.onArrival()
        }
    }

    func take(_ count: Int) -> [UInt8] {
        let bytes = Array(arrived[0..<count])
        arrived.removeFirst(count)
        if count > 0 { network.clock.plan(after: network.latency()) { self.onRoom() } }
        return bytes
    }

    /// What has not been read may be lost with the connection, as after a reset.
    func breakNow(losingArrived: Bool) {
        guard !isBroken else { return }
        isBroken = true
        if losingArrived { arrived = [] }
        onArrival()
        onRoom()
    }

    /// Never overtakes what was written before.
    func travel(_ arrive: @escaping (SimulatedPipe) -> Void) {
        lastArrival = max(lastArrival, network.clock.now + network.latency())
        network.clock.plan(at: lastArrival) { arrive(self) }
    }
}
