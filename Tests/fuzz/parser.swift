// Property: whatever a peer sends, and however it is cut, the request parser gives one verdict, within its bytes.

import MartletHTTP
import MartletHTTP1

@c(LLVMFuzzerTestOneInput)
public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    guard let data = unsafe data else { return 0 }
    let bytes = unsafe UnsafeBufferPointer(start: data, count: size).span
    var splits = Splits(seededBy: bytes)
    let limits = chooseLimits(&splits)
    var head = RequestHead()
    let whole = runHead(bytes, .whole, limits: limits, into: &head)
    demand(runHead(bytes, .byteByByte, limits: limits, into: &head) == whole, "byte by byte differs")
    demand(runHead(bytes, .random, limits: limits, into: &head) == whole, "a split differs")
    return 0
}
