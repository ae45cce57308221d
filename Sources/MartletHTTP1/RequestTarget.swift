// Targets that are not a plain path (RFC 9112 §3.2.2 to §3.2.4).

internal import MartletBytes
internal import MartletHTTP

enum RequestTarget {
    /// Sets form, authority and path of a target that does not start with `/` or belongs to CONNECT.
    static func interpret(_ line: Span<UInt8>, of head: inout RequestHead) throws(RequestError) {
        let target = head.target.bytes(in: line)
        if head.method == .connect {
            guard !head.hasQuery, Authority.isValid(target, portRequired: true) else { throw .invalidTarget }
            head.targetForm = .authority
            head.authority = head.target
            head.path = .empty
        } else if target.equals("*") {
            guard head.method == .options else { throw .invalidTarget }
            head.targetForm = .asterisk
        } else {
            try interpretAbsolute(line, of: &head)
        }
    }

    /// Only `http` and `https` are taken: an origin server has no resources of other schemes.
    private static func interpretAbsolute(_ line: Span<UInt8>, of head: inout RequestHead) throws(RequestError) {
        let path = head.path.bytes(in: line)
        let schemeCount: Int
        if path.count > 7, path.extracting(first: 7).equalsIgnoringCase("http://") {
            schemeCount = 7
        } else if path.count > 8, path.extracting(first: 8).equalsIgnoringCase("https://") {
            schemeCount = 8
        } else {
            throw .invalidTarget
        }
        var authorityEnd = schemeCount
        while authorityEnd < path.count, path[authorityEnd] != ASCII.slash { authorityEnd += 1 }
        guard Authority.isValid(path.extracting(schemeCount..<authorityEnd), portRequired: false) else {
            throw .invalidTarget
        }
        let start = Int(head.target.start)
        head.targetForm = .absolute
        head.authority = ByteRange(start + schemeCount, start + authorityEnd)
        head.path = ByteRange(start + authorityEnd, start + path.count)
    }
}
