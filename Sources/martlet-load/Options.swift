// What the command line asks for. Parsed in OptionParser.

import Martlet

/// What is wrong with the command line, in a sentence that names the option and the fix.
struct OptionError: Error, Equatable {
    let sentence: String
    init(_ sentence: String) { self.sentence = sentence }
}

struct Options {
    var url = ""
    var unixPath: String?
    var connections = 64
    /// Requests on the way on one connection.
    var depth = 1
    var seconds: Double?
    var requests: UInt64?
    /// Requests per second in all; nil: closed loop.
    var rate: Double?
    var requestsPerConnection: UInt64?
    var method: String?
    var bodyBytes: Int?
    var bodyFile: String?
    var isChunked = false
    var fields: [String] = []
    /// Bytes that the body of every answer must have.
    var expectedBodyBytes: UInt64?
    var engine = EngineChoice.auto
    var core: Int?
    var timeoutSeconds = 5.0
    var warmupSeconds = 0.0
    var isJSON = false
    var allowsRemote = false
    var wantsHelp = false

    static let secondsDefault = 10.0
    static let connectionsMax = 1_000_000
    static let depthMax = 1_024
    static let bodyBytesMax = 1 << 28
    static let rateMax = 10_000_000.0
    static let secondsMax = 86_400.0

    static let help = """
        martlet-load [options] URL: loads an HTTP/1.1 server from one thread and says how it did.

        URL is http://host:port/path (an address or localhost) or unix:PATH.

          -c, --connections N       connections (default 64)
          -p, --pipeline N          requests on the way on each connection (default 1)
          -d, --duration SECONDS    how long to send (default 10)
          -n, --requests N          send exactly so many requests instead
          --rate R                  open loop: R requests per second in all, each due at its time whether or not
                                    answers came; latency counts from that time. Without it, closed loop: each
                                    answer makes room for the next request, and a stall of the server hides itself
          --warmup SECONDS          send, but do not measure yet (default 0)
          --requests-per-connection N  then reconnect; the last request says Connection: close
          --method METHOD           default GET, or POST with a body
          --path PATH               path and query for unix: targets (default /)
          --header 'NAME: VALUE'    a further field; repeatable
          --body-bytes N            a body of N letters
          --body FILE               a body from a file
          --chunked                 send the body in chunks of 16 KiB
          --expect-body-bytes N     count answers whose body has another size as errors
          --timeout SECONDS         for an answer, for a connection, and for what is left at the end (default 5)
          --engine ENGINE           auto, uring or epoll (default auto)
          --core N                  run on this processor only
          --json                    print one JSON object instead of a table
          --remote                  permit targets that are not on this machine
          --help                    this text

        Status: 0 when every answer came and was below 400, 1 when not, 2 for a wrong option.
        """
}
