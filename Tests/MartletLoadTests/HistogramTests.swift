import MartletEngine
import Testing

@testable import martlet_load

@Suite struct HistogramTests {
    @Test func isEmptyAtFirst() throws {
        let histogram = try Histogram()
        #expect(histogram.quantile(0.5) == 0)
        #expect(histogram.mean == 0)
    }

    @Test func keepsSmallValuesExactly() throws {
        var histogram = try Histogram()
        for value in 0..<256 as Range<Nanoseconds> { histogram.record(value) }
        #expect(histogram.quantile(0.5) == 127)
        #expect(histogram.quantile(1) == 255)
        #expect(histogram.mean == 127.5)
    }

    /// Each value between two others that hold least and most apart, so that its own bucket is what answers.
    @Test func isWithinOnePercent() throws {
        var value: Nanoseconds = 1
        while value < Histogram.valueMax / 2 {
            for offset in [0, value / 3, value / 2, value - 1] {
                var histogram = try Histogram()
                histogram.record(0)
                histogram.record(value + offset)
                histogram.record(Histogram.valueMax)
                let exact = Double(value + offset)
                #expect(abs(Double(histogram.quantile(0.5)) - exact) <= 0.005 * exact)
            }
            value *= 2
        }
    }

    @Test func agreesWithSortedSamples() throws {
        var histogram = try Histogram()
        var samples: [Nanoseconds] = []
        var state: UInt64 = 42
        for _ in 0..<100_000 {
            // Wrapping: a linear congruential generator is defined so.
            state = state &* 6_364_136_223_846_793_005 &+ 1
            let sample = Nanoseconds(state >> 33) >> (state >> 60)
            samples.append(sample)
            histogram.record(sample)
        }
        samples.sort()
        for part in [0.001, 0.1, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999] {
            let exact = Double(samples[Int((part * 100_000).rounded(.up)) - 1])
            #expect(abs(Double(histogram.quantile(part)) - exact) <= 0.01 * exact + 1)
        }
        #expect(histogram.least == samples.first)
        #expect(histogram.most == samples.last)
    }

    @Test func boundsWhatItCounts() throws {
        var histogram = try Histogram()
        histogram.record(.max)
        #expect(histogram.quantile(0.5) == Histogram.valueMax)
    }
}
