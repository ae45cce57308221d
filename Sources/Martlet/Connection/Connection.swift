// One connection: a row of the core's table. Trivial on purpose; all zero is a free row.
//
// The request side and the response side move independently and meet when both are done (ConnectionLifecycle.swift).

internal import MartletEngine
internal import MartletHTTP1

/// How far the request has been read.
enum RequestStage: UInt8 {
    /// The row is free.
    case none
    /// Between requests, or inside a head.
    case head
    /// The body is collected, so that the handler gets it whole.
    case collectingBody
    /// The body goes to the handler in pieces.
    case streamingBody
    /// The answer is complete before the body is: the rest is read and dropped, within bounds.
    case discardingBody
    /// Read whole; what comes next is the next request, and waits.
    case complete
    /// The answer is sent and our side is shut: input is dropped until the peer closes, so that no reset destroys the answer.
    case lingering
    /// The engine was told to close.
    case closing
}

/// How far the answer has come.
enum ResponseStage: UInt8 {
    /// No request waits for an answer.
    case none
    /// The handler has the request and no byte of an answer exists.
    case pending
    /// The head is out, the body comes in pieces.
    case streaming
    /// Complete in our buffers.
    case complete
}

struct ConnectionFlags: OptionSet, BitwiseCopyable {
    let rawValue: UInt32
    static let receiving = ConnectionFlags(rawValue: 1 << 0)
    static let inputEnded = ConnectionFlags(rawValue: 1 << 1)
    static let sendInFlight = ConnectionFlags(rawValue: 1 << 2)
    /// After the answer the connection ends.
    static let closes = ConnectionFlags(rawValue: 1 << 3)
    /// Unread input may come: shut our side, drop what arrives, then close.
    static let lingers = ConnectionFlags(rawValue: 1 << 4)
    static let isHead = ConnectionFlags(rawValue: 1 << 5)
    static let isHTTP10 = ConnectionFlags(rawValue: 1 << 6)
    static let requestKeepsAlive = ConnectionFlags(rawValue: 1 << 7)
    /// The client waits for 100 Continue before it sends the body.
    static let expectsContinue = ConnectionFlags(rawValue: 1 << 8)
    /// The answer's body goes out in chunks; in a known length; until the close.
    static let chunkedAnswer = ConnectionFlags(rawValue: 1 << 9)
    static let sizedAnswer = ConnectionFlags(rawValue: 1 << 10)
    /// HEAD, 204, 304: what the handler writes as a body is dropped.
    static let bodylessAnswer = ConnectionFlags(rawValue: 1 << 11)
    /// Somebody holds an `Exchange` and will be told how it ended.
    static let exchangeHeld = ConnectionFlags(rawValue: 1 << 12)
    /// The handler was refused a write and waits for `writable`.
    static let wantsWritable = ConnectionFlags(rawValue: 1 << 13)
    /// The handler asked not to be given more of the body.
    static let readingPaused = ConnectionFlags(rawValue: 1 << 14)
    static let chunkedRequest = ConnectionFlags(rawValue: 1 << 15)
    /// Stands in the core's queue of slots to look at.
    static let queued = ConnectionFlags(rawValue: 1 << 16)
    static let wantsFlush = ConnectionFlags(rawValue: 1 << 17)
    static let wantsInput = ConnectionFlags(rawValue: 1 << 18)
    static let wantsEnded = ConnectionFlags(rawValue: 1 << 19)
    static let wantsAbort = ConnectionFlags(rawValue: 1 << 20)
    static let announcesWritable = ConnectionFlags(rawValue: 1 << 21)
    /// This send was in flight already when the body's rate was looked at last.
    static let sendSeen = ConnectionFlags(rawValue: 1 << 22)
    /// Counts among the requests in flight.
    static let counted = ConnectionFlags(rawValue: 1 << 23)
    /// The present deadline is that of the head, of the body; the handler's time has begun.
    static let headTimed = ConnectionFlags(rawValue: 1 << 24)
    static let bodyTimed = ConnectionFlags(rawValue: 1 << 25)
    static let handlerTimed = ConnectionFlags(rawValue: 1 << 26)
    static var timed: ConnectionFlags { [.headTimed, .bodyTimed, .handlerTimed] }
    /// The handler waits for the client, and its time stands still.
    static let handlerHeld = ConnectionFlags(rawValue: 1 << 27)
    /// The present deadline is that of the send in flight.
    static let sendTimed = ConnectionFlags(rawValue: 1 << 28)
}

struct Connection: BitwiseCopyable {
    var socket: SocketID
    var flags: ConnectionFlags
    /// Counts the requests of this row, over all its connections; tells a late answer from the present request's.
    var serial: UInt32
    var requestStage: RequestStage
    var responseStage: ResponseStage
    var endReason: EndReason
    var listener: UInt8
    var requestsAnswered: UInt32
    /// When the peer must have done something, by what the stages say it is.
    var deadline: Nanoseconds
    /// When the handler must have completed its answer; while it is held back by the client: how long it has left.
    var handlerTime: Nanoseconds
    /// Input that waits: a head that is not whole, or requests behind one that is not answered.
    var unparsed: BlockAddress
    /// Head and body of a request whose body is collected.
    var assembly: BlockAddress
    /// Output: what the kernel has, and what goes next.
    var inFlight: BlockAddress
    var fillingFirst: BlockAddress
    var fillingLast: BlockAddress
    /// Bytes in both chains.
    var outputBytes: Int
    /// What is left of a request body of known length.
    var bodyRemaining: UInt64
    /// Most bytes that a collected body may have.
    var bodyBytesMax: UInt64
    /// Body bytes that arrived in the present rate window.
    var bodyBytesInWindow: UInt32
    var chunked: ChunkedDecoder
    /// What is left of an answer of known length.
    var answerRemaining: UInt64

    /// A body that the answer did not wait for is read to its end only when that is cheap and sure; else the connection ends.
    var canReuseAfterEarlyAnswer: Bool {
        switch requestStage {
        case .streamingBody, .discardingBody:
            flags.isDisjoint(with: [.expectsContinue, .chunkedRequest]) && bodyRemaining <= CoreSettings.discardBytesMax
        case .none, .head, .collectingBody, .complete, .lingering, .closing:
            true
        }
    }

    /// Bytes of input that wait.
    var keptBytes: Int { unsafe unparsed.pointer.map { unsafe $0.pointee.end - $0.pointee.start } ?? 0 }
}

/// A block's address in a trivial row; 0 is none.
@safe struct BlockAddress: BitwiseCopyable {
    private var bits: UInt
    static let none = BlockAddress(bits: 0)
    private init(bits: UInt) { self.bits = bits }
    init(_ pointer: BlockPointer?) { bits = UInt(bitPattern: pointer) }
    var pointer: BlockPointer? { unsafe BlockPointer(bitPattern: bits) }
    var isNone: Bool { bits == 0 }
}
