// The load generator: an engine as a client.

import Glibc
import Martlet
import MartletEngine

func fail(_ sentence: String, status: Int32) -> Never {
    StandardError.print("martlet-load: \(sentence)")
    exit(status)
}

func pin(to core: Int?) throws(OptionError) {
    guard let core else { return }
    do throws(AffinityError) {
        try ProcessorSet(CPUList([core])).pinCallingThread()
    } catch {
        throw OptionError("--core \(core) cannot be had: \(error)")
    }
}

do throws(OptionError) {
    let options = try Options(CommandLine.arguments.dropFirst())
    if options.wantsHelp {
        print(Options.help)
        exit(0)
    }
    let plan = try LoadPlan(options)
    try pin(to: options.core)
    do {
        let result = try LoadEngine.run(options, plan)
        if result.tally.connectionsOpened == 0, let error = result.tally.connectError {
            fail("cannot connect to \(plan.target.address): \(error.message); start the server, or correct the URL.", status: 1)
        }
        print(options.isJSON ? Report.json(result) : Report.text(result), terminator: "")
        exit(result.isClean ? 0 : 1)
    } catch let error as OptionError {
        throw error
    } catch {
        fail("\(error)", status: 1)
    }
} catch {
    fail(error.sentence, status: 2)
}
