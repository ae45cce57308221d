// One run: a network from a seed, clients in it, and a core over the simulated engine for one loop.

internal import Martlet
internal import MartletEngine
internal import MartletSimulation

final class SimulatedRun {
    let network: SimulatedNetwork
    private var core: HostedCore?
    private var isPlaced = false

    /// Virtual seconds that bytes under way are given to arrive.
    private static let settlingSecondsMax: Nanoseconds = 3000

    /// nil with an exception raised.
    init?(_ arguments: borrowing Arguments) {
        guard let seed = arguments.integer(0), let faults = arguments.text(1), let isRingLike = arguments.integer(2),
            let receiveBuffers = arguments.integer(3), let receiveBytes = arguments.integer(4),
            let windowMin = arguments.integer(5), let windowMax = arguments.integer(6), let highWaterBytes = arguments.integer(7)
        else { return nil }
        guard windowMin > 0, windowMax >= windowMin, receiveBuffers > 0, receiveBytes > 0 else {
            fail("windows and buffers hold at least one byte")
            return nil
        }
        guard let chosen = Self.faults(faults) else {
            fail("faults are none, lossless or harsh")
            return nil
        }
        network = SimulatedNetwork(seed: UInt64(seed), faults: isRingLike == 1 ? chosen.ringLike : chosen)
        network.windowBytes = windowMin...windowMax
        var options = SimulatedOptions()
        options.socketsMax = 256
        options.receiveBufferCount = receiveBuffers
        options.receiveBufferBytes = receiveBytes
        do {
            core = try HostedCore(over: SimulatedEngine(network, options)) { configuration in
                configuration.outputHighWaterBytes = highWaterBytes
                // Input after a last answer is dropped until the client ends: a reset would have to be told from one that a fault explains.
                configuration.deadlines.linger = 0
                configuration.log = { _ in }
            }
        } catch {
            fail("the core cannot be made")
            return nil
        }
    }

    private static func faults(_ name: String) -> SimulatedFaults? {
        switch name {
        case "none": SimulatedFaults.none
        case "lossless": .lossless
        case "harsh": .harsh
        default: nil
        }
    }

    /// The core, for its one loop; nil with an exception raised.
    func takeCore() -> HostedCore? {
        guard let core, !isPlaced else { return raise("the run has its loop already") }
        isPlaced = true
        return core
    }

    func add(_ script: [SimulatedClient.Step], after delay: Nanoseconds) {
        network.add(SimulatedClient(script), after: delay)
    }

    var bytesLent: Int { core?.bytesLent ?? 0 }

    func settle() {
        let clock = network.clock
        let end = clock.now + Self.settlingSecondsMax * 1_000_000_000
        while !network.isFinished, let next = clock.nextTime, next < end {
            clock.advance(to: next)
            clock.runDue()
        }
    }
}
