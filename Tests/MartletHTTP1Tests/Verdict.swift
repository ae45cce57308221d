// What came of parsing, in a form that can be compared between runs and with a case's expectations.

import MartletHTTP
import MartletHTTP1

enum Verdict: Equatable {
    case incomplete
    case fault(RequestError)
    case complete(consumed: Int, facts: [Fact])
}

/// One line of an expectation: `framing length 5`.
struct Fact: Equatable, CustomStringConvertible {
    var key: String
    var value: String

    init(_ key: String, _ value: String) {
        self.key = key
        self.value = value
    }

    var description: String { "\(key) \(value)" }
}

extension RequestHead {
    /// Everything that the head says, in words.
    func facts(_ bytes: Span<UInt8>) -> [Fact] {
        var facts = [
            Fact("method", "\(method)"), Fact("method-bytes", escaped(methodRange.bytes(in: bytes))),
            Fact("version", version == .http10 ? "1.0" : "1.1"), Fact("form", "\(targetForm)"),
            Fact("target", escaped(target.bytes(in: bytes))), Fact("path", escaped(path.bytes(in: bytes))),
            Fact("query", hasQuery ? "?" + escaped(query.bytes(in: bytes)) : "absent"),
            Fact("authority", escaped(authority.bytes(in: bytes))), Fact("keeps-alive", keepsAlive ? "yes" : "no"),
            Fact("expects-continue", expectsContinue ? "yes" : "no"),
            Fact("wants-upgrade", wantsUpgrade ? "yes" : "no"), Fact("fields", "\(fieldCount)"),
            Fact("rest", escaped(bytes.extracting(byteCount..<bytes.count))),
        ]
        switch framing {
        case .none: facts.append(Fact("framing", "none"))
        case .length(let length): facts.append(Fact("framing", "length \(length)"))
        case .chunked: facts.append(Fact("framing", "chunked"))
        }
        for index in 0..<fieldCount {
            let field = field(at: index)
            facts.append(
                Fact("field", escaped(field.name.bytes(in: bytes)) + ": " + escaped(field.value.bytes(in: bytes))))
            if field.knownName != .unknown { facts.append(Fact("known", "\(field.knownName.canonicalName)")) }
        }
        return facts
    }
}

/// Visible ASCII as it is, everything else as an escape.
func escaped(_ bytes: Span<UInt8>) -> String {
    var text = ""
    for index in bytes.indices {
        switch bytes[index] {
        case 0x0D: text += "\\r"
        case 0x0A: text += "\\n"
        case 0x09: text += "\\t"
        case 0x5C: text += "\\\\"
        case 0x20...0x7E: text.unicodeScalars.append(UnicodeScalar(bytes[index]))
        default:
            let digits = String(bytes[index], radix: 16)
            text += "\\x" + (digits.count == 1 ? "0" : "") + digits
        }
    }
    return text
}
