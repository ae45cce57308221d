// A small native server: one route for each way to answer.

import Glibc
import Martlet

func fail(_ sentence: String) -> Never {
    StandardError.print("martlet-hello: \(sentence)")
    exit(2)
}

do throws(OptionError) {
    let options = try Options(CommandLine.arguments.dropFirst())
    if options.wantsHelp {
        print(Options.help)
        exit(0)
    }
    do throws(ServerError) {
        let server = try Server(options.configuration)
        for address in server.addresses {
            let line = "listening on \(address.port == nil ? "" : "http://")\(address)\n"
            _ = unsafe line.utf8.span.withUnsafeBytes { unsafe write(1, $0.baseAddress, $0.count) }
        }
        let directory = options.root
        try server.run { context in HelloHandler(context, root: directory) }
    } catch {
        switch error {
        case .coresUnavailable(let sentence): fail("--cores: \(sentence)")
        case .cannotListen, .engineUnavailable, .tooFewDescriptors, .system:
            StandardError.print("martlet-hello: \(error)")
            exit(1)
        }
    }
} catch {
    fail(error.sentence)
}
