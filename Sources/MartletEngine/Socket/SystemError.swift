// An errno with the call that gave it.

internal import Glibc

/// A refusal by the kernel: which call, and its errno.
public struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The errno, positive.
    public let code: Int32
    /// The system call or operation that failed.
    public let operation: StaticString

    package init(_ code: Int32, _ operation: StaticString) {
        self.code = code
        self.operation = operation
    }

    public static func == (left: SystemError, right: SystemError) -> Bool { left.code == right.code }

    public var description: String { "\(operation): \(message)" }

    /// The kernel's words for the errno, e.g. `Address already in use`.
    public var message: String {
        guard let text = unsafe strerror(code) else { return "error \(code)" }
        return unsafe String(cString: text)
    }
}

extension SystemError {
    /// The errors for which somebody can be told what to do.
    package enum Name {
        case addressInUse, permissionDenied, addressNotAvailable, exists, noSuchFile, tooManyFiles, other
    }

    package var name: Name {
        switch code {
        case EADDRINUSE: .addressInUse
        case EACCES, EPERM: .permissionDenied
        case EADDRNOTAVAIL: .addressNotAvailable
        case EEXIST: .exists
        case ENOENT, ENOTDIR: .noSuchFile
        case EMFILE, ENFILE: .tooManyFiles
        default: .other
        }
    }
}
