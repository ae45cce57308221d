// The one line end there is: CR LF (RFC 9112 §2.2 lets a recipient accept a bare LF; two readers of one stream that
// differ in that can be played against each other, so it is refused).

internal import MartletBytes
internal import MartletHTTP

/// Checks a line end that starts at `index`, which must be in the window.
///
/// - Returns: the index after it, or nil when its LF has not arrived.
@inline(__always) // Two compares in the hottest loops.
func lineEnd(_ window: Span<UInt8>, at index: Int) throws(RequestError) -> Int? {
    guard window[index] == ASCII.carriageReturn else { throw .bareLineFeed }
    // Cannot overflow: an index in a window of at most 65,535 bytes.
    let next = index &+ 1
    guard next < window.count else { return nil }
    guard window[next] == ASCII.lineFeed else { throw .bareCarriageReturn }
    return next &+ 1
}
