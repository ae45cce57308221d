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
    guard index + 1 < window.count else { return nil }
    guard window[index + 1] == ASCII.lineFeed else { throw .bareCarriageReturn }
    return index + 2
}
