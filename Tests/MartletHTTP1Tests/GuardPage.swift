// Memory that ends where the program may not read: one byte too far is a fault, not a lucky zero.

import Glibc

@safe
struct GuardedMemory: ~Copyable {
    private let base: UnsafeMutableRawPointer
    private let pageSize = 4_096
    private let size: Int

    /// Takes whole pages for `capacity` bytes and one more that nobody may touch.
    init(capacity: Int) {
        size = (capacity / pageSize + 1) * pageSize
        let memory = unsafe mmap(nil, size + pageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let memory = unsafe memory, unsafe memory != MAP_FAILED else { preconditionFailure("no memory to map") }
        unsafe base = memory
        let result = unsafe mprotect(base + size, pageSize, PROT_NONE)
        precondition(result == 0, "the guard page cannot be protected")
    }

    deinit {
        _ = unsafe munmap(base, size + pageSize)
    }

    /// Places bytes so that they end at the guard page and lends them.
    func lend<Result>(_ bytes: ArraySlice<UInt8>, _ body: (Span<UInt8>) -> Result) -> Result {
        let start = unsafe base + (size - bytes.count)
        unsafe bytes.withUnsafeBytes { source in
            if let address = source.baseAddress { unsafe start.copyMemory(from: address, byteCount: source.count) }
        }
        let buffer = unsafe UnsafeBufferPointer(start: start.assumingMemoryBound(to: UInt8.self), count: bytes.count)
        return unsafe body(buffer.span)
    }
}
