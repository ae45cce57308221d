// The figures for people.

import MartletEngine
import MartletHTTP1

enum Report {
    static func text(_ result: borrowing LoadResult) -> String {
        let plan = result.plan
        var lines = ["\(loop(plan)), \(plan.connections) connections, depth \(plan.depth), \(result.engine)"]
        lines.append("requests/s   \(fixed(result.perSecond(result.tally.answered), 1))   (\(result.tally.answered) answers in \(fixed(result.seconds, 3)) s)")
        let received = result.perSecond(result.tally.bytesReceived) / 1e6, sent = result.perSecond(result.tally.bytesSent) / 1e6
        lines.append("MB/s         \(fixed(received, 2)) received, \(fixed(sent, 2)) sent")
        lines += latency(result)
        lines.append("answers      " + result.tally.statusCounts.map { "\($0.code): \($0.count)" }.joined(separator: ", "))
        if result.tally.resent > 0 { lines.append("resent       \(result.tally.resent) requests behind an answer that ended its connection") }
        lines += errors(result.tally)
        if let busy = result.generatorBusy {
            lines.append("generator    busy \(fixed(busy * 100, 0)) % of its core")
            if busy >= LoadResult.generatorBusyMax {
                lines.append("warning: the generator has no time left, so that the figures are its own and not the server's; use --rate, or fewer connections")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func loop(_ plan: LoadPlan) -> String {
        switch plan.schedule.pace {
        case .closed: "closed loop"
        case .open(let interval): "open loop at \(fixed(1e9 / interval, 1)) requests/s"
        }
    }

    private static func latency(_ result: borrowing LoadResult) -> [String] {
        guard let sinceSent = result.latencySinceSent else {
            return ["latency"] + result.latency.rows.map { "  \(padded($0.name, 10)) \(duration($0.value))" }
        }
        let rows = zip(result.latency.rows, sinceSent.rows).map { due, sent in
            "  \(padded(due.name, 10)) \(padded(duration(due.value), 12)) \(duration(sent.value))"
        }
        return ["latency      \(padded("since due", 12)) since sent"] + rows
    }

    private static func errors(_ tally: borrowing Tally) -> [String] {
        var lines: [String] = []
        for failure in Failure.allCases where tally[failure] > 0 {
            var line = "error        \(tally[failure]) \(failure.explanation)"
            if failure == .connect, let error = tally.connectError { line += " (\(error.message))" }
            if failure == .protocolFault, let fault = tally.responseFault { line += " (first: \(explanation(fault)))" }
            lines.append(line)
        }
        if tally.errorStatusCount > 0 { lines.append("error        \(tally.errorStatusCount) answers with a status of 400 or above") }
        return lines
    }

    static func explanation(_ fault: Tally.ResponseFault) -> String {
        switch fault {
        case .codec(let error): "\(error.explanation)"
        case .unsolicited: "Bytes came where no answer was awaited."
        }
    }

    // MARK: Numbers

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private static func duration(_ nanoseconds: Double) -> String {
        switch nanoseconds {
        case ..<1e6: "\(fixed(nanoseconds / 1e3, 1)) µs"
        case ..<1e9: "\(fixed(nanoseconds / 1e6, 2)) ms"
        default: "\(fixed(nanoseconds / 1e9, 3)) s"
        }
    }

    /// A number that is not negative, with so many decimals.
    static func fixed(_ value: Double, _ decimals: Int) -> String {
        var scale: UInt64 = 1
        for _ in 0..<decimals { scale *= 10 }
        let scaled = UInt64((value * Double(scale)).rounded())
        guard decimals > 0 else { return "\(scaled)" }
        let part = String(scaled % scale)
        return "\(scaled / scale)." + String(repeating: "0", count: decimals - part.count) + part
    }
}
