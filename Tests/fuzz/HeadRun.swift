// One run of the request parser over an input that arrives in pieces.

import MartletHTTP
import MartletHTTP1

enum HeadVerdict: Equatable {
    case incomplete
    case fault(RequestError)
    case complete(byteCount: Int, hash: UInt64)
}

/// Parses what arrives and checks what holds for every input.
func runHead(_ bytes: Span<UInt8>, _ arrival: Arrival, limits: Limits, into head: inout RequestHead) -> HeadVerdict {
    var parser = RequestParser()
    var splits = Splits(seededBy: bytes)
    var shown = 0
    repeat {
        shown = arrival.next(after: shown, of: bytes.count, &splits)
        do throws(RequestError) {
            if try parser.parse(bytes.extracting(first: shown), into: &head, limits: limits) {
                demand(head.byteCount <= shown, "a head must not have more bytes than were given")
                return .complete(byteCount: head.byteCount, hash: hash(head))
            }
        } catch {
            return .fault(error)
        }
    } while shown < bytes.count
    demand(shown < limits.headBytesMax, "a head at its limit must not wait for more")
    return .incomplete
}

/// Everything that a head says, in one number; checks that every range is within the head.
private func hash(_ head: RequestHead) -> UInt64 {
    var hasher = Hasher()
    for range in [head.methodRange, head.target, head.path, head.query, head.authority] {
        demand(range.range.upperBound <= head.byteCount, "a range must lie within the head")
        hasher.combine(range)
    }
    hasher.combine(head.method)
    hasher.combine(head.version)
    hasher.combine(head.targetForm)
    hasher.combine(head.framing)
    hasher.combine([head.keepsAlive, head.expectsContinue, head.wantsUpgrade, head.hasQuery])
    hasher.combine(head.present)
    for index in 0..<head.fieldCount {
        let field = head.field(at: index)
        demand(field.name.range.upperBound < field.value.range.lowerBound + 1, "a value follows its name")
        demand(field.value.range.upperBound <= head.byteCount, "a value must lie within the head")
        hasher.combine(field.name)
        hasher.combine(field.value)
        hasher.combine(field.token)
    }
    return UInt64(bitPattern: Int64(hasher.finalize()))
}
