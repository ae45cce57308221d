// Why a server does not start, each in one sentence that names the cause and the fix.

public import MartletEngine

public enum ServerError: Error, CustomStringConvertible {
    /// The address cannot be listened on.
    case cannotListen(SocketAddress, SystemError)
    /// The chosen engine cannot run here.
    case engineUnavailable(String)
    /// A processor that was asked for is not this process's to use.
    case coresUnavailable(String)
    /// The process may open so few files that the server would start and serve nobody.
    case tooFewDescriptors(limit: Int, needed: Int)
    /// The kernel refused something that every server needs.
    case system(SystemError)

    public var description: String {
        switch self {
        case .cannotListen(let address, let error): Self.explain(address, error)
        case .engineUnavailable(let reason): reason
        case .coresUnavailable(let reason): reason
        case .tooFewDescriptors(let limit, let needed):
            "the limit of \(limit) open files is too small, at least \(needed) are needed here; raise it (ulimit -n, LimitNOFILE=)"
        case .system(let error): "the server cannot start: \(error)"
        }
    }

    private static func explain(_ address: SocketAddress, _ error: SystemError) -> String {
        switch error.name {
        case .addressInUse: "cannot listen on \(address): the address is in use; stop the program that listens there or choose another port"
        case .permissionDenied: "cannot listen on \(address): permission denied; ports below 1024 need CAP_NET_BIND_SERVICE, a Unix path a writable directory"
        case .addressNotAvailable: "cannot listen on \(address): this machine has no such address; use one of its own, or 0.0.0.0 for all"
        case .exists: "cannot listen on \(address): a file that is not a socket is in the way; remove it or choose another path"
        case .noSuchFile: "cannot listen on \(address): the directory does not exist; create it or choose another path"
        case .tooManyFiles: "cannot listen on \(address): the table of open files is full; raise the limit (ulimit -n, LimitNOFILE=)"
        case .other: "cannot listen on \(address): \(error.message)"
        }
    }
}
