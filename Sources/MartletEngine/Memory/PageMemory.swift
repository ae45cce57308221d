// Memory straight from the kernel: zeroed, resident only where it was touched, given back in whole pages.

internal import Glibc

/// A mapping of anonymous pages that lives as long as its owner.
@safe package struct PageMemory: ~Copyable {
    package let base: UnsafeMutableRawPointer
    package let byteCount: Int

    package init(byteCount: Int) throws(SystemError) {
        let rounded = (byteCount + 4095) & ~4095
        let address = unsafe mmap(nil, rounded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | Int32(MAP_NORESERVE), -1, 0)
        guard let address = unsafe address, unsafe address != MAP_FAILED else { throw SystemError(errno, .mmap) }
        unsafe base = address
        self.byteCount = rounded
    }

    /// Lets the kernel take the pages wholly inside the range; they read as zeros when next touched.
    package func discard(from offset: Int, count: Int) {
        let first = (offset + 4095) & ~4095
        let end = (offset + count) & ~4095
        if end > first { _ = unsafe madvise(base + first, end - first, MADV_DONTNEED) }
    }

    deinit { _ = unsafe munmap(base, byteCount) }
}
