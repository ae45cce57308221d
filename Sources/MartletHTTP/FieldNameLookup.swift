// From the bytes of a field name to its number.
//
// Owns: the look-up. Invariant: a name is found exactly when it is spelled like one of FieldName's, case aside; so what
// is found needs no further check of its characters.
// The length picks a few candidates; each is compared as one word (below 8 bytes), as its first and last word (up to
// 16, where the two cover it), or as four words (up to 32). The literals become immediates.

internal import MartletBytes

extension FieldName {
    /// The number of the name that is these bytes.
    public init(_ name: Span<UInt8>) {
        self = FieldName.lookup(in: name, at: 0, count: name.count)
    }

    /// The number of the name that is `count` bytes from `start` on.
    package static func lookup(in bytes: Span<UInt8>, at start: Int, count: Int) -> FieldName {
        guard count >= 2 && count <= 25 else { return .unknown }
        if count < 8 { return lookup(short: bytes.word(at: start, length: count), count: count) }
        if count <= 16 {
            return lookup(first: bytes.word(at: start), last: bytes.word(at: start + count - 8), count: count)
        }
        return long(
            bytes.word(at: start), bytes.word(at: start + 8), bytes.word(at: start + count - 16),
            bytes.word(at: start + count - 8), count: count)
    }

    /// The number of the name that is the low `count` bytes of a word whose other bytes are zero: fewer than 8.
    package static func lookup(short word: UInt64, count: Int) -> FieldName {
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
        default:
            break
        }
        return .unknown
    }

    /// The number of the name of 8 to 16 bytes that has these first and last 8.
    package static func lookup(first: UInt64, last: UInt64, count: Int) -> FieldName {
        switch count {
        case 8:
            if first.spells("if-match") && last.spells("if-match") { return .ifMatch }
            if first.spells("if-range") && last.spells("if-range") { return .ifRange }
            if first.spells("location") && last.spells("location") { return .location }
            if first.spells("priority") && last.spells("priority") { return .priority }
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

    private static func long(
        _ first: UInt64, _ second: UInt64, _ third: UInt64, _ last: UInt64, count: Int
    ) -> FieldName {
        switch count {
        case 17:
            if first.spells("transfer"), second.spells("-encodin"), third.spells("ransfer-"), last.spells("encoding") {
                return .transferEncoding
            }
            if first.spells("if-modif"), second.spells("ied-sinc"), third.spells("f-modifi"), last.spells("ed-since") {
                return .ifModifiedSince
            }
            if first.spells("sec-webs"), second.spells("ocket-ke"), third.spells("ec-webso"), last.spells("cket-key") {
                return .secWebSocketKey
            }
            if first.spells("x-forwar"), second.spells("ded-prot"), third.spells("-forward"), last.spells("ed-proto") {
                return .xForwardedProto
            }
        case 19:
            if first.spells("content-"), second.spells("disposit"), third.spells("tent-dis"), last.spells("position") {
                return .contentDisposition
            }
            if first.spells("if-unmod"), second.spells("ified-si"), third.spells("unmodifi"), last.spells("ed-since") {
                return .ifUnmodifiedSince
            }
        case 20:
            if first.spells("sec-webs"), second.spells("ocket-ac"), third.spells("websocke"), last.spells("t-accept") {
                return .secWebSocketAccept
            }
        case 21:
            if first.spells("sec-webs"), second.spells("ocket-ve"), third.spells("ebsocket"), last.spells("-version") {
                return .secWebSocketVersion
            }
        case 22:
            if first.spells("sec-webs"), second.spells("ocket-pr"), third.spells("bsocket-"), last.spells("protocol") {
                return .secWebSocketProtocol
            }
        case 24:
            if first.spells("sec-webs"), second.spells("ocket-ex"), third.spells("ocket-ex"), last.spells("tensions") {
                return .secWebSocketExtensions
            }
        case 25:
            if first.spells("upgrade-"), second.spells("insecure"), third.spells("nsecure-"), last.spells("requests") {
                return .upgradeInsecureRequests
            }
        default:
            break
        }
        return .unknown
    }
}

extension UInt64 {
    // Inlined so that the literal folds to two immediates.
    @inline(__always)
    fileprivate func spells(_ lowercase: StaticString) -> Bool {
        equalsIgnoringCase(lowercase.word(at: 0))
    }
}
