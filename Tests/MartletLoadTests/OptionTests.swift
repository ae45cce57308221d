import Martlet
import MartletEngine
import Testing

@testable import martlet_load

@Suite struct OptionTests {
    private func refusal(_ arguments: String...) -> String? {
        do throws(OptionError) {
            _ = try Options(arguments[...])
            return nil
        } catch {
            return error.sentence
        }
    }

    @Test func readsShortAndLongForms() throws {
        let options = try Options(["-c", "3", "--pipeline=4", "-n", "5", "--rate", "1e3", "--json", "http://localhost/"])
        #expect(options.connections == 3)
        #expect(options.depth == 4)
        #expect(options.requests == 5)
        #expect(options.rate == 1000)
        #expect(options.isJSON)
        #expect(options.url == "http://localhost/")
    }

    @Test func namesTheOptionAndTheFix() {
        #expect(refusal() == "a URL is missing; write http://127.0.0.1:8000/ or unix:PATH.")
        #expect(refusal("-c", "0", "x")?.hasPrefix("--connections 0 is not possible; give a whole number from 1") == true)
        #expect(refusal("-n", "1", "-d", "1", "x") == "--requests and --duration exclude each other; give one of them.")
        #expect(refusal("--chunked", "x") == "--chunked needs a body; add --body-bytes N or --body FILE.")
        #expect(refusal("--rate", "nan", "x")?.hasPrefix("--rate nan is not possible") == true)
        #expect(refusal("--no-such", "x") == "unknown option --no-such; --help lists the options.")
        #expect(refusal("x", "--rate") == "--rate needs a value; --help shows which.")
    }

    @Test func readsTargets() throws {
        let plain = try Target(parsing: "http://127.0.0.1:8000/a?b=c", unixPath: nil)
        #expect(plain.address == .ipv4(0x7F00_0001, port: 8000))
        #expect(plain.authority == "127.0.0.1:8000")
        #expect(plain.path == "/a?b=c")
        let bare = try Target(parsing: "http://[::1]", unixPath: nil)
        #expect(bare.address.port == 80)
        #expect(bare.path == "/")
        #expect(bare.isLoopback)
        let query = try Target(parsing: "http://localhost?q", unixPath: nil)
        #expect(query.path == "/?q")
        let unix = try Target(parsing: "unix:/run/a", unixPath: "/p")
        #expect(unix.address == .unix("/run/a"))
        #expect(unix.path == "/p")
        let remote = try Target(parsing: "http://192.0.2.1:1/", unixPath: nil)
        #expect(!remote.isLoopback)
    }

    @Test(arguments: [
        "https://127.0.0.1/", "127.0.0.1:80", "http://", "http://:80/", "http://name.example/", "http://127.0.0.1:x/", "unix:",
        "http://127.0.0.1/a b", "http://127.0.0.1/#a",
    ])
    func refusesTargets(_ url: String) {
        #expect(throws: OptionError.self) { try Target(parsing: url, unixPath: nil) }
    }

    @Test func writesRequestsInOneRun() throws {
        var options = try Options(["-p", "3", "--header", "A: b", "--body-bytes", "3", "--chunked", "http://localhost:1/x"])
        let requests = try RequestBytes(options, Target(parsing: options.url, unixPath: nil))
        let head = "POST /x HTTP/1.1\r\nHost: localhost:1\r\nA: b\r\nTransfer-Encoding: chunked\r\n"
        let body = "3\r\nmmm\r\n0\r\n\r\n"
        let two = unsafe String(decoding: requests.batch(2, closing: true), as: UTF8.self)
        #expect(two == head + "\r\n" + body + head + "Connection: close\r\n\r\n" + body)
        let three = unsafe String(decoding: requests.batch(3, closing: false), as: UTF8.self)
        #expect(three == String(repeating: head + "\r\n" + body, count: 3))
        options.fields = ["Content-Length: 5"]
        #expect(throws: OptionError.self) { _ = try RequestBytes(options, Target(parsing: options.url, unixPath: nil)).isHead }
    }
}
