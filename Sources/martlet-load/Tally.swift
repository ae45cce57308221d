// What is counted beside latency.

import MartletEngine
import MartletHTTP1

/// Ways in which a request, or a connection, can fail.
enum Failure: Int, CaseIterable {
    case connect, reset, closedEarly, timeout, protocolFault, wrongLength, unsent

    var name: String {
        switch self {
        case .connect: "connect"
        case .reset: "reset"
        case .closedEarly: "closed_early"
        case .timeout: "timeout"
        case .protocolFault: "protocol"
        case .wrongLength: "wrong_length"
        case .unsent: "unsent"
        }
    }

    var explanation: String {
        switch self {
        case .connect: "connections that could not be opened"
        case .reset: "requests lost to a reset of their connection"
        case .closedEarly: "requests whose connection closed before their answer"
        case .timeout: "requests that got no answer in time"
        case .protocolFault: "requests lost to a fault in an answer"
        case .wrongLength: "answers whose body has not the expected size"
        case .unsent: "requests that could not be sent in time"
        }
    }
}

struct Tally: ~Copyable {
    /// By status code, of all answers.
    private let statuses: Table<UInt64>
    private var failures = InlineArray<7, UInt64>(repeating: 0)
    /// Answers to requests that count, and to those of the warm-up.
    var answered: UInt64 = 0
    var warmupAnswered: UInt64 = 0
    /// Requests sent again because the server had said that it would not answer more on their connection.
    var resent: UInt64 = 0
    var connectionsOpened: UInt64 = 0
    /// Since the measurement's start.
    var bytesReceived: UInt64 = 0
    var bytesSent: UInt64 = 0
    /// The first reason of its kind, to name in the report.
    var connectError: SystemError?
    var responseFault: ResponseFault?

    enum ResponseFault {
        case codec(ResponseError)
        /// Bytes where no answer was awaited.
        case unsolicited
    }

    init() throws(SystemError) { statuses = try Table(count: 1000) }

    mutating func count(_ failure: Failure, _ number: UInt64 = 1) { failures[failure.rawValue] += number }
    mutating func count(status code: UInt16) { statuses[UInt32(code)] += 1 }

    subscript(failure: Failure) -> UInt64 { failures[failure.rawValue] }

    /// Codes that came, and how often.
    var statusCounts: [(code: Int, count: UInt64)] {
        (0..<1000).compactMap { statuses[UInt32($0)] == 0 ? nil : ($0, statuses[UInt32($0)]) }
    }

    var errorStatusCount: UInt64 { statusCounts.reduce(0) { $1.code >= 400 ? $0 + $1.count : $0 } }
    var failureCount: UInt64 { Failure.allCases.reduce(0) { $0 + self[$1] } }
}
