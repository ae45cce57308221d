// The syntax of a trailer section (RFC 9112 §7.1.2), as an automaton over single bytes. It keeps nothing: trailers are
// checked like the fields of a head, and dropped.

internal import MartletBytes
internal import MartletHTTP

enum TrailerState: UInt8, Sendable {
    case lineStart
    case name
    case value
    case valueLineFeed
    case lastLineFeed
    case end

    /// The state after one more byte.
    func after(_ byte: UInt8) throws(RequestError) -> TrailerState {
        switch self {
        case .lineStart:
            if byte == ASCII.carriageReturn { return .lastLineFeed }
            guard ByteSet.token.contains(byte) else { throw TrailerState.lineStartFault(byte) }
            return .name
        case .name:
            if byte == ASCII.colon { return .value }
            guard ByteSet.token.contains(byte) else { throw TrailerState.nameFault(byte) }
            return .name
        case .value:
            if byte == ASCII.carriageReturn { return .valueLineFeed }
            guard byte.isFieldValueByte else { throw byte == ASCII.lineFeed ? .bareLineFeed : .invalidFieldValue }
            return .value
        case .valueLineFeed:
            guard byte == ASCII.lineFeed else { throw .bareCarriageReturn }
            return .lineStart
        case .lastLineFeed:
            guard byte == ASCII.lineFeed else { throw .bareCarriageReturn }
            return .end
        case .end:
            preconditionFailure("a trailer section has ended")
        }
    }

    private static func lineStartFault(_ byte: UInt8) -> RequestError {
        switch byte {
        case ASCII.lineFeed: .bareLineFeed
        case ASCII.colon: .emptyFieldName
        case ASCII.space, ASCII.tab: .obsoleteFolding
        default: .invalidFieldName
        }
    }

    private static func nameFault(_ byte: UInt8) -> RequestError {
        switch byte {
        case ASCII.lineFeed: .bareLineFeed
        case ASCII.carriageReturn: .missingColon
        case ASCII.space, ASCII.tab: .whitespaceBeforeColon
        default: .invalidFieldName
        }
    }
}
