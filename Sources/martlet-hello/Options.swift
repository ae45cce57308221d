// The few options of the command line. Parsed here, because a command-line library costs more memory than the server.

import Glibc
import Martlet

/// What is wrong with the command line, in a sentence that names the option and the fix.
struct OptionError: Error {
    let sentence: String
    init(_ sentence: String) { self.sentence = sentence }
}

struct Options {
    var configuration = Configuration()
    var root: FileDirectory?
    var wantsHelp = false

    static let help = """
        martlet-hello [options]: a small HTTP/1.1 server that shows each way to answer.

          --bind ADDRESS            host:port, [v6]:port or unix:PATH; repeatable; port 0 takes any (default 127.0.0.1:8000)
          --cores LIST              processors to run on, such as 0-3,5 (default: all that this process may use)
          --engine ENGINE           auto, uring or epoll (default auto)
          --root DIRECTORY          serve its files under /sendfile?NAME
          --shared-listener         one listening socket for all cores instead of one each
          --no-pin                  do not pin threads to processors
          --limit-connections N     open connections per core (default 16384)
          --limit-requests N        requests on one connection before it is closed (default: no limit)
          --limit-in-flight N       unanswered requests per core; more get 503 (default: no limit)
          --limit-body BYTES        largest request body (default 1073741824)
          --timeout-header SECONDS  for a request's head (default 10)
          --timeout-keep-alive SECONDS  for an idle connection (default 75)
          --timeout-body SECONDS    in which a body must bring its least (default 10)
          --timeout-write SECONDS   in which the client must take some of the answer (default 30)
          --timeout-handler SECONDS for an answer, without what its client delays (default: none)
          --timeout-drain SECONDS   for a drain after SIGTERM (default 30)
          --exit-after N            end after N answered requests (for measuring)
          --help                    this text

        Routes: /  /json  /echo (POST)  /stream  /later  /async  /async-echo (POST)  /bytes?N  /empty  /sendfile?NAME
        """

    init(_ arguments: ArraySlice<String>) throws(OptionError) {
        var addresses: [SocketAddress] = []
        var rest = arguments
        while let argument = rest.popFirst() {
            var name = argument
            var inline: String?
            if let equals = argument.firstIndex(of: "="), argument.hasPrefix("--") {
                name = String(argument[..<equals])
                inline = String(argument[argument.index(after: equals)...])
            }
            if try flag(name, hasValue: inline != nil) { continue }
            guard Self.valued.contains(name) else {
                throw OptionError("unknown option \(name); --help lists the options.")
            }
            guard let value = inline ?? rest.popFirst() else { throw OptionError("\(name) needs a value; --help shows which.") }
            if name == "--bind" { addresses.append(try Self.address(value)) } else { try take(name, value) }
        }
        if !addresses.isEmpty { configuration.addresses = addresses }
    }

    private static let valued: Set<String> = [
        "--bind", "--cores", "--engine", "--root", "--limit-connections", "--limit-requests", "--limit-in-flight", "--limit-body", "--timeout-header",
        "--timeout-keep-alive", "--timeout-body", "--timeout-write", "--timeout-handler", "--timeout-drain", "--exit-after",
    ]

    private mutating func flag(_ name: String, hasValue: Bool) throws(OptionError) -> Bool {
        switch name {
        case "--help", "-h": wantsHelp = true
        case "--shared-listener": configuration.sharesListeners = true
        case "--no-pin": configuration.pinsThreads = false
        default: return false
        }
        if hasValue { throw OptionError("\(name) takes no value.") }
        return true
    }

    private mutating func take(_ name: String, _ value: String) throws(OptionError) {
        switch name {
        case "--cores": try takeCores(value)
        case "--engine":
            guard let engine = EngineChoice(rawValue: value) else {
                throw OptionError("--engine \(value) is not an engine; use auto, uring or epoll.")
            }
            configuration.engine = engine
        case "--root": root = try FileDirectory(value)
        case "--limit-connections": configuration.connectionsMax = try Self.count(name, value)
        case "--limit-requests": configuration.requestsPerConnectionMax = try Self.count(name, value)
        case "--limit-in-flight": configuration.requestsInFlightMax = try Self.count(name, value)
        case "--limit-body": configuration.limits.bodyBytesMax = UInt64(try Self.count(name, value))
        case "--timeout-header": configuration.deadlines.head = try Self.seconds(name, value)
        case "--timeout-keep-alive": configuration.deadlines.keepAlive = try Self.seconds(name, value)
        case "--timeout-body": configuration.deadlines.bodyWindow = try Self.seconds(name, value)
        case "--timeout-write": configuration.deadlines.write = try Self.seconds(name, value)
        case "--timeout-handler": configuration.deadlines.handler = try Self.seconds(name, value)
        case "--timeout-drain": configuration.drainTimeout = try Self.seconds(name, value)
        case "--exit-after": configuration.exitsAfterRequests = UInt64(try Self.count(name, value))
        default: preconditionFailure("every option with a value is taken")
        }
    }

    private mutating func takeCores(_ value: String) throws(OptionError) {
        do throws(CPUListError) {
            configuration.cores = try CPUList(parsing: value).cpus
        } catch {
            throw OptionError("--cores \(value): \(error)")
        }
    }

    private static func address(_ text: String) throws(OptionError) -> SocketAddress {
        guard let address = SocketAddress(parsing: text) else {
            throw OptionError("--bind \(text) is not an address; use host:port, [v6]:port or unix:PATH (at most 107 bytes).")
        }
        return address
    }

    private static func count(_ name: String, _ text: String) throws(OptionError) -> Int {
        guard let count = Int(text), count > 0, count <= 1 << 50 else {
            throw OptionError("\(name) \(text) is not a positive whole number; leave the option out for its default.")
        }
        return count
    }

    private static func seconds(_ name: String, _ text: String) throws(OptionError) -> Double {
        guard let seconds = Double(text), seconds > 0, seconds < 1e9 else {
            throw OptionError("\(name) \(text) is not a positive number of seconds; leave the option out for its default.")
        }
        return seconds
    }
}
