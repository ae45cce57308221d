// When memory is out: a connection that does not take what it asked for makes room for one that holds nothing.

internal import MartletEngine

extension Core {
    /// A block for the first output of a connection, from the input that another keeps behind answers it does not read. That one is cut: of all that could
    /// be refused it is the one that would not notice for longest. Nil when nobody is like that, or when the connection has its share already.
    mutating func makeRoom(_ slot: UInt32, _ byteCount: Int) -> BlockPointer? {
        guard unsafe connection(slot).pointee.outputBytes == 0 else { return nil }
        for candidate in 0..<UInt32(connections.capacity) where candidate != slot && isStalled(candidate) {
            let row = unsafe connection(candidate)
            unsafe blocks.giveBack(chain: row.pointee.unparsed.pointer)
            unsafe row.pointee.unparsed = .none
            // What arrives before it is closed would no longer begin with a head.
            unsafe row.pointee.requestStage = .lingering
            cut(candidate)
            if let block = unsafe blocks.take(byteCount) { return unsafe block }
        }
        return nil
    }

    private mutating func isStalled(_ slot: UInt32) -> Bool {
        let row = unsafe connection(slot)
        return unsafe row.pointee.requestStage == .head && !row.pointee.unparsed.isNone && row.pointee.flags.contains(.sendInFlight)
    }
}
