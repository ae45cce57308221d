// Makes a ring on the calling thread: tries the rungs in order, restricts it to what the engine uses, and tests what it does.
//
// Decides by trying, never by the kernel's version: distributions backport.

internal import CUring
internal import Glibc

/// Why no ring can be had, in one sentence that names the cause and the fix.
package struct RingUnavailable: Error, CustomStringConvertible {
    package let description: String
}

/// What the kernel gave; the rest of the engine asks this and nothing else.
struct RingFeatures {
    var rung = RingOptions.Rung.deferredTaskRun
    var multishotAccept = true
    var multishotReceive = true
    var messageWake = true
    var registeredDescriptor = false
    var restricted = false
    var zeroCopySend = false
    var silentSend = true
}

/// Owns a ring from its creation to its end. The kernel and liburing hold its address, so it never moves.
@safe struct RingHandle: ~Copyable {
    let ring: UnsafeMutablePointer<io_uring>
    let features: RingFeatures
    private let home = ThreadIdentity.current

    init(_ options: RingOptions) throws(RingUnavailable) {
        let ring = UnsafeMutablePointer<io_uring>.allocate(capacity: 1)
        unsafe ring.initialize(to: io_uring())
        do throws(RingUnavailable) {
            features = try unsafe RingSetup.create(ring, options)
        } catch {
            unsafe ring.deallocate()
            throw error
        }
        unsafe self.ring = ring
    }

    deinit {
        // A registered descriptor is an index into the maker's own table: on another thread the same index is another ring's.
        if ThreadIdentity.current != home { unsafe ring.pointee.int_flags = 0 }
        unsafe io_uring_queue_exit(ring)
        unsafe ring.deallocate()
    }
}

enum RingSetup {
    private static func flags(_ rung: RingOptions.Rung) -> UInt32 {
        let common = MARTLET_SETUP_SUBMIT_ALL | MARTLET_SETUP_CQSIZE | MARTLET_SETUP_CLAMP | MARTLET_SETUP_TASKRUN_FLAG
        return switch rung {
        case .deferredTaskRun: common | MARTLET_SETUP_SINGLE_ISSUER | MARTLET_SETUP_DEFER_TASKRUN
        case .singleIssuer: common | MARTLET_SETUP_SINGLE_ISSUER | MARTLET_SETUP_COOP_TASKRUN
        case .cooperativeTaskRun: common | MARTLET_SETUP_COOP_TASKRUN
        }
    }

    /// Creates the ring in `ring`, which must stay where it is from now on.
    static func create(_ ring: UnsafeMutablePointer<io_uring>, _ options: RingOptions) throws(RingUnavailable) -> RingFeatures {
        var features = RingFeatures()
        var code: Int32 = -EINVAL
        for rung in RingOptions.Rung.allCases where rung.rawValue >= options.bestRung.rawValue {
            var parameters = io_uring_params()
            parameters.flags = flags(rung) | (options.restrictions ? MARTLET_SETUP_R_DISABLED : 0)
            parameters.cq_entries = options.completionEntries
            code = unsafe io_uring_queue_init_params(options.submissionEntries, ring, &parameters)
            features.rung = rung
            if code != -EINVAL { break }
        }
        guard code == 0 else { throw RingUnavailable(description: explain(-code)) }
        if options.restrictions {
            features.restricted = unsafe restrict(ring)
            code = unsafe io_uring_enable_rings(ring)
            guard code == 0 else {
                unsafe io_uring_queue_exit(ring)
                throw RingUnavailable(description: explain(-code))
            }
        }
        features.registeredDescriptor = unsafe options.registeredDescriptor && io_uring_register_ring_fd(ring) == 1
        features.multishotAccept = options.multishotAccept
        features.multishotReceive = options.multishotReceive
        features.messageWake = options.messageWake
        features.silentSend = options.silentSend
        features.zeroCopySend = unsafe options.zeroCopySendBytesMin != nil && supports(ring, IORING_OP_SEND_ZC)
        // A surprise punt must not spawn hundreds of kernel threads. (Not allowed once restricted; then nothing the engine uses punts.)
        if !features.restricted {
            var workers: (UInt32, UInt32) = (1, 1)
            _ = unsafe withUnsafeMutableBytes(of: &workers) {
                unsafe io_uring_register_iowq_max_workers(ring, $0.baseAddress!.assumingMemoryBound(to: UInt32.self))
            }
        }
        return features
    }

    private static func supports(_ ring: UnsafeMutablePointer<io_uring>, _ operation: io_uring_op) -> Bool {
        guard let probe = unsafe io_uring_get_probe_ring(ring) else { return false }
        defer { unsafe io_uring_free_probe(probe) }
        return unsafe io_uring_opcode_supported(probe, Int32(operation.rawValue)) != 0
    }

    /// The operations that this engine submits; the kernel refuses every other one on this ring.
    private static var operations: [UInt8] {
        [IORING_OP_ACCEPT, IORING_OP_RECV, IORING_OP_SEND, IORING_OP_SENDMSG, IORING_OP_SEND_ZC, IORING_OP_CLOSE, IORING_OP_ASYNC_CANCEL,
         IORING_OP_TIMEOUT, IORING_OP_TIMEOUT_REMOVE, IORING_OP_READ, IORING_OP_POLL_ADD].map { UInt8($0.rawValue) }
    }

    private static var registrations: [UInt8] {
        [IORING_REGISTER_PBUF_RING, IORING_UNREGISTER_PBUF_RING, IORING_REGISTER_RING_FDS, IORING_UNREGISTER_RING_FDS,
         IORING_REGISTER_PROBE, IORING_REGISTER_ENABLE_RINGS].map { UInt8($0) }
    }

    private static func restrict(_ ring: UnsafeMutablePointer<io_uring>) -> Bool {
        var list: [io_uring_restriction] = []
        for operation in operations {
            var entry = io_uring_restriction()
            entry.opcode = UInt16(IORING_RESTRICTION_SQE_OP)
            entry.sqe_op = operation
            list.append(entry)
        }
        for registration in registrations {
            var entry = io_uring_restriction()
            entry.opcode = UInt16(IORING_RESTRICTION_REGISTER_OP)
            entry.register_op = registration
            list.append(entry)
        }
        var flags = io_uring_restriction()
        flags.opcode = UInt16(IORING_RESTRICTION_SQE_FLAGS_ALLOWED)
        flags.sqe_flags = UInt8(MARTLET_SQE_FLAGS_USED)
        list.append(flags)
        return unsafe io_uring_register_restrictions(ring, &list, UInt32(list.count)) == 0
    }

    private static func explain(_ code: Int32) -> String {
        switch code {
        case EPERM, EACCES:
            return "io_uring is not permitted here (\(sysctlHint)): allow the three io_uring system calls in the seccomp profile, or use --engine epoll"
        case ENOSYS:
            return "this kernel has no io_uring, or a seccomp profile hides it: use Linux 5.19 or newer with io_uring allowed, or --engine epoll"
        case ENOMEM:
            return "the locked-memory limit is too small for a ring: raise it (ulimit -l, LimitMEMLOCK=), or use --engine epoll"
        case EMFILE, ENFILE:
            return "the table of open files is full, so that no ring can be made: raise the limit (ulimit -n, LimitNOFILE=)"
        case EINVAL:
            return "this kernel's io_uring is too old (5.19 is needed): use --engine epoll"
        default:
            return "no ring can be made (\(SystemError(code, .ioUringSetup))): use --engine epoll"
        }
    }

    private static var sysctlHint: String {
        let descriptor = unsafe open("/proc/sys/kernel/io_uring_disabled", O_RDONLY)
        guard descriptor >= 0 else { return "a seccomp profile blocks it" }
        defer { _ = close(descriptor) }
        var digit: UInt8 = 0
        guard unsafe read(descriptor, &digit, 1) == 1, digit != UInt8(ascii: "0") else { return "a seccomp profile blocks it" }
        return "kernel.io_uring_disabled is \(Character(UnicodeScalar(digit)))"
    }
}
