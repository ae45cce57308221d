// Makes blocks and takes them back. The steady state allocates nothing: a block that came back is the next one handed out (it is still in the cache).
//
// Bounded: past `bytesMax` there are no more blocks, and whoever asked must refuse the work.

internal import Glibc
internal import MartletEngine

@safe struct BlockPool: ~Copyable {
    /// Fits the answers of a turn of one connection; a slab of them is mapped at a time.
    static let smallBytes = 4096
    static let largeBytes = 65_536
    private static let smallBlocksPerMapping = 32
    /// Free large blocks that are kept for the next use; more go back to the kernel.
    private static let largeKept = 16
    /// Free huge blocks that are kept, and how large one may be to be worth keeping.
    private static let hugeKept = 2
    private static let hugeKeptBytesMax = 2 << 20

    private var smallFree: BlockPointer?
    private var largeFree: BlockPointer?
    private var largeFreeCount = 0
    private var hugeFree: BlockPointer?
    private var hugeFreeCount = 0
    /// Mapped now, free blocks included.
    private(set) var bytes = 0
    /// Of these, with somebody.
    private var bytesTaken = 0
    let bytesMax: Int
    private let tightBytes: Int
    /// Mappings of small blocks, to be unmapped at the end.
    private var mappings: [UnsafeMutableRawPointer] = unsafe []

    init(bytesMax: Int) {
        self.bytesMax = bytesMax
        tightBytes = bytesMax / 2
    }

    deinit {
        for unsafe mapping in unsafe mappings { _ = unsafe munmap(mapping, Self.smallBytes * Self.smallBlocksPerMapping) }
        var block = unsafe largeFree
        while let free = unsafe block { unsafe block = unsafe free.pointee.next; unsafe Self.unmap(free) }
        unsafe block = unsafe hugeFree
        while let free = unsafe block { unsafe block = unsafe free.pointee.next; unsafe Self.unmap(free) }
    }

    /// A memory block with at least `byteCount` bytes of payload, or nil when the bound is reached.
    @inline(__always) // Mostly a small block off the list.
    mutating func take(_ byteCount: Int) -> BlockPointer? {
        guard let block = unsafe smallFree, unsafe byteCount <= Self.smallBytes - Block.headerBytes else { return unsafe takeOther(byteCount) }
        unsafe smallFree = unsafe block.pointee.next
        bytesTaken += Self.smallBytes
        return unsafe fresh(block)
    }

    @inline(never) // Rare: large ones, and the first small ones of a mapping.
    private mutating func takeOther(_ byteCount: Int) -> BlockPointer? {
        let isSmall = unsafe byteCount <= Self.smallBytes - Block.headerBytes, isLarge = unsafe byteCount <= Self.largeBytes - Block.headerBytes
        guard let block = unsafe isSmall ? takeSmall() : isLarge ? takeLarge() : takeHuge(byteCount) else { return nil }
        bytesTaken += unsafe block.pointee.capacity + Block.headerBytes
        return unsafe block
    }

    /// More than half of what there may be is with somebody: who still has output waiting should ask for no more.
    var isTight: Bool { bytesTaken > tightBytes }

    private mutating func takeSmall() -> BlockPointer? {
        if unsafe smallFree == nil { mapSmall() }
        guard let block = unsafe smallFree else { return nil }
        unsafe smallFree = unsafe block.pointee.next
        return unsafe fresh(block)
    }

    private mutating func takeLarge() -> BlockPointer? {
        if let block = unsafe largeFree {
            unsafe largeFree = unsafe block.pointee.next
            largeFreeCount -= 1
            return unsafe fresh(block)
        }
        return unsafe map(Self.largeBytes, .large)
    }

    private mutating func takeHuge(_ byteCount: Int) -> BlockPointer? {
        if let block = unsafe hugeFree, unsafe block.pointee.capacity >= byteCount {
            unsafe hugeFree = unsafe block.pointee.next
            hugeFreeCount -= 1
            return unsafe fresh(block)
        }
        return unsafe map((byteCount + Block.headerBytes + 4095) & ~4095, .huge)
    }

    @inline(__always) // Four stores.
    private func fresh(_ block: BlockPointer) -> BlockPointer {
        unsafe block.pointee.next = nil
        unsafe block.pointee.kind = .memory
        unsafe block.pointee.start = 0
        unsafe block.pointee.end = 0
        return unsafe block
    }

    /// Takes back a whole chain, letting go of what its blocks keep alive.
    mutating func giveBack(chain first: BlockPointer?) {
        var current = unsafe first
        while let block = unsafe current {
            unsafe current = unsafe block.pointee.next
            unsafe giveBack(block)
        }
    }

    mutating func giveBack(_ block: BlockPointer) {
        bytesTaken -= unsafe block.pointee.capacity + Block.headerBytes
        if unsafe block.pointee.size == .small && block.pointee.owner == nil {
            unsafe block.pointee.next = unsafe smallFree
            unsafe smallFree = unsafe block
        } else {
            unsafe giveBackOther(block)
        }
    }

    @inline(never) // Rare: what is large, and what kept something alive.
    private mutating func giveBackOther(_ block: BlockPointer) {
        if let owner = unsafe block.pointee.owner {
            unsafe block.pointee.owner = nil
            unsafe owner.release()
        }
        switch unsafe block.pointee.size {
        case .small:
            unsafe block.pointee.next = unsafe smallFree
            unsafe smallFree = unsafe block
        case .large where largeFreeCount < Self.largeKept:
            unsafe block.pointee.next = unsafe largeFree
            unsafe largeFree = unsafe block
            largeFreeCount += 1
        case .huge where unsafe hugeFreeCount < Self.hugeKept && block.pointee.capacity <= Self.hugeKeptBytesMax:
            unsafe block.pointee.next = unsafe hugeFree
            unsafe hugeFree = unsafe block
            hugeFreeCount += 1
        case .large, .huge:
            bytes -= unsafe block.pointee.capacity + Block.headerBytes
            unsafe Self.unmap(block)
        }
    }

    // MARK: Accounts

    /// Bytes of blocks that are with somebody: none when all connections have ended. Walks the free lists, so it is for tests.
    var bytesLent: Int { unsafe bytes - Self.byteCount(of: smallFree, bytes) - Self.byteCount(of: largeFree, bytes) - Self.byteCount(of: hugeFree, bytes) }

    private static func byteCount(of first: BlockPointer?, _ most: Int) -> Int {
        var count = 0
        var block = unsafe first
        while let free = unsafe block {
            count += unsafe free.pointee.capacity + Block.headerBytes
            precondition(count <= most, "a block stands among the free ones twice")
            unsafe block = unsafe free.pointee.next
        }
        return count
    }

    // MARK: Memory from the kernel

    private mutating func mapSmall() {
        guard let base = unsafe pages(Self.smallBytes * Self.smallBlocksPerMapping, within: bytesMax) else { return }
        unsafe mappings.append(base)
        for index in (0..<Self.smallBlocksPerMapping).reversed() {
            let block = unsafe Self.header(base + index * Self.smallBytes, Self.smallBytes, .small)
            unsafe block.pointee.next = unsafe smallFree
            unsafe smallFree = unsafe block
        }
    }

    /// Free memory of one size goes back to the kernel when another size wants it. Small blocks go back by whole mappings.
    private mutating func trim() {
        unsafe unmapAll(largeFree)
        unsafe (largeFree, largeFreeCount) = (nil, 0)
        unsafe unmapAll(hugeFree)
        unsafe (hugeFree, hugeFreeCount) = (nil, 0)
        let starts = unsafe mappings.map { UInt(bitPattern: $0) }.sorted()
        var freeCounts = [Int](repeating: 0, count: starts.count)
        unsafe forEachSmallFree { block in freeCounts[unsafe Self.mapping(of: block, starts)] += 1 }
        var kept: BlockPointer?
        unsafe forEachSmallFree { block in
            if freeCounts[unsafe Self.mapping(of: block, starts)] == Self.smallBlocksPerMapping { return }
            unsafe block.pointee.next = unsafe kept
            unsafe kept = unsafe block
        }
        unsafe smallFree = unsafe kept
        for (start, freeCount) in zip(starts, freeCounts) where freeCount == Self.smallBlocksPerMapping {
            unsafe mappings.removeAll { UInt(bitPattern: $0) == start }
            _ = unsafe munmap(UnsafeMutableRawPointer(bitPattern: start), Self.smallBytes * Self.smallBlocksPerMapping)
            bytes -= Self.smallBytes * Self.smallBlocksPerMapping
        }
    }

    private mutating func unmapAll(_ first: BlockPointer?) {
        var next = unsafe first
        while let block = unsafe next {
            unsafe next = unsafe block.pointee.next
            bytes -= unsafe block.pointee.capacity + Block.headerBytes
            unsafe Self.unmap(block)
        }
    }

    private func forEachSmallFree(_ body: (BlockPointer) -> Void) {
        var next = unsafe smallFree
        while let block = unsafe next {
            unsafe next = unsafe block.pointee.next
            unsafe body(block)
        }
    }

    /// Index of the mapping that a small block lies in.
    private static func mapping(of block: BlockPointer, _ starts: [UInt]) -> Int {
        var low = 0, high = starts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= UInt(bitPattern: block) { low = middle } else { high = middle }
        }
        return low
    }

    private mutating func map(_ byteCount: Int, _ size: BlockSize) -> BlockPointer? {
        guard let base = unsafe pages(byteCount, within: bytesMax - bytesMax / 8) else { return nil }
        return unsafe Self.header(base, byteCount, size)
    }

    /// An eighth is only for small blocks: bodies that nobody takes must not leave a small answer without memory.
    private mutating func pages(_ byteCount: Int, within bound: Int) -> UnsafeMutableRawPointer? {
        if bytes + byteCount > bound { trim() }
        guard bytes + byteCount <= bound else { return nil }
        let base = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard unsafe base != MAP_FAILED else { return nil }
        bytes += byteCount
        return unsafe base
    }

    private static func header(_ base: UnsafeMutableRawPointer, _ byteCount: Int, _ size: BlockSize) -> BlockPointer {
        let block = unsafe base.bindMemory(to: Block.self, capacity: 1)
        unsafe block.initialize(to: Block(
            next: nil, kind: .memory, size: size, capacity: byteCount - Block.headerBytes, start: 0, end: 0,
            owner: nil, address: nil, descriptor: -1, offset: 0))
        return unsafe block
    }

    private static func unmap(_ block: BlockPointer) {
        _ = unsafe munmap(block, block.pointee.capacity + Block.headerBytes)
    }
}
