// What a run found, apart from how it is shown.

import MartletEngine

struct LoadResult: ~Copyable {
    /// Of latency, in nanoseconds.
    struct Latency {
        static let quantiles: [(name: String, part: Double)] = [
            ("p50", 0.5), ("p75", 0.75), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999),
        ]
        let rows: [(name: String, value: Double)]

        init(_ histogram: borrowing Histogram) {
            let isEmpty = histogram.count == 0
            rows = [("min", isEmpty ? 0 : Double(histogram.least)), ("mean", histogram.mean)]
                + Self.quantiles.map { ($0.name, Double(histogram.quantile($0.part))) } + [("max", Double(histogram.most))]
        }
    }

    let engine: String
    let plan: LoadPlan
    let tally: Tally
    let latency: Latency
    /// From the time of sending; nil in a closed loop, where both are the same.
    let latencySinceSent: Latency?
    /// From the measurement's start to the last answer.
    let seconds: Double
    /// Processor time per second; nil when the run ended before the measurement began.
    let generatorBusy: Double?

    static let generatorBusyMax = 0.9

    init<E: Engine & ~Copyable>(of generator: consuming LoadGenerator<E>, engine: String) {
        self.engine = engine
        plan = generator.plan
        latency = Latency(generator.latency)
        latencySinceSent = plan.schedule.pace == .closed ? nil : Latency(generator.latencySinceSent)
        let start = generator.schedule.measureStart
        seconds = generator.lastAnswer > start ? Double(generator.lastAnswer - start) / 1e9 : 0
        generatorBusy = generator.processorAtStart.map { first in
            Double(generator.processorAtEnd - first) / Double(max(1, generator.ended - start))
        }
        tally = generator.tally
    }

    func perSecond(_ count: UInt64) -> Double { seconds > 0 ? Double(count) / seconds : 0 }

    var errorCount: UInt64 { tally.failureCount + tally.errorStatusCount }
    var isClean: Bool { errorCount == 0 && tally.answered > 0 }
}
