// Owns the one answer that the server sizes itself by: which cores to run on and how much memory there is to use.

package struct Resources: Equatable, Sendable {
    /// One worker each; ascending, never empty.
    package let cores: [Int]
    /// nil when no control group limits memory.
    package let memoryLimitBytes: UInt64?
    /// True when a CPU quota, not the set of CPUs, decided the number of cores. Then `cores` says how many but not really
    /// which: every container of the host would choose the same ones, so workers must not be pinned to them.
    package let isCoreCountFromQuota: Bool

    /// What the running system allows this process.
    package static func available() throws(AffinityError) -> Resources {
        Resources(affinity: try ProcessorSet.ofCallingThread(), limits: CgroupLimits.read())
    }

    package init(affinity: ProcessorSet, limits: CgroupLimits) {
        var usable = affinity
        if let allowed = limits.processors {
            let both = affinity.intersection(allowed)
            // A cpuset that shares nothing with the affinity mask is another group's or an outdated one: the mask is what
            // the scheduler goes by.
            if !both.cores.isEmpty { usable = both }
        }
        precondition(!usable.cores.isEmpty, "The affinity mask of a running thread names at least the CPU that it runs on.")
        let countMax = limits.cpuQuota.map(Resources.coreCount) ?? usable.cores.count
        cores = Array(usable.cores.prefix(countMax))
        isCoreCountFromQuota = cores.count < usable.cores.count
        memoryLimitBytes = limits.memoryLimitBytes
    }

    /// Rounded up: half a CPU of quota still needs one worker, and one and a half are better used by two.
    private static func coreCount(quota: Double) -> Int {
        let rounded = quota.rounded(.up)
        return rounded >= Double(CPUList.cpuNumberMax) ? CPUList.cpuNumberMax : max(1, Int(rounded))
    }
}
