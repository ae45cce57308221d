// What the simulated engine knows of one socket, and what its owner has promised about it.

internal import MartletEngine

final class SimulatedSocket {
    let id: SocketID
    let client: SimulatedClient?
    let address: SocketAddress
    /// From the client, and to it.
    let inbound: SimulatedPipe
    let outbound: SimulatedPipe

    var isConnecting = false
    /// The connect failed, and `closed` is on its way.
    var isRefused = false
    var wantsReceive = false
    /// Until then a receive that was stopped may still deliver.
    var stopsAt: Nanoseconds = 0
    var isPumpPlanned = false
    var isStarved = false
    var send: SimulatedSend?
    var isSendPlanned = false
    var didShutdownSend = false
    var isClosing = false

    init(_ id: SocketID, _ client: SimulatedClient?, _ address: SocketAddress, inbound: SimulatedPipe, outbound: SimulatedPipe) {
        self.id = id
        self.client = client
        self.address = address
        self.inbound = inbound
        self.outbound = outbound
    }
}

/// A send in flight. Its memory is the owner's, and must not change: it is read when the bytes leave, and checked at the end.
@safe final class SimulatedSend {
    private var pieces: [UnsafeRawBufferPointer]
    private let checksum: UInt64
    /// The vector of a gathering send, which a kernel moves along.
    private let vector: UnsafeMutableBufferPointer<IOVector>?
    private let file: (descriptor: Int32, offset: Int64, count: Int)?
    private var memoryTaken = 0
    private var fileTaken = 0
    private let memoryCount: Int
    var isOver = false
    /// Not tried yet, or taken whole: it ends without a completion.
    var isSilent = false

    init(_ pieces: [UnsafeRawBufferPointer], vector: UnsafeMutableBufferPointer<IOVector>? = nil, file: (descriptor: Int32, offset: Int64, count: Int)? = nil) {
        unsafe self.pieces = unsafe pieces
        unsafe self.vector = unsafe vector
        self.file = file
        memoryCount = unsafe pieces.reduce(0) { $0 + $1.count }
        checksum = unsafe Self.checksum(pieces)
    }

    var remaining: Int { memoryCount - memoryTaken + (file?.count ?? 0) - fileTaken }

    /// The next bytes, at most so many; nil when the file is shorter than was promised.
    func take(_ most: Int) -> [UInt8]? {
        var bytes: [UInt8] = []
        var start = 0
        for unsafe piece in unsafe pieces {
            let from = max(memoryTaken - start, 0), count = min(piece.count - from, most - bytes.count)
            if count > 0 {
                unsafe bytes.append(contentsOf: piece[from..<from + count])
                memoryTaken += count
            }
            start += piece.count
        }
        guard let file, bytes.count < most, fileTaken < file.count else { return bytes }
        let wanted = min(most - bytes.count, file.count - fileTaken)
        guard let read = readFile(file.descriptor, file.offset + Int64(fileTaken), wanted), !read.isEmpty else { return nil }
        fileTaken += read.count
        return bytes + read
    }

    var isUnchanged: Bool { unsafe Self.checksum(pieces) == checksum }

    /// The owner was told that the engine may change the vector, so it does.
    func moveVectorAlong() {
        guard let vector = unsafe vector else { return }
        for index in vector.indices {
            unsafe vector[index] = unsafe IOVector(UnsafeRawBufferPointer(rebasing: vector[index].bytes.suffix(0)))
        }
    }

    /// Word by word: FNV-1a's step; wrapping is its definition.
    private static func checksum(_ pieces: [UnsafeRawBufferPointer]) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for unsafe piece in unsafe pieces {
            var index = 0
            while index + 8 <= piece.count {
                hash = unsafe (hash ^ piece.loadUnaligned(fromByteOffset: index, as: UInt64.self)) &* 0x100_0000_01B3
                hash ^= hash >> 32
                index += 8
            }
            while index < piece.count {
                hash = unsafe (hash ^ UInt64(piece[index])) &* 0x100_0000_01B3
                index += 1
            }
        }
        return hash
    }
}
