// HTTP versions that are told apart (RFC 9110 §2.5).

/// The version of a request. A minor version above 1 counts as ``http11`` (RFC 9110 §2.5).
@frozen
public enum Version: UInt8, Sendable {
    case http10
    case http11
}
