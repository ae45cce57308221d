// What the fuzz targets share: where an input is cut (decided by the input itself, so that a finding repeats), and how
// a finding is told.

import MartletHTTP

/// A small generator, seeded with a hash (FNV-1a) of the input.
struct Splits {
    private var state: UInt64 = 0xcbf2_9ce4_8422_2325

    init(seededBy bytes: Span<UInt8>) {
        for index in bytes.indices {
            state = (state ^ UInt64(bytes[index])) &* 0x0000_0100_0000_01b3
        }
    }

    /// A number below `bound`, which must be positive.
    mutating func next(below bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(bound))
    }
}

/// How much more of the input each step shows.
enum Arrival {
    case whole
    case byteByByte
    case random

    func next(after shown: Int, of count: Int, _ splits: inout Splits) -> Int {
        switch self {
        case .whole: count
        case .byteByByte: min(count, shown + 1)
        case .random: min(count, shown + 1 + splits.next(below: max(1, min(64, count))))
        }
    }
}

/// Limits that an input of a few hundred bytes can reach, or the defaults.
func chooseLimits(_ splits: inout Splits) -> Limits {
    var limits = Limits()
    guard splits.next(below: 2) == 0 else { return limits }
    limits.requestLineBytesMax = 8 + splits.next(below: 64)
    limits.headBytesMax = 16 + splits.next(below: 256)
    limits.fieldCountMax = splits.next(below: 8)
    limits.bodyBytesMax = UInt64(splits.next(below: 64))
    limits.chunkLineBytesMax = 3 + splits.next(below: 32)
    limits.chunkExtensionBytesMax = splits.next(below: 48)
    limits.chunkOverheadBytesMax = splits.next(below: 128)
    limits.trailerBytesMax = 2 + splits.next(below: 64)
    limits.trailerCountMax = splits.next(below: 4)
    limits.leadingEmptyLinesMax = splits.next(below: 3)
    return limits
}

/// Stops with a sentence when a property does not hold. (A precondition would stop without one in an optimized build.)
func demand(_ condition: Bool, _ sentence: StaticString) {
    if !condition { fatalError("\(sentence)") }
}
