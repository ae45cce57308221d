// Appends to what a connection sends next. Answers are written straight into the block that the kernel will read.
//
// Bounded by the pool: when it has no more, the connection is cut, so that the truncation is visible.

internal import MartletBytes
internal import MartletEngine

extension Core {
    /// A writer over free room of at least `byteCount` bytes (at most a large block) behind what the slot sends next; nil when there is no memory.
    /// What was written counts only after `commit`.
    @inline(__always) // One straight run per request.
    mutating func reserve(_ slot: UInt32, _ row: ConnectionRow, _ byteCount: Int) -> BlockPointer? {
        if let last = unsafe row.pointee.fillingLast.pointer, unsafe last.room >= byteCount { return unsafe last }
        guard let block = unsafe blocks.take(byteCount) ?? makeRoom(slot, byteCount) else {
            cut(slot)
            return nil
        }
        unsafe append(row, block)
        return unsafe block
    }

    @inline(__always) // One straight run per request.
    mutating func writer(_ block: BlockPointer) -> ByteWriter {
        unsafe ByteWriter(block.payload + block.pointee.end, capacity: block.room)
    }

    @inline(__always) // One straight run per request.
    mutating func commit(_ row: ConnectionRow, _ block: BlockPointer, _ byteCount: Int) {
        unsafe block.pointee.end += byteCount
        unsafe row.pointee.outputBytes += byteCount
    }

    @inline(__always) // One straight run per request.
    private mutating func append(_ row: ConnectionRow, _ block: BlockPointer) {
        if let last = unsafe row.pointee.fillingLast.pointer {
            unsafe last.pointee.next = unsafe block
        } else {
            unsafe row.pointee.fillingFirst = unsafe BlockAddress(block)
        }
        unsafe row.pointee.fillingLast = unsafe BlockAddress(block)
    }

    /// Copies bytes behind what the slot sends next, over as many blocks as they need.
    mutating func appendBytes(_ slot: UInt32, _ bytes: UnsafeRawBufferPointer) {
        let row = unsafe connection(slot)
        var rest = unsafe bytes
        while unsafe !rest.isEmpty {
            let last = unsafe row.pointee.fillingLast.pointer
            let room = unsafe last?.room ?? 0
            // A block that is nearly full is not worth a split; the rest of a large body goes into large blocks.
            let wanted = unsafe min(rest.count, BlockPool.largeBytes - Block.headerBytes)
            guard let block = unsafe room >= min(wanted, 512) ? last : reserve(slot, row, wanted) else { return }
            let count = unsafe min(rest.count, block.room)
            unsafe (block.payload + block.pointee.end).copyMemory(from: rest.baseAddress!, byteCount: count)
            unsafe commit(row, block, count)
            unsafe rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    /// Sends somebody else's bytes without a copy; the reference is held until they are out.
    mutating func appendShared(_ slot: UInt32, _ shared: SharedBytes) {
        unsafe appendForeign(slot, UnsafeRawBufferPointer(start: shared.storage.baseAddress, count: shared.count), owner: shared)
    }

    /// The same for bytes that anybody owns.
    mutating func appendForeign(_ slot: UInt32, _ bytes: UnsafeRawBufferPointer, owner: AnyObject) {
        guard bytes.count > 0, let block = unsafe blocks.take(0) else {
            if bytes.count > 0 { cut(slot) }
            return
        }
        unsafe block.pointee.kind = .shared
        unsafe block.pointee.address = bytes.baseAddress
        unsafe block.pointee.end = bytes.count
        unsafe block.pointee.owner = Unmanaged.passRetained(owner)
        unsafe append(connection(slot), block)
        unsafe connection(slot).pointee.outputBytes += bytes.count
    }

    mutating func appendFile(_ slot: UInt32, _ file: SharedFile, offset: Int, count: Int) {
        guard count > 0, let block = unsafe blocks.take(0) else {
            if count > 0 { cut(slot) }
            return
        }
        unsafe block.pointee.kind = .file
        unsafe block.pointee.descriptor = file.descriptor
        unsafe block.pointee.offset = Int64(offset)
        unsafe block.pointee.end = count
        unsafe block.pointee.owner = Unmanaged.passRetained(file as AnyObject)
        unsafe append(connection(slot), block)
        // A file waits on disk, not in our memory: it does not count against the high-water mark.
    }

    /// Ends the connection without the rest of its answer.
    mutating func cut(_ slot: UInt32) {
        guard unsafe !connection(slot).pointee.flags.contains(.wantsAbort) else { return }
        counters.cut += 1
        enqueue(slot, .wantsAbort)
    }
}
