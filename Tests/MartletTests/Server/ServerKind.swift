// The servers under test: the ring with each of its abilities forced away, and epoll.

@testable import Martlet
import MartletEngine
import Testing

enum ServerKind: String, CaseIterable, CustomTestStringConvertible {
    case ring, ringSingleIssuer, ringCooperative, ringSingleAccept, ringSingleReceive, ringEventWake, ringUnrestricted
    case ringUnregistered, ringZeroCopy, ringFourBuffers, ringPlainest, epoll

    /// Those that this machine can run; a container may forbid io_uring.
    static let available: [ServerKind] = allCases.filter { kind in
        var configuration = Configuration()
        kind.apply(to: &configuration)
        return (try? EngineSelection.choose(configuration, coreCount: 1)) != nil
    }
    /// The best, the plainest and the other engine, for what does not depend on the steps between.
    static let corners: [ServerKind] = available.filter { [.ring, .ringPlainest, .epoll].contains($0) }

    var testDescription: String { rawValue }

    func apply(to configuration: inout Configuration) {
        configuration.engine = self == .epoll ? .epoll : .uring
        switch self {
        case .ring, .epoll: break
        case .ringSingleIssuer: configuration.ring.bestRung = .singleIssuer
        case .ringCooperative: configuration.ring.bestRung = .cooperativeTaskRun
        case .ringSingleAccept: configuration.ring.multishotAccept = false
        case .ringSingleReceive: configuration.ring.multishotReceive = false
        case .ringEventWake: configuration.ring.messageWake = false
        case .ringUnrestricted: configuration.ring.restrictions = false
        case .ringUnregistered: configuration.ring.registeredDescriptor = false
        case .ringZeroCopy: configuration.ring.zeroCopySendBytesMin = 1
        case .ringFourBuffers: fewBuffers(&configuration.ring)
        case .ringPlainest:
            configuration.ring.bestRung = .cooperativeTaskRun
            configuration.ring.multishotAccept = false
            configuration.ring.multishotReceive = false
            configuration.ring.messageWake = false
            configuration.ring.restrictions = false
            configuration.ring.registeredDescriptor = false
            configuration.ring.silentSend = false
            fewBuffers(&configuration.ring)
        }
    }

    private func fewBuffers(_ options: inout RingOptions) {
        options.receiveBufferCount = 4
        options.receiveBufferCountMax = 4
    }
}

/// How the cores share the work, and where they listen.
enum ServerLayout: String, CaseIterable, CustomTestStringConvertible {
    case listenerEach, listenerShared, unixSocket

    var testDescription: String { rawValue }
}
