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

    /// Raises the soft limit of open files to the hard one, and says what it is.
    static func raiseDescriptorLimit() -> Int {
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
