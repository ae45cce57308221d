// Moves a head and a part of a file into a socket as far as the socket takes them, without copying the file.

internal import CUring
internal import Glibc

/// A file on its way out: the rest of the head, then the rest of the file.
struct FileSend: BitwiseCopyable {
    var headAddress: UInt
    var headCount: Int
    var descriptor: Int32
    var offset: Int64
    var count: Int
}

enum FilePump {
    enum Outcome { case done, full, failed(Int32) }

    static func run(_ socket: Int32, _ file: inout FileSend) -> Outcome {
        while file.headCount > 0 {
            let flags = MARTLET_SEND_NOW | (file.count > 0 ? MARTLET_MSG_MORE : 0)
            let sent = unsafe Glibc.send(socket, UnsafeRawPointer(bitPattern: file.headAddress), file.headCount, flags)
            if sent < 0 {
                if errno == EINTR { continue }
                return errno == EAGAIN ? .full : .failed(errno)
            }
            file.headAddress += UInt(sent)
            file.headCount -= sent
        }
        while file.count > 0 {
            var offset = off_t(file.offset)
            let sent = unsafe sendfile(socket, file.descriptor, &offset, file.count)
            if sent < 0 {
                if errno == EINTR { continue }
                return errno == EAGAIN ? .full : .failed(errno)
            }
            // The file is shorter than when it was opened: what was promised cannot be sent.
            if sent == 0 { return .failed(EIO) }
            file.offset = Int64(offset)
            file.count -= sent
        }
        return .done
    }
}
