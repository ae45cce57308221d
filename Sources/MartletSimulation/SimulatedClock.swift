// Virtual time, and what is to happen in it.
//
// Two things at the same moment happen in the order in which they were planned, so that a run depends on nothing but its seed.

package import MartletEngine

package final class SimulatedClock {
    /// Moves forward only.
    package private(set) var now: Nanoseconds
    private var agenda: [Entry] = []
    private var planned: UInt64 = 0

    private struct Entry {
        let time: Nanoseconds
        let order: UInt64
        let action: () -> Void

        func isBefore(_ other: Entry) -> Bool { (time, order) < (other.time, other.order) }
    }

    package init(now: Nanoseconds = 1_000_000_000_000) { self.now = now }

    package var isEmpty: Bool { agenda.isEmpty }
    package var nextTime: Nanoseconds? { agenda.first?.time }

    package func plan(at time: Nanoseconds, _ action: @escaping () -> Void) {
        planned += 1
        agenda.append(Entry(time: max(time, now), order: planned, action: action))
        var index = agenda.count - 1
        while index > 0, agenda[index].isBefore(agenda[(index - 1) / 2]) {
            agenda.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    package func plan(after delay: Nanoseconds, _ action: @escaping () -> Void) { plan(at: now + delay, action) }

    package func advance(to time: Nanoseconds) { now = max(now, time) }

    /// Does everything that was planned for a time that has come, also what that plans for now.
    package func runDue() {
        while let first = agenda.first, first.time <= now {
            removeFirst()
            first.action()
        }
    }

    private func removeFirst() {
        let last = agenda.removeLast()
        guard !agenda.isEmpty else { return }
        agenda[0] = last
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2] where child < agenda.count && agenda[child].isBefore(agenda[least]) { least = child }
            if least == index { return }
            agenda.swapAt(index, least)
            index = least
        }
    }
}
