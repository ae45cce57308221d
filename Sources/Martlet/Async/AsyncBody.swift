// A request's body as an async handler reads it, and what of it has come before it was read.
//
// Bounded: above `unreadBytesMax` the socket is no longer read, and TCP slows the client down.

internal import MartletHTTP

/// An exchange that is over, as it shows in the code that reads from it or writes to it.
public struct ExchangeEnded: Error, Hashable, Sendable {
    /// Why it ended. `complete`: the answer is whole, and what is read or written after it has no place.
    public let reason: EndReason
}

/// The pieces of a request's body, in order; read it once, by `for try await` or by ``AsyncIterator/next()``.
///
/// What is not read is not received: a handler that does not ask stops the client. A client that waits for `100 Continue` gets it with the first read.
public struct AsyncBody: AsyncSequence {
    private let standing: StandingTask
    private let exchange: Exchange

    init(_ standing: StandingTask, _ exchange: Exchange) {
        self.standing = standing
        self.exchange = exchange
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(standing, exchange) }

    public struct AsyncIterator: AsyncIteratorProtocol {
        private let standing: StandingTask
        private let exchange: Exchange

        init(_ standing: StandingTask, _ exchange: Exchange) {
            self.standing = standing
            self.exchange = exchange
        }

        /// All that has come since the last call, waiting for something; nil at the body's end.
        ///
        /// - Throws: when the exchange ended before the body did.
        public mutating func next() async throws(ExchangeEnded) -> [UInt8]? { try await standing.nextPiece(of: exchange) }
    }
}

/// What of a body has come and was not read yet.
struct IncomingBody {
    /// Unread bytes above which the socket is no longer read. What the kernel has delivered by then may still come.
    static let unreadBytesMax = 65_536

    private var unread: [UInt8] = []
    /// The request's copy holds the body, and nobody has read it.
    private(set) var liesInStorage: Bool
    /// No more comes.
    private(set) var isWhole: Bool
    var isPaused: Bool

    init(of request: borrowing Request) {
        isWhole = request.isBodyComplete
        liesInStorage = isWhole && request.body.count > 0
        isPaused = !isWhole && request.expectsContinue
    }

    /// True when it is enough for now.
    mutating func append(_ chunk: Span<UInt8>, last: Bool) -> Bool {
        unsafe chunk.withUnsafeBytes { unsafe unread.append(contentsOf: $0) }
        if last { isWhole = true }
        return unread.count >= Self.unreadBytesMax && !isWhole
    }

    mutating func take(_ storage: RequestStorage) -> [UInt8]? {
        if liesInStorage {
            liesInStorage = false
            return storage.wholeBodyCopy
        }
        if unread.isEmpty { return nil }
        var piece: [UInt8] = []
        swap(&piece, &unread)
        return piece
    }
}
