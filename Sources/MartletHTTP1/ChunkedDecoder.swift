// The chunked transfer coding (RFC 9112 §7.1), from its first size to the end of its trailers.
//
// Owns: where data lies between framing, and how much framing is bearable. Never knows: who reads the data.
// Invariants: resumable at every byte; the verdict depends on the bytes and not on how they were cut, and a fault is
// raised by the first byte that makes it certain. Trailer fields are checked and dropped, never merged into the head's
// fields (§7.1.2): a trailer must not change where a message ends or who sent it.

public import MartletHTTP

internal import MartletBytes

/// What ``ChunkedDecoder`` found next.
@frozen
public enum ChunkedStep: Hashable, Sendable {
    /// These indices of the given bytes are data; `consumed` bytes are done with. Call again with what follows them.
    case data(Range<Int>, consumed: Int)
    /// All given bytes are done with, and the body goes on.
    case needMore(consumed: Int)
    /// The body ended; what follows the consumed bytes belongs to the next request.
    case end(consumed: Int)
}

/// Decodes the body of one request. Trivial: at most 32 bytes, no memory of its own.
public struct ChunkedDecoder: Sendable, BitwiseCopyable {
    /// Bytes of the chunk that are still to come; while its size is being read, what the digits have said so far.
    private var chunkRemaining: UInt64 = 0
    /// Sizes of all chunks so far.
    private var bodyCount: UInt64 = 0
    /// How many bytes the framing is ahead of the data, never below zero.
    private var overhead: UInt32 = 0
    /// Bytes of the line that gives the chunk's size; in the trailers, how many fields there were.
    private var lineCount: UInt16 = 0
    /// Bytes of all extensions; in the trailers, bytes of the section.
    private var sectionCount: UInt16 = 0
    private var phase = Phase.sizeStart

    private enum Phase: UInt8 {
        case sizeStart
        case size
        case extensions
        case sizeLineFeed
        case data
        case dataCarriageReturn
        case dataLineFeed
        case trailers
        case end
    }

    /// Where an extension or a trailer field stands; reset by each new line.
    private var extensionState = ChunkExtensionState.beforeSemicolon
    private var trailerState = TrailerState.lineStart

    public init() {}

    /// Looks for the next run of data.
    ///
    /// - Parameter bytes: what follows the bytes that earlier steps consumed. May be empty.
    /// - Throws: the fault of the shortest faulty prefix. Answer and close; the decoder must not be used again.
    public mutating func next(_ bytes: Span<UInt8>, limits: borrowing Limits) throws(RequestError) -> ChunkedStep {
        var index = 0
        while phase != .end {
            if phase == .data {
                guard index < bytes.count else { break }
                return takeData(index, available: bytes.count - index)
            }
            guard index < bytes.count else { break }
            let byte = bytes[index]
            index += 1
            if phase == .trailers {
                try takeTrailer(byte, limits: limits)
            } else {
                try takeFraming(byte, limits: limits)
            }
        }
        return phase == .end ? .end(consumed: index) : .needMore(consumed: index)
    }

    private mutating func takeData(_ index: Int, available: Int) -> ChunkedStep {
        let count = Int(min(UInt64(available), chunkRemaining))
        chunkRemaining -= UInt64(count)
        overhead -= UInt32(min(UInt64(count), UInt64(overhead)))
        if chunkRemaining == 0 { phase = .dataCarriageReturn }
        return .data(index..<index + count, consumed: index + count)
    }

    private mutating func takeFraming(_ byte: UInt8, limits: borrowing Limits) throws(RequestError) {
        overhead += 1
        guard overhead <= limits.chunkOverheadBytesMax else { throw .chunkOverheadTooLarge }
        switch phase {
        case .sizeStart, .size, .extensions, .sizeLineFeed:
            try takeSizeLine(byte, limits: limits)
        case .dataCarriageReturn:
            guard byte == ASCII.carriageReturn else {
                throw byte == ASCII.lineFeed ? .bareLineFeed : .missingChunkTerminator
            }
            phase = .dataLineFeed
        case .dataLineFeed:
            guard byte == ASCII.lineFeed else { throw .bareCarriageReturn }
            phase = .sizeStart
        case .data, .trailers, .end:
            preconditionFailure("these phases have no framing of chunks")
        }
    }

    private mutating func takeSizeLine(_ byte: UInt8, limits: borrowing Limits) throws(RequestError) {
        if phase == .sizeStart {
            lineCount = 0
            chunkRemaining = 0
        }
        guard lineCount < limits.chunkLineBytesMax else { throw .chunkLineTooLong }
        lineCount += 1
        if phase == .sizeLineFeed {
            guard byte == ASCII.lineFeed else { throw .bareCarriageReturn }
            endSizeLine()
        } else if phase == .extensions {
            try takeExtension(byte, limits: limits)
        } else if let digit = byte.hexValue {
            try addDigit(digit, limits: limits)
        } else if phase == .sizeStart {
            throw byte == ASCII.lineFeed ? .bareLineFeed : .invalidChunkSize
        } else if byte == ASCII.carriageReturn {
            phase = .sizeLineFeed
        } else {
            guard byte == ASCII.semicolon || byte.isOptionalWhitespace else {
                throw byte == ASCII.lineFeed ? .bareLineFeed : .invalidChunkSize
            }
            phase = .extensions
            extensionState = .beforeSemicolon
            try takeExtension(byte, limits: limits)
        }
    }

    private mutating func addDigit(_ digit: UInt8, limits: borrowing Limits) throws(RequestError) {
        // The line has nothing but digits so far, so its count is theirs; 16 of them fit into 64 bits.
        guard lineCount <= 16 else { throw .invalidChunkSize }
        phase = .size
        chunkRemaining = chunkRemaining << 4 | UInt64(digit)
        // The limit may have been lowered since the last chunk.
        guard bodyCount <= limits.bodyBytesMax, chunkRemaining <= limits.bodyBytesMax - bodyCount else {
            throw .bodyTooLarge
        }
    }

    private mutating func takeExtension(_ byte: UInt8, limits: borrowing Limits) throws(RequestError) {
        if byte == ASCII.carriageReturn, extensionState.mayEndLine {
            phase = .sizeLineFeed
            return
        }
        guard sectionCount < limits.chunkExtensionBytesMax else { throw .chunkExtensionsTooLarge }
        sectionCount += 1
        guard let state = extensionState.after(byte) else {
            switch byte {
            case ASCII.lineFeed: throw .bareLineFeed
            default: throw .invalidChunkExtension
            }
        }
        extensionState = state
    }

    private mutating func endSizeLine() {
        bodyCount += chunkRemaining
        if chunkRemaining > 0 {
            phase = .data
        } else {
            phase = .trailers
            lineCount = 0
            sectionCount = 0
            trailerState = .lineStart
        }
    }

    private mutating func takeTrailer(_ byte: UInt8, limits: borrowing Limits) throws(RequestError) {
        guard sectionCount < limits.trailerBytesMax else { throw .trailersTooLarge }
        sectionCount += 1
        if trailerState == .lineStart, byte != ASCII.carriageReturn {
            guard lineCount < limits.trailerCountMax else { throw .tooManyTrailers }
            lineCount += 1
        }
        trailerState = try trailerState.after(byte)
        if trailerState == .end { phase = .end }
    }
}
