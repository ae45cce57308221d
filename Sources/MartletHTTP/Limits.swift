// How much of everything a request may have, and the answer when it has more.

/// Bounds on a request. Each has a default; what exceeds one is answered with the status named beside it.
@frozen
public struct Limits: Sendable {
    /// Bytes of the request line with its CR LF; more is 414. Default 8,192, at most
    /// 65,535.
    public var requestLineBytesMax: Int {
        willSet { Limits.check(newValue, 1...Limits.headBytesCeiling) }
    }

    /// Bytes of the whole head, from its first byte to its blank line; more is 431. Default 32,768, at most 65,535.
    public var headBytesMax: Int {
        willSet { Limits.check(newValue, 1...Limits.headBytesCeiling) }
    }

    /// Fields in a head; more is 431. Default and most: 100.
    public var fieldCountMax: Int {
        willSet { Limits.check(newValue, 0...Limits.fieldCountCeiling) }
    }

    /// Bytes of a body after chunked decoding; more is 413. Default 1 GiB.
    public var bodyBytesMax: UInt64

    /// Bytes of the line that gives a chunk's size, with its extensions and CR LF; more is 400. Default 4,096, at most
    /// 65,535.
    public var chunkLineBytesMax: Int {
        willSet { Limits.check(newValue, 1...65_535) }
    }

    /// Bytes of all chunk extensions of one body; more is 413. Default 16,384, at most 65,535.
    public var chunkExtensionBytesMax: Int {
        willSet { Limits.check(newValue, 0...65_535) }
    }

    /// How many bytes the framing of a chunked body (sizes, extensions, line ends) may be ahead of its data; more is
    /// 413. Chunks of one byte are legal, a gigabyte of them is an attack. Default 1 MiB, at most 2^31.
    public var chunkOverheadBytesMax: Int {
        willSet { Limits.check(newValue, 0...1 << 31) }
    }

    /// Bytes of a trailer section; more is 431. Default 8,192, at most 65,535.
    public var trailerBytesMax: Int {
        willSet { Limits.check(newValue, 2...65_535) }
    }

    /// Fields in a trailer section; more is 431. Default 32, at most 65,535.
    public var trailerCountMax: Int {
        willSet { Limits.check(newValue, 0...65_535) }
    }

    /// Empty lines that are skipped before a request line (RFC 9112 §2.2); more is 400. Default 1,
    /// at most 1,024.
    public var leadingEmptyLinesMax: Int {
        willSet { Limits.check(newValue, 0...1_024) }
    }

    /// Every offset in a head has 16 bits.
    public static var headBytesCeiling: Int { 65_535 }

    /// The offset table of a head has this many rows.
    public static var fieldCountCeiling: Int { 100 }

    /// A field's row keeps the count of its name's bytes in 8 bits; a longer name is 431.
    public static var fieldNameBytesMax: Int { 255 }

    /// The defaults.
    public init() {
        requestLineBytesMax = 8_192
        headBytesMax = 32_768
        fieldCountMax = Limits.fieldCountCeiling
        bodyBytesMax = 1 << 30
        chunkLineBytesMax = 4_096
        chunkExtensionBytesMax = 16_384
        chunkOverheadBytesMax = 1 << 20
        trailerBytesMax = 8_192
        trailerCountMax = 32
        leadingEmptyLinesMax = 1
    }

    private static func check(_ value: Int, _ permitted: ClosedRange<Int>) {
        precondition(permitted.contains(value), "a limit is beyond what the codecs can count")
    }
}
