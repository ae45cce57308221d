// Property: whatever a peer sends, and however it is cut, the chunked decoder finds the same data and one verdict.

import MartletHTTP
import MartletHTTP1

private enum BodyVerdict: Equatable {
    case incomplete
    case fault(RequestError)
    case complete(consumed: Int)
}

private struct BodyRun: Equatable {
    var verdict = BodyVerdict.incomplete
    var data: [UInt8] = []
}

private func run(_ bytes: Span<UInt8>, _ arrival: Arrival, limits: Limits) -> BodyRun {
    var decoder = ChunkedDecoder()
    var splits = Splits(seededBy: bytes)
    var result = BodyRun()
    var shown = 0
    var done = 0
    repeat {
        shown = arrival.next(after: shown, of: bytes.count, &splits)
        var waits = false
        while !waits {
            let given = bytes.extracting(done..<shown)
            do throws(RequestError) {
                switch try decoder.next(given, limits: limits) {
                case .data(let range, let consumed):
                    demand(!range.isEmpty && range.upperBound <= consumed, "data is part of what is consumed")
                    demand(consumed <= given.count, "no more is consumed than was given")
                    for index in range { result.data.append(given[index]) }
                    done += consumed
                case .needMore(let consumed):
                    demand(consumed == given.count, "more is needed only when all is consumed")
                    done += consumed
                    waits = true
                case .end(let consumed):
                    demand(consumed <= given.count, "no more is consumed than was given")
                    demand(UInt64(result.data.count) <= limits.bodyBytesMax, "a body is within its limit")
                    result.verdict = .complete(consumed: done + consumed)
                    return result
                }
            } catch {
                result.verdict = .fault(error)
                return result
            }
        }
    } while shown < bytes.count
    return result
}

@c(LLVMFuzzerTestOneInput)
public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    guard let data = unsafe data else { return 0 }
    let bytes = unsafe UnsafeBufferPointer(start: data, count: size).span
    var splits = Splits(seededBy: bytes)
    let limits = chooseLimits(&splits)
    let whole = run(bytes, .whole, limits: limits)
    demand(run(bytes, .byteByByte, limits: limits) == whole, "byte by byte differs")
    demand(run(bytes, .random, limits: limits) == whole, "a split differs")
    return 0
}
