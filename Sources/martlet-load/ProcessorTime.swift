// How long this process has run on a processor: a generator that is busy all the time measures itself.

import Glibc
import MartletEngine

enum ProcessorTime {
    static func ofProcess() -> Nanoseconds {
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Nanoseconds(time.tv_sec) * 1_000_000_000 + Nanoseconds(time.tv_nsec)
    }
}
