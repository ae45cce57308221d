// A property that is false, to see the fuzzer find it: "no HTTP/1.0 request has a query". None of the seeds has both,
// so a run that does not fail means that the fuzzer does not mutate, does not follow coverage, or is not looked at.

import MartletHTTP
import MartletHTTP1

@c(LLVMFuzzerTestOneInput)
public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    guard let data = unsafe data else { return 0 }
    let bytes = unsafe UnsafeBufferPointer(start: data, count: size).span
    var head = RequestHead()
    if case .complete = runHead(bytes, .whole, limits: Limits(), into: &head) {
        demand(head.version == .http11 || !head.hasQuery, "the canary sings")
    }
    return 0
}
