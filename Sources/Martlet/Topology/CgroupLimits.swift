// Owns what the control groups of this process allow it: CPU time, CPUs, memory. Version 1, version 2 and hybrids.
// A limit of any ancestor binds, so every level that is visible is read and the tightest value wins.

package struct CgroupLimits: Equatable, Sendable {
    /// CPU time per time, so 1.5 is one and a half CPUs; nil without a quota.
    package var cpuQuota: Double?
    /// The CPUs of the cpuset; nil when no cpuset is visible.
    package var processors: ProcessorSet?
    /// nil without a limit.
    package var memoryLimitBytes: UInt64?

    /// Version 1 says "unlimited" by the largest multiple of its page size that fits 63 bits, which differs between
    /// architectures; an exbibyte is above any machine and below all of these.
    static let memoryUnlimitedBytes: UInt64 = 1 << 60

    /// - Parameter root: stands for "/", so that tests can read recorded trees; "" for the running system.
    package static func read(root: String = "") -> CgroupLimits {
        let tree = CgroupTree(root: root)
        return CgroupLimits(
            cpuQuota: tree.chains(controller: "cpu").compactMap(cpuQuota).min(),
            processors: tree.chains(controller: "cpuset").lazy.compactMap(processors).first,
            memoryLimitBytes: tree.chains(controller: "memory").compactMap(memoryLimit).min())
    }

    private static func cpuQuota(in chain: CgroupTree.Chain) -> Double? {
        chain.directories.compactMap { directory in
            switch chain.version {
            case .v1:
                quota(SmallFile.text(at: directory + "/cpu.cfs_quota_us"), period: SmallFile.text(at: directory + "/cpu.cfs_period_us"))
            case .v2:
                quota(maximum: SmallFile.text(at: directory + "/cpu.max"))
            }
        }.min()
    }

    /// `cpu.max` is `QUOTA PERIOD` in microseconds, with `max` for no quota.
    private static func quota(maximum text: String?) -> Double? {
        guard let fields = text?.split(whereSeparator: \.isWhitespace), fields.count == 2 else { return nil }
        return quota(String(fields[0]), period: String(fields[1]))
    }

    /// No quota is -1 in version 1 and `max` in version 2: neither is a positive number.
    private static func quota(_ quota: String?, period: String?) -> Double? {
        guard let quota = number(quota), let period = number(period), quota > 0, period > 0 else { return nil }
        return Double(quota) / Double(period)
    }

    /// The nearest level that says something: an empty list means "as my parent". The effective list comes first because the
    /// plain one may name CPUs that an ancestor has taken away.
    private static func processors(in chain: CgroupTree.Chain) -> ProcessorSet? {
        let names = chain.version == .v1 ? ["cpuset.effective_cpus", "cpuset.cpus"] : ["cpuset.cpus.effective", "cpuset.cpus"]
        for directory in chain.directories {
            for name in names {
                guard let text = SmallFile.text(at: directory + "/" + name), let list = try? CPUList(parsing: text) else { continue }
                return ProcessorSet(list)
            }
        }
        return nil
    }

    private static func memoryLimit(in chain: CgroupTree.Chain) -> UInt64? {
        chain.directories.flatMap { directory -> [UInt64?] in
            switch chain.version {
            case .v1:
                [number(SmallFile.text(at: directory + "/memory.limit_in_bytes")), hierarchicalLimit(in: directory)]
            case .v2:
                // Above memory.high the kernel stalls the process instead of killing it: as little use to a server.
                [number(SmallFile.text(at: directory + "/memory.max")), number(SmallFile.text(at: directory + "/memory.high"))]
            }
        }.compactMap { $0 }.filter { $0 < memoryUnlimitedBytes }.min()
    }

    /// In a container the limiting ancestor of version 1 may not be mounted; the kernel repeats its limit here.
    private static func hierarchicalLimit(in directory: String) -> UInt64? {
        guard let text = SmallFile.text(at: directory + "/memory.stat") else { return nil }
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ")
            if fields.count == 2, fields[0] == "hierarchical_memory_limit" { return UInt64(fields[1]) }
        }
        return nil
    }

    private static func number(_ text: String?) -> UInt64? {
        guard let field = text?.split(whereSeparator: \.isWhitespace).first else { return nil }
        return UInt64(field)
    }
}
