// From the bytes of a field name to its number.
//
// Owns: the look-up. Invariant: a name is found exactly when it is spelled like one of FieldName's, case aside; so what
// is found needs no further check of its characters.
// The length picks a few candidates; each is compared as one word (up to 8 bytes), as its first and last word (up to
// 16, where the two cover it), or so with the middle compared after. The literals become immediates.

internal import MartletBytes

extension FieldName {
    /// The number of the name that is these bytes.
    public init(_ name: Span<UInt8>) {
        self = FieldName.lookup(in: name, at: 0, count: name.count)
    }

    /// The number of the name that is `count` bytes from `start` on.
    package static func lookup(in bytes: Span<UInt8>, at start: Int, count: Int) -> FieldName {
        guard count >= 2 && count <= 25 else { return .unknown }
        if count <= 8 { return short(bytes.prefixWord(at: start, count: count), count: count) }
        let first = bytes.word(at: start)
        let last = bytes.word(at: start + count - 8)
        if count <= 16 { return medium(first, last, count: count) }
        let name = long(first, last, count: count)
        // The ends have matched; the middle must match too.
        let middle = bytes.extracting(start + 8..<start + count - 8)
        return middle.equalsIgnoringCase(middleOf: name.canonicalName) ? name : .unknown
    }

    private static func short(_ word: UInt64, count: Int) -> FieldName {
        switch count {
        case 2:
            if word.spells("te") { return .te }
        case 3:
            if word.spells("age") { return .age }
            if word.spells("via") { return .via }
        case 4:
            if word.spells("host") { return .host }
            if word.spells("date") { return .date }
            if word.spells("etag") { return .etag }
            if word.spells("link") { return .link }
            if word.spells("vary") { return .vary }
        case 5:
            if word.spells("allow") { return .allow }
            if word.spells("range") { return .range }
        case 6:
            if word.spells("expect") { return .expect }
            if word.spells("server") { return .server }
            if word.spells("accept") { return .accept }
            if word.spells("cookie") { return .cookie }
            if word.spells("origin") { return .origin }
            if word.spells("pragma") { return .pragma }
        case 7:
            if word.spells("upgrade") { return .upgrade }
            if word.spells("trailer") { return .trailer }
            if word.spells("expires") { return .expires }
            if word.spells("referer") { return .referer }
        case 8:
            if word.spells("if-match") { return .ifMatch }
            if word.spells("if-range") { return .ifRange }
            if word.spells("location") { return .location }
            if word.spells("priority") { return .priority }
        default:
            break
        }
        return .unknown
    }

    private static func medium(_ first: UInt64, _ last: UInt64, count: Int) -> FieldName {
        switch count {
        case 9:
            if first.spells("forwarde") && last.spells("orwarded") { return .forwarded }
        case 10:
            if first.spells("connecti") && last.spells("nnection") { return .connection }
            if first.spells("keep-ali") && last.spells("ep-alive") { return .keepAlive }
            if first.spells("set-cook") && last.spells("t-cookie") { return .setCookie }
            if first.spells("user-age") && last.spells("er-agent") { return .userAgent }
        case 11:
            if first.spells("retry-af") && last.spells("ry-after") { return .retryAfter }
        case 12:
            if first.spells("content-") && last.spells("ent-type") { return .contentType }
            if first.spells("x-reques") && last.spells("quest-id") { return .xRequestID }
        case 13:
            if first.spells("accept-r") && last.spells("t-ranges") { return .acceptRanges }
            if first.spells("authoriz") && last.spells("rization") { return .authorization }
            if first.spells("cache-co") && last.spells("-control") { return .cacheControl }
            if first.spells("content-") && last.spells("nt-range") { return .contentRange }
            if first.spells("if-none-") && last.spells("ne-match") { return .ifNoneMatch }
            if first.spells("last-mod") && last.spells("modified") { return .lastModified }
        case 14:
            if first.spells("content-") && last.spells("t-length") { return .contentLength }
            if first.spells("sec-fetc") && last.spells("tch-dest") { return .secFetchDest }
            if first.spells("sec-fetc") && last.spells("tch-mode") { return .secFetchMode }
            if first.spells("sec-fetc") && last.spells("tch-site") { return .secFetchSite }
            if first.spells("sec-fetc") && last.spells("tch-user") { return .secFetchUser }
        case 15:
            if first.spells("accept-e") && last.spells("encoding") { return .acceptEncoding }
            if first.spells("accept-l") && last.spells("language") { return .acceptLanguage }
            if first.spells("x-forwar") && last.spells("rded-for") { return .xForwardedFor }
        case 16:
            if first.spells("content-") && last.spells("encoding") { return .contentEncoding }
            if first.spells("content-") && last.spells("language") { return .contentLanguage }
            if first.spells("content-") && last.spells("location") { return .contentLocation }
            if first.spells("proxy-co") && last.spells("nnection") { return .proxyConnection }
            if first.spells("www-auth") && last.spells("enticate") { return .wwwAuthenticate }
            if first.spells("x-forwar") && last.spells("ded-host") { return .xForwardedHost }
        default:
            break
        }
        return .unknown
    }

    private static func long(_ first: UInt64, _ last: UInt64, count: Int) -> FieldName {
        switch count {
        case 17:
            if first.spells("transfer") && last.spells("encoding") { return .transferEncoding }
            if first.spells("if-modif") && last.spells("ed-since") { return .ifModifiedSince }
            if first.spells("sec-webs") && last.spells("cket-key") { return .secWebSocketKey }
            if first.spells("x-forwar") && last.spells("ed-proto") { return .xForwardedProto }
        case 19:
            if first.spells("content-") && last.spells("position") { return .contentDisposition }
            if first.spells("if-unmod") && last.spells("ed-since") { return .ifUnmodifiedSince }
        case 20:
            if first.spells("sec-webs") && last.spells("t-accept") { return .secWebSocketAccept }
        case 21:
            if first.spells("sec-webs") && last.spells("-version") { return .secWebSocketVersion }
        case 22:
            if first.spells("sec-webs") && last.spells("protocol") { return .secWebSocketProtocol }
        case 24:
            if first.spells("sec-webs") && last.spells("tensions") { return .secWebSocketExtensions }
        case 25:
            if first.spells("upgrade-") && last.spells("requests") { return .upgradeInsecureRequests }
        default:
            break
        }
        return .unknown
    }
}

extension UInt64 {
    /// Whether the word is a literal of lower-case letters and `-`, letters of either case being equal.
    // Inlined so that the literal folds to two immediates.
    @inline(__always)
    fileprivate func spells(_ lowercase: StaticString) -> Bool {
        let expected = lowercase.word(at: 0)
        // Only letters have bit 6 set: the case bit is ignored there and nowhere else, so that a carriage return
        // does not pass for `-`.
        return self | (expected & UInt64(repeating: 0x40)) >> 1 == expected
    }
}

extension Span where Element == UInt8 {
    /// Up to 8 bytes in a word, zeros above: one load where the span is long enough.
    @inline(__always)
    fileprivate func prefixWord(at start: Int, count length: Int) -> UInt64 {
        guard start + 8 <= count else { return word(at: start, length: length) }
        // The shift is below 64: length is at least 2 here.
        return word(at: start) & (UInt64.max >> UInt64(64 - 8 * length))
    }

    /// Whether the bytes are those of a name without its first and last 8.
    fileprivate func equalsIgnoringCase(middleOf canonical: StaticString) -> Bool {
        guard count == canonical.utf8CodeUnitCount - 16 else { return false }
        for index in indices {
            // Safe: index + 8 is at least 8 below the name's count.
            let expected = unsafe canonical.utf8Start[index + 8]
            if self[index].lowercased != expected.lowercased { return false }
        }
        return true
    }
}
