// Pieces of memory for bytes that outlive a turn: output that waits to be sent, input that waits for more.
//
// A block is a header with its payload behind it, in memory that never moves. It belongs to exactly one chain or pool.

internal import MartletEngine

/// What a block of an output chain stands for.
enum BlockKind: UInt8 {
    /// The payload's bytes.
    case memory
    /// Bytes of somebody else's, kept alive by a reference.
    case shared
    /// A part of an open file.
    case file
}

/// How a block's memory was made, and so where it goes back to.
enum BlockSize: UInt8 {
    case small, large, huge
}

@unsafe struct Block {
    var next: UnsafeMutablePointer<Block>?
    var kind: BlockKind
    let size: BlockSize
    /// Payload bytes.
    let capacity: Int
    /// The payload's bytes that count are [start, end).
    var start: Int
    var end: Int
    /// Keeps the bytes of a shared block alive, or the descriptor of a file open.
    var owner: Unmanaged<AnyObject>?
    /// A shared block's bytes.
    var address: UnsafeRawPointer?
    /// A file's descriptor, and where in it the next byte is; `end - start` is what is left of it.
    var descriptor: Int32
    var offset: Int64

    static var headerBytes: Int { unsafe (MemoryLayout<Block>.stride + 15) & ~15 }
}

typealias BlockPointer = UnsafeMutablePointer<Block>

extension UnsafeMutablePointer where Pointee == Block {
    /// The first byte of the payload.
    var payload: UnsafeMutableRawPointer { unsafe UnsafeMutableRawPointer(self) + Block.headerBytes }

    /// What a memory or shared block has to send.
    @inline(__always) // A few loads.
    var bytes: UnsafeRawBufferPointer {
        let base = unsafe pointee.kind == .shared ? pointee.address! : UnsafeRawPointer(payload)
        return unsafe UnsafeRawBufferPointer(start: base + pointee.start, count: pointee.end - pointee.start)
    }

    var room: Int { unsafe pointee.kind == .memory ? pointee.capacity - pointee.end : 0 }
}
