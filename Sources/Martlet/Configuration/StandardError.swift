// One line to standard error, in one write, so that lines of several threads do not mix.

internal import Glibc

public enum StandardError {
    @Sendable public static func print(_ line: String) {
        var bytes = Array(line.utf8)
        bytes.append(UInt8(ascii: "\n"))
        _ = unsafe bytes.withUnsafeBytes { unsafe write(2, $0.baseAddress, $0.count) }
    }
}
