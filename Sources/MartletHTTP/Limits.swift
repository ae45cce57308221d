// How much of everything a request may have, and the answer when it has more.

/// Bounds on a request. Each has a default; what exceeds one is answered with the status named beside it.
@frozen
public struct Limits: Sendable {
    /// Bytes of the request line with its CR LF; more is 414. Default 8,192.
    public var requestLineBytesMax: Int

    /// Bytes of the whole head, from its first byte to its blank line; more is 431. Default 32,768, at most 65,535.
    public var headBytesMax: Int {
        willSet { precondition(newValue > 0 && newValue <= Limits.headBytesCeiling, "a head has at most 65,535 bytes") }
    }

    /// Fields in a head; more is 431. Default and most: 100.
    public var fieldCountMax: Int {
        willSet { precondition(newValue >= 0 && newValue <= Limits.fieldCountCeiling, "a head has at most 100 fields") }
    }

    /// Bytes of a body after chunked decoding; more is 413. Default 1 GiB.
    public var bodyBytesMax: UInt64

    /// Bytes of the line that gives a chunk's size, with its extensions and CR LF; more is 400. Default 4,096, at most
    /// 65,535.
    public var chunkLineBytesMax: Int

    /// Bytes of all chunk extensions of one body; more is 413. Default 16,384, at most 65,535.
    public var chunkExtensionBytesMax: Int

    /// How many bytes the framing of a chunked body (sizes, extensions, line ends) may be ahead of its data; more is
    /// 413. Chunks of one byte are legal, a gigabyte of them is an attack. Default 1 MiB, at most 2^31.
    public var chunkOverheadBytesMax: Int

    /// Bytes of a trailer section; more is 431. Default 8,192, at most 65,535.
    public var trailerBytesMax: Int

    /// Fields in a trailer section; more is 431. Default 32.
    public var trailerCountMax: Int

    /// Empty lines that are skipped before a request line (RFC 9112 §2.2); more is 400. Default 1.
    public var leadingEmptyLinesMax: Int

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
}
