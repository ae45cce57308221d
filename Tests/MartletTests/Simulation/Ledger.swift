// What the contract promises a handler, written down call by call.

import MartletEngine

@testable import Martlet

final class Ledger {
    /// Broken promises, in words.
    private(set) var violations: [String] = []
    private(set) var reasons: [EndReason] = []
    private(set) var respondedCount = 0
    private var live: [Exchange: State] = [:]

    private struct State {
        var isPaused = false
        var waitsForRoom = false
    }

    var liveCount: Int { live.count }

    func responded() { respondedCount += 1 }

    func kept(_ exchange: Exchange) {
        if live.updateValue(State(), forKey: exchange) != nil { violations.append("an exchange was given out twice") }
    }

    func paused(_ exchange: Exchange, _ isPaused: Bool) { live[exchange]?.isPaused = isPaused }
    func full(_ exchange: Exchange) { live[exchange]?.waitsForRoom = true }

    func received(_ exchange: Exchange) {
        guard let state = live[exchange] else { return violations.append("a piece came for an exchange that is over") }
        if state.isPaused { violations.append("a piece came while reading was paused") }
    }

    func writable(_ exchange: Exchange) {
        guard let state = live[exchange] else { return violations.append("writable came for an exchange that is over") }
        if !state.waitsForRoom { violations.append("writable came though nothing was full") }
        live[exchange]?.waitsForRoom = false
    }

    func ended(_ exchange: Exchange, _ reason: EndReason) {
        if live.removeValue(forKey: exchange) == nil { violations.append("ended came for an exchange that was not kept, or twice") }
        reasons.append(reason)
    }
}

/// How something is done in another turn: on the core's thread, or on any.
struct Later {
    let onCore: (Nanoseconds, @escaping () -> Void) -> Void
    let anywhere: (Nanoseconds, @escaping () -> Void) -> Void
}
