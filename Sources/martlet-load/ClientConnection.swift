// One connection of the load: where it stands, and how far its answers have been read.

import MartletEngine
import MartletHTTP1

/// A row of the connection table.
struct ClientConnection: BitwiseCopyable {
    enum Phase: UInt8 {
        /// No socket; the next tick opens one.
        case waiting
        case connecting
        case open
        /// The last answer came; the server closes, so that the port's rest (TIME_WAIT) is on its side.
        case ending
        /// Closed here, and not yet by the engine.
        case closing
    }

    var phase = Phase.waiting
    var isSending = false
    /// Stands in the queue of those that can take a request.
    var isQueued = false
    var socket = SocketID(packed: 0)
    /// When it entered its phase.
    var since: Nanoseconds = 0
    /// Requests sent on this socket.
    var sent: UInt64 = 0
    /// Requests without an answer, and where the first of them stands in the ring of times.
    var outstanding: UInt32 = 0
    var firstTime: UInt32 = 0
    /// Bytes of a response head that is not whole, in the carry memory.
    var carried: UInt32 = 0
    var reader = ResponseReader()
}

/// When a request was due and when it was sent; the same in a closed loop.
struct RequestTimes: BitwiseCopyable {
    var due: Nanoseconds
    var sent: Nanoseconds
}

/// Connections that can take a request, first in, first out. Each stands in it at most once; the row's flag says so.
struct ConnectionQueue: ~Copyable {
    private let places: Table<UInt32>
    private var first: UInt32 = 0
    private(set) var count: UInt32 = 0

    init(capacity: Int) throws(SystemError) { places = try Table(count: capacity) }

    mutating func append(_ index: UInt32) {
        let capacity = UInt32(places.count)
        precondition(count < capacity, "a connection stands in the queue once")
        let place = first + count
        places[place < capacity ? place : place - capacity] = index
        count += 1
    }

    mutating func popFirst() -> UInt32? {
        guard count > 0 else { return nil }
        let index = places[first]
        first = first + 1 == UInt32(places.count) ? 0 : first + 1
        count -= 1
        return index
    }
}
