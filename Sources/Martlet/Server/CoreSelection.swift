// Which processors the cores run on: those that were asked for, or all that the process may use.

internal import Glibc
internal import MartletEngine

enum CoreSelection {
    static func resources(_ configuration: Configuration) throws(ServerError) -> (resources: Resources, cores: [Int], pins: Bool) {
        let available: Resources
        do throws(AffinityError) {
            available = try Resources.available()
        } catch {
            throw .coresUnavailable("the processors of this process cannot be read: \(error)")
        }
        guard let wanted = configuration.cores else {
            // A quota says how many cores, not which: pinned, every container of the host would sit on the same ones.
            return (available, available.cores, configuration.pinsThreads && !available.isCoreCountFromQuota)
        }
        let allowed = (try? ProcessorSet.ofCallingThread())?.cores ?? available.cores
        let missing = wanted.filter { !allowed.contains($0) }
        guard missing.isEmpty, !wanted.isEmpty else {
            throw .coresUnavailable("processor \(CPUList(missing)) is not available to this process; choose from \(CPUList(allowed)).")
        }
        return (available, wanted, configuration.pinsThreads)
    }

    /// The program's own: standard streams, a directory, what it opens for a moment. Then of each core: its engine's, a listener, some connections.
    private static let descriptorsOfProgram = 16
    private static let descriptorsOfCore = 8

    /// Raises the soft limit of open files to the hard one, and says what it is.
    static func descriptorLimit(coreCount: Int) throws(ServerError) -> Int {
        let limit = raiseDescriptorLimit()
        let needed = descriptorsOfProgram + descriptorsOfCore * coreCount
        guard limit >= needed else { throw .tooFewDescriptors(limit: limit, needed: needed) }
        return limit
    }

    /// How far the limit of open files can be raised.
    static var descriptorLimitMax: Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
        return Int(clamping: limit.rlim_max)
    }

    private static func raiseDescriptorLimit() -> Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
        if limit.rlim_cur < limit.rlim_max {
            limit.rlim_cur = limit.rlim_max
            if unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) != 0 {
                _ = unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            }
        }
        return Int(clamping: limit.rlim_cur)
    }
}
