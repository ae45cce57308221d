// The bytes that one client sends: requests of all kinds behind each other, sometimes with a fault at the end.

import MartletSimulation

struct RequestStream {
    private(set) var bytes: [UInt8] = []
    /// The status of each answer that the requests without fault must get.
    private(set) var statuses: [Int] = []
    /// Behind it lies something faulty, which may get one answer more.
    private(set) var endsInFault = false
    /// The last request ends the connection.
    private var isOver = false
    /// Also routes of async handlers; without them, so that the seeds that ever failed still mean the same.
    private let hasAsync: Bool

    init(_ random: inout SimulatedRandom, faulty: [[UInt8]], requestsMax: Int = 20, hasAsync: Bool = false) {
        self.hasAsync = hasAsync
        let count = random.chance(300) ? random.pick(1...requestsMax) : random.pick(1...4)
        for _ in 0..<count where !isOver { append(&random) }
        guard !isOver, random.chance(400), !faulty.isEmpty else { return }
        endsInFault = true
        if random.chance(200) {
            // Not of an async handler: how much it answers to half a request depends on what has come when it is called.
            var other = RequestStream(&random, faulty: [], requestsMax: 1).bytes
            other.removeLast(random.pick(1...other.count))
            bytes += other
        } else {
            bytes += faulty[random.pick(0...faulty.count - 1)]
        }
    }

    private mutating func append(_ random: inout SimulatedRandom) {
        if random.chance(450) { appendWithBody(&random) } else { appendWithoutBody(&random) }
    }

    private mutating func appendWithoutBody(_ random: inout SimulatedRandom) {
        let routes = ["whole", "json", "stream", "sized", "trickle", "shared", "file", "later", "ticket", "dropped", "forgets", "empty", "unmodified", "none"]
            + (hasAsync ? ["async-whole", "async-stream", "async-forgets"] : [])
        let route = routes[random.pick(0...routes.count - 1)]
        let isHead = random.chance(150), isOld = random.chance(120)
        var fields = "Host: a\r\n"
        let streams = ["stream", "trickle", "async-stream"].contains(route)
        if isOld {
            if random.chance(600), !streams { fields += "Connection: keep-alive\r\n" } else { isOver = true }
        } else if random.chance(60) {
            fields += "Connection: close\r\n"
            isOver = true
        }
        let number = route == "file" ? random.pick(30_000...39_999) : Self.size(&random)
        bytes += Array("\(isHead ? "HEAD" : "GET") /\(route)/\(number) HTTP/1.\(isOld ? 0 : 1)\r\n\(fields)\r\n".utf8)
        statuses.append(Self.status(route))
    }

    private mutating func appendWithBody(_ random: inout SimulatedRandom) {
        let routes = ["collect", "echo", "tally", "later", "early", "small", "ticket", "whole", "forgets"]
            + (hasAsync ? ["async-echo", "async-sum", "async-whole"] : [])
        let route = routes[random.pick(0...routes.count - 1)]
        let count = Self.size(&random)
        let body = (0..<count).map(Self.letter)
        let isChunked = random.chance(450)
        let isOld = !isChunked && random.chance(80)
        let expects = random.chance(150)
        var fields = "Host: a\r\n" + (isChunked ? "Transfer-Encoding: chunked\r\n" : "Content-Length: \(count)\r\n")
        if expects { fields += "Expect: 100-continue\r\n" }
        if isOld { fields += "Connection: keep-alive\r\n" }
        let isTooLarge = route == "small" && count > 100
        // An answer that comes before the body's end ends the connection, unless the rest is short and sure to come.
        if isTooLarge || (route == "early" && (isChunked || (expects && count > 0))) { isOver = true }
        if !isOver, random.chance(60) {
            fields += "Connection: close\r\n"
            isOver = true
        }
        bytes += Array("POST /\(route)/\(random.pick(0...900)) HTTP/1.\(isOld ? 0 : 1)\r\n\(fields)\r\n".utf8)
        bytes += isChunked ? Self.chunked(body, &random) : body
        statuses.append(isTooLarge ? 413 : Self.status(route))
    }

    private static func letter(_ index: Int) -> UInt8 {
        let mixed: Int = (index &* 11) ^ (index >> 3)
        return 0x41 + UInt8(mixed % 23)
    }

    private static func status(_ route: String) -> Int {
        switch route {
        case "dropped", "forgets", "async-forgets": 500
        case "empty": 204
        case "unmodified": 304
        case "none": 404
        case "early": 403
        default: 200
        }
    }

    private static func size(_ random: inout SimulatedRandom) -> Int {
        switch random.pick(0...9) {
        case 0: 0
        case 1...5: random.pick(1...150)
        case 6...8: random.pick(1...3000)
        default: random.pick(1...9999)
        }
    }

    private static func chunked(_ body: [UInt8], _ random: inout SimulatedRandom) -> [UInt8] {
        var bytes: [UInt8] = [], position = 0
        while position < body.count {
            let count = random.pick(1...min(body.count - position, random.chance(300) ? 10 : 4000))
            bytes += Array((String(count, radix: 16) + (random.chance(200) ? ";name=value" : "") + "\r\n").utf8)
            bytes += body[position..<position + count]
            bytes += [13, 10]
            position += count
        }
        return bytes + Array((random.chance(200) ? "0\r\nTrailer: yes\r\n\r\n" : "0\r\n\r\n").utf8)
    }
}

/// What a client received, without what the server may leave out.
enum Received {
    static let interim = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    /// Without interim answers: whether one is sent depends on what has arrived (RFC 9110 §10.1.1 permits it).
    static func final(_ bytes: [UInt8]) -> [UInt8] {
        without(interim, bytes)
    }

    static func without(_ needle: [UInt8], _ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var position = 0, start = 0
        while position < bytes.count {
            if bytes[position] == needle[0], bytes[position...].starts(with: needle) {
                result += bytes[start..<position]
                position += needle.count
                start = position
            } else {
                position += 1
            }
        }
        return result + bytes[start...]
    }

    /// Whether the bytes are the beginning of the expected ones; they may end inside an interim answer.
    static func isBeginning(_ bytes: [UInt8], of expected: [UInt8]) -> Bool {
        let bytes = final(bytes)
        if expected.starts(with: bytes) { return true }
        for count in stride(from: min(interim.count - 1, bytes.count), to: 0, by: -1)
        where bytes.suffix(count).elementsEqual(interim.prefix(count)) && expected.starts(with: bytes.dropLast(count)) { return true }
        return false
    }

    /// Where answers begin. No body of these tests has the bytes of a status line's beginning.
    static func starts(_ bytes: [UInt8]) -> [Int] {
        let line = Array("HTTP/1.1 ".utf8)
        return bytes.indices.filter { bytes[$0] == line[0] && bytes[$0...].starts(with: line) }
    }

    static func statuses(_ bytes: [UInt8]) -> [Int] {
        starts(bytes).map { Int(String(decoding: bytes[($0 + 9)...].prefix(3), as: UTF8.self)) ?? 0 }
    }
}
