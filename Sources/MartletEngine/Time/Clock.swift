// The monotonic clock as engines read it.

internal import CUring
internal import Glibc

package enum Clock {
    /// Costs a few nanoseconds and steps by the kernel's tick (1 to 10 ms): right for deadlines.
    package static func coarse() -> Nanoseconds { martlet_coarse_nanoseconds() }
    /// Costs some 20 ns, exact: right for measuring.
    package static func precise() -> Nanoseconds { read(CLOCK_MONOTONIC) }
    /// Seconds since 1970, for dates.
    package static func secondsSinceEpoch() -> Int64 {
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_REALTIME_COARSE, &time)
        return Int64(time.tv_sec)
    }

    private static func read(_ clock: clockid_t) -> Nanoseconds {
        var time = timespec()
        _ = unsafe clock_gettime(clock, &time)
        return Nanoseconds(time.tv_sec) * 1_000_000_000 + Nanoseconds(time.tv_nsec)
    }
}
