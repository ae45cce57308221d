// The figures for programs: one JSON object. Times are in microseconds, rates per second.

import MartletEngine

extension Report {
    static func json(_ result: borrowing LoadResult) -> String {
        let plan = result.plan
        var members = [
            ("engine", quoted(result.engine)), ("target", quoted("\(plan.target.address)")), ("path", quoted(plan.target.path)),
            ("connections", "\(plan.connections)"), ("depth", "\(plan.depth)"),
        ]
        if case .open(let interval) = plan.schedule.pace { members.append(("rate_wanted", fixed(1e9 / interval, 3))) }
        members += [
            ("answers", "\(result.tally.answered)"), ("warmup_answers", "\(result.tally.warmupAnswered)"), ("resent", "\(result.tally.resent)"),
            ("connections_opened", "\(result.tally.connectionsOpened)"), ("seconds", fixed(result.seconds, 6)),
            ("requests_per_second", fixed(result.perSecond(result.tally.answered), 3)),
            ("bytes_received", "\(result.tally.bytesReceived)"), ("bytes_sent", "\(result.tally.bytesSent)"),
            ("bytes_received_per_second", fixed(result.perSecond(result.tally.bytesReceived), 1)),
            ("bytes_sent_per_second", fixed(result.perSecond(result.tally.bytesSent), 1)),
            ("latency", latencyObject(result.latency)),
        ]
        if let sinceSent = result.latencySinceSent { members.append(("latency_since_sent", latencyObject(sinceSent))) }
        members.append(("statuses", object(result.tally.statusCounts.map { ("\($0.code)", "\($0.count)") })))
        members.append(("errors", object(Failure.allCases.map { ($0.name, "\(result.tally[$0])") } + [("status", "\(result.tally.errorStatusCount)")])))
        members.append(("error_count", "\(result.errorCount)"))
        if let error = result.tally.connectError { members.append(("connect_error", quoted(error.message))) }
        if let fault = result.tally.responseFault { members.append(("first_fault", quoted(explanation(fault)))) }
        members.append(("generator_busy", result.generatorBusy.map { fixed($0, 4) } ?? "null"))
        return object(members) + "\n"
    }

    private static func latencyObject(_ latency: LoadResult.Latency) -> String {
        object(latency.rows.map { ($0.name, fixed($0.value / 1e3, 3)) })
    }

    private static func object(_ members: [(String, String)]) -> String {
        "{" + members.map { "\(quoted($0)): \($1)" }.joined(separator: ", ") + "}"
    }

    static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
