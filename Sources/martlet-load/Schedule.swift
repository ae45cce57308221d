// When requests are due. In an open loop each has its own time, whatever the server does; in a closed loop an answer makes room for the next.

import MartletEngine

struct Schedule {
    enum Pace: Equatable {
        case closed
        /// Nanoseconds from one request to the next.
        case open(interval: Double)
    }

    enum Extent: Equatable {
        case duration(Nanoseconds)
        case requests(UInt64)
    }

    let pace: Pace
    let extent: Extent
    let warmup: Nanoseconds
    /// When sending began.
    private(set) var start: Nanoseconds = 0

    init(pace: Pace, extent: Extent, warmup: Nanoseconds) {
        self.pace = pace
        self.extent = extent
        self.warmup = warmup
    }

    mutating func begin(at now: Nanoseconds) { start = now }

    /// What starts before does not count.
    var measureStart: Nanoseconds { start + warmup }

    /// When a closed loop sends no more; never, if it counts requests.
    var sendEnd: Nanoseconds {
        switch extent {
        case .duration(let duration): measureStart + duration
        case .requests: .max
        }
    }

    // MARK: Open loop

    /// When the request of this index is due.
    func time(of index: UInt64, interval: Double) -> Nanoseconds {
        start + Nanoseconds((Double(index) * interval).rounded(.up))
    }

    private func count(within duration: Nanoseconds, interval: Double) -> UInt64 {
        UInt64((Double(duration) / interval).rounded(.up))
    }

    /// Requests of the warm-up.
    func warmupCount(interval: Double) -> UInt64 { count(within: warmup, interval: interval) }

    /// Requests of the whole run.
    func totalCount(interval: Double) -> UInt64 {
        switch extent {
        case .duration(let duration): count(within: warmup + duration, interval: interval)
        case .requests(let count): warmupCount(interval: interval) + count
        }
    }

    /// How many requests are due at `now`, of the whole run.
    func dueCount(at now: Nanoseconds, interval: Double) -> UInt64 {
        guard now >= start else { return 0 }
        return min(totalCount(interval: interval), UInt64(Double(now - start) / interval) + 1)
    }
}
