// The grammar of chunk extensions (RFC 9112 §7.1.1), as an automaton over single bytes:
// `;` name, or `;` name `=` value, with blanks permitted around both marks, the value being a token or a quoted string.
// Nobody uses extensions, but where two readers differ in how one ends, a request can be smuggled past one of them.

internal import MartletBytes

enum ChunkExtensionState: UInt8, Sendable {
    /// Blanks after the size: only `;` may follow.
    case beforeSemicolon
    case beforeName
    case name
    case afterName
    case beforeValue
    case token
    case quoted
    case escaped
    case afterValue

    /// Whether a CR may end the line here. Blanks before it are refused: nothing but `;` or `=` makes them legal.
    var mayEndLine: Bool {
        switch self {
        case .name, .token, .afterValue: true
        case .beforeSemicolon, .beforeName, .afterName, .beforeValue, .quoted, .escaped: false
        }
    }

    /// The state after one more byte; nil if it cannot stand there.
    func after(_ byte: UInt8) -> ChunkExtensionState? {
        switch self {
        case .beforeSemicolon:
            return byte == ASCII.semicolon ? .beforeName : byte.isOptionalWhitespace ? self : nil
        case .beforeName:
            return ByteSet.token.contains(byte) ? .name : byte.isOptionalWhitespace ? self : nil
        case .name where ByteSet.token.contains(byte):
            return self
        case .name, .afterName:
            if byte == ASCII.equals { return .beforeValue }
            return byte == ASCII.semicolon ? .beforeName : byte.isOptionalWhitespace ? .afterName : nil
        case .beforeValue:
            if byte == ASCII.quote { return .quoted }
            return ByteSet.token.contains(byte) ? .token : byte.isOptionalWhitespace ? self : nil
        case .token where ByteSet.token.contains(byte):
            return self
        case .token, .afterValue:
            return byte == ASCII.semicolon ? .beforeName : byte.isOptionalWhitespace ? .beforeSemicolon : nil
        case .quoted:
            if byte == ASCII.quote { return .afterValue }
            return byte == ASCII.backslash ? .escaped : byte.isFieldValueByte ? self : nil
        case .escaped:
            return byte.isFieldValueByte ? .quoted : nil
        }
    }
}
