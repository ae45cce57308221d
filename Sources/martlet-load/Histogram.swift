// Counts of nanoseconds in log-linear buckets: 128 to each power of two, so that a value is known to within 0.4 %.
//
// Fixed memory, nothing allocated per sample. Up to 255 ns every value has its own bucket; what is above 73 minutes counts as that.

import MartletEngine

struct Histogram: ~Copyable {
    private static let bucketBits = 7
    private static let valueBitsMax = 42
    /// Exponents 0 (two powers' worth, exact) to 34, 128 buckets each.
    private static let bucketCount = (valueBitsMax - bucketBits + 1) << bucketBits
    static let valueMax: Nanoseconds = 1 << valueBitsMax - 1

    private let counts: Table<UInt64>
    private(set) var count: UInt64 = 0
    private(set) var least = Nanoseconds.max
    private(set) var most: Nanoseconds = 0
    /// Exact, for the mean: 10^9 samples of a second fit.
    private var sum: UInt64 = 0

    init() throws(SystemError) { counts = try Table(count: Self.bucketCount) }

    mutating func record(_ sample: Nanoseconds) {
        let value = min(sample, Self.valueMax)
        counts[Self.index(value)] += 1
        count += 1
        sum += value
        least = min(least, value)
        most = max(most, value)
    }

    var mean: Double { count == 0 ? 0 : Double(sum) / Double(count) }

    /// The value that this part of the samples does not exceed: the middle of its bucket. 0 without samples.
    func quantile(_ part: Double) -> Nanoseconds {
        guard count > 0 else { return 0 }
        let rank = max(1, min(count, UInt64((part * Double(count)).rounded(.up))))
        if rank == count { return most }
        var seen: UInt64 = 0
        for index in 0..<UInt32(Self.bucketCount) {
            seen += counts[index]
            if seen >= rank { return max(least, min(most, Self.middle(index))) }
        }
        return most
    }

    private static func index(_ value: Nanoseconds) -> UInt32 {
        let exponent = max(0, 63 - bucketBits - value.leadingZeroBitCount)
        return UInt32(exponent << bucketBits) + UInt32(truncatingIfNeeded: value >> UInt64(exponent))
    }

    private static func middle(_ index: UInt32) -> Nanoseconds {
        let exponent = max(0, Int(index >> UInt32(bucketBits)) - 1)
        let first = Nanoseconds(Int(index) - exponent << bucketBits) << UInt64(exponent)
        return first + (1 << UInt64(exponent)) / 2
    }
}
