// From the arguments to the options. Each refusal is one sentence that names the option and the fix.

import Martlet

extension Options {
    init(_ arguments: ArraySlice<String>) throws(OptionError) {
        var rest = arguments
        var urls: [String] = []
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("-") else {
                urls.append(argument)
                continue
            }
            var name = Self.longNames[argument] ?? argument
            var inline: String?
            if argument.hasPrefix("--"), let equals = argument.firstIndex(of: "=") {
                name = String(argument[..<equals])
                inline = String(argument[argument.index(after: equals)...])
            }
            if takeFlag(name) {
                if inline != nil { throw OptionError("\(name) takes no value.") }
                continue
            }
            guard Self.valued.contains(name) else { throw OptionError("unknown option \(argument); --help lists the options.") }
            guard let value = inline ?? rest.popFirst() else { throw OptionError("\(argument) needs a value; --help shows which.") }
            try take(name, value)
        }
        if wantsHelp { return }
        guard let url = urls.first else { throw OptionError("a URL is missing; write http://127.0.0.1:8000/ or unix:PATH.") }
        guard urls.count == 1 else { throw OptionError("\(urls[1]) is one URL too many; one server is loaded at a time.") }
        self.url = url
        try checkCombinations()
    }

    private static let longNames = ["-c": "--connections", "-p": "--pipeline", "-d": "--duration", "-n": "--requests", "-h": "--help"]

    private static let valued: Set<String> = [
        "--connections", "--pipeline", "--duration", "--requests", "--rate", "--warmup", "--requests-per-connection", "--method", "--path", "--header",
        "--body-bytes", "--body", "--expect-body-bytes", "--timeout", "--engine", "--core",
    ]

    private mutating func takeFlag(_ name: String) -> Bool {
        switch name {
        case "--help": wantsHelp = true
        case "--chunked": isChunked = true
        case "--json": isJSON = true
        case "--remote": allowsRemote = true
        default: return false
        }
        return true
    }

    private mutating func take(_ name: String, _ value: String) throws(OptionError) {
        switch name {
        case "--connections": connections = try Self.count(name, value, 1...Self.connectionsMax)
        case "--pipeline": depth = try Self.count(name, value, 1...Self.depthMax)
        case "--duration": seconds = try Self.seconds(name, value)
        case "--requests": requests = UInt64(try Self.count(name, value, 1...1 << 40))
        case "--rate": rate = try Self.number(name, value, to: Self.rateMax, "requests per second")
        case "--warmup": warmupSeconds = value == "0" ? 0 : try Self.seconds(name, value)
        case "--requests-per-connection": requestsPerConnection = UInt64(try Self.count(name, value, 1...1 << 40))
        case "--method": method = value
        case "--path": unixPath = value
        case "--header": fields.append(value)
        case "--body-bytes": bodyBytes = try Self.count(name, value, 0...Self.bodyBytesMax)
        case "--body": bodyFile = value
        case "--expect-body-bytes": expectedBodyBytes = UInt64(try Self.count(name, value, 0...1 << 40))
        case "--timeout": timeoutSeconds = try Self.seconds(name, value)
        case "--core": core = try Self.count(name, value, 0...CPUList.cpuNumberMax)
        case "--engine":
            guard let choice = EngineChoice(rawValue: value) else {
                throw OptionError("--engine \(value) is not an engine; use auto, uring or epoll.")
            }
            engine = choice
        default: preconditionFailure("every option with a value is taken")
        }
    }

    private func checkCombinations() throws(OptionError) {
        if requests != nil, seconds != nil { throw OptionError("--requests and --duration exclude each other; give one of them.") }
        if bodyBytes != nil, bodyFile != nil { throw OptionError("--body and --body-bytes exclude each other; give one of them.") }
        if isChunked, bodyBytes == nil, bodyFile == nil { throw OptionError("--chunked needs a body; add --body-bytes N or --body FILE.") }
    }

    private static func count(_ name: String, _ text: String, _ range: ClosedRange<Int>) throws(OptionError) -> Int {
        guard let count = Int(text), range.contains(count) else {
            throw OptionError("\(name) \(text) is not possible; give a whole number from \(range.lowerBound) to \(range.upperBound).")
        }
        return count
    }

    private static func seconds(_ name: String, _ text: String) throws(OptionError) -> Double {
        try number(name, text, to: secondsMax, "seconds")
    }

    private static func number(_ name: String, _ text: String, to most: Double, _ unit: String) throws(OptionError) -> Double {
        guard let number = Double(text), number > 0, number <= most else {
            throw OptionError("\(name) \(text) is not possible; give a positive number of \(unit), at most \(Int(most)).")
        }
        return number
    }
}
