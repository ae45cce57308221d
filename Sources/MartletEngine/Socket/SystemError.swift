// An errno with the call that gave it.

internal import CUring
internal import Glibc

/// The calls that can be refused.
public enum SystemCall: UInt8, Sendable {
    case bind
    case connect
    case epollCreate1
    case epollCtl
    case eventfd
    case ioUringEnter
    case ioUringRegisterBufRing
    case ioUringSetup
    case listen
    case mmap
    case pthreadCreate
    case recv
    case send
    case sendfile
    case setsockopt
    case socket
    case socketpair
    case timerfdCreate

    /// As the manual names it.
    public var name: String {
        switch self {
        case .bind: "bind"
        case .connect: "connect"
        case .epollCreate1: "epoll_create1"
        case .epollCtl: "epoll_ctl"
        case .eventfd: "eventfd"
        case .ioUringEnter: "io_uring_enter"
        case .ioUringRegisterBufRing: "io_uring_register_buf_ring"
        case .ioUringSetup: "io_uring_setup"
        case .listen: "listen"
        case .mmap: "mmap"
        case .pthreadCreate: "pthread_create"
        case .recv: "recv"
        case .send: "send"
        case .sendfile: "sendfile"
        case .setsockopt: "setsockopt"
        case .socket: "socket"
        case .socketpair: "socketpair"
        case .timerfdCreate: "timerfd_create"
        }
    }
}

/// A refusal by the kernel: which call, and its errno. Small, because every completion may carry one.
public struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The errno, positive.
    public let code: Int32
    /// The system call or operation that failed.
    public let operation: SystemCall

    package init(_ code: Int32, _ operation: SystemCall) {
        self.code = code
        self.operation = operation
    }

    public static func == (left: SystemError, right: SystemError) -> Bool { left.code == right.code }

    public var description: String { "\(operation.name): \(message)" }

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
