// The peer's side of the native scenarios: the same three answers that martlet-hello gives.
// Usage: hummingbird-hello PORT
import Glibc
import Hummingbird
import Logging
import NIOPosix

@main
struct HummingbirdHello {
    static func main() async throws {
        guard CommandLine.arguments.count == 2, let port = Int(CommandLine.arguments[1]) else {
            print("usage: hummingbird-hello PORT")
            exit(2)
        }
        var logger = Logger(label: "hummingbird-hello")
        logger.logLevel = .error
        let application = Application(
            router: makeRouter(),
            configuration: .init(
                address: .hostname("127.0.0.1", port: port), serverName: "Hummingbird", backlog: 4096),
            // One loop, because every server here has one core.
            eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup(numberOfThreads: 1)),
            logger: logger
        )
        try await application.runService()
    }

    static func makeRouter() -> Router<BasicRequestContext> {
        // Made once: what is measured is the sending, not the filling of memory.
        let hello = ByteBuffer(string: "Hello, World!")
        let content = ByteBuffer(repeating: UInt8(ascii: "x"), count: 1 << 20)

        let router = Router()
        router.get("/") { _, _ in
            plain(ResponseBody(byteBuffer: hello))
        }
        router.get("/bytes") { request, _ in
            guard let size = request.uri.query.flatMap({ Int($0) }),
                let slice = content.getSlice(at: 0, length: size)
            else { return Response(status: .badRequest) }
            return plain(ResponseBody(byteBuffer: slice))
        }
        router.post("/echo") { request, _ in
            plain(ResponseBody(asyncSequence: request.body))
        }
        return router
    }

    static func plain(_ body: ResponseBody) -> Response {
        Response(status: .ok, headers: [.contentType: "text/plain"], body: body)
    }
}
