import Testing

@testable import Martlet

@Suite("Resources of this process")
struct ResourcesTests {
    private func set(_ list: String) throws -> ProcessorSet { ProcessorSet(try CPUList(parsing: list)) }

    @Test(arguments: [
        // affinity, cpuset, quota, cores
        ("0-3", nil, nil, "0-3"), ("0-3", "2-5", nil, "2-3"), ("0-3", nil, 2.0, "0-1"), ("0-3", nil, 1.01, "0-1"), ("0-3", "1,3", 0.1, "1"),
        ("4-7", nil, 64.0, "4-7"), ("0-1", "8-9", nil, "0-1"), ("0-1", nil, 1e300, "0-1"),
    ] as [(String, String?, Double?, String)])
    func coresAreWhatAllLimitsAllow(affinity: String, cpuset: String?, quota: Double?, cores: String) throws {
        let limits = CgroupLimits(cpuQuota: quota, processors: try cpuset.map(set), memoryLimitBytes: 1 << 30)
        let resources = Resources(affinity: try set(affinity), limits: limits)
        #expect(CPUList(resources.cores).description == cores)
        #expect(resources.memoryLimitBytes == 1 << 30)
    }

    @Test func saysWhenTheQuotaDecidedTheCount() throws {
        let cut = Resources(affinity: try set("0-3"), limits: CgroupLimits(cpuQuota: 2))
        let whole = Resources(affinity: try set("0-3"), limits: CgroupLimits(cpuQuota: 4))
        #expect(cut.isCoreCountFromQuota)
        #expect(!whole.isCoreCountFromQuota)
    }

    @Test func pinningIsWhatTheKernelReportsAfterwards() throws {
        // No suspension between the calls, so all of them are of one thread; the mask is put back at the end.
        let before = try ProcessorSet.ofCallingThread()
        let one = ProcessorSet(CPUList(before.cores.suffix(1)))
        try one.pinCallingThread()
        let pinned = try ProcessorSet.ofCallingThread()
        try before.pinCallingThread()
        #expect(pinned == one)
        #expect(try ProcessorSet.ofCallingThread() == before)
    }

    @Test func pinningToAnAbsentProcessorIsRefused() throws {
        #expect(throws: AffinityError.noUsableProcessor) { try set("65000").pinCallingThread() }
        #expect(throws: AffinityError.noUsableProcessor) { try ProcessorSet(CPUList([Int]())).pinCallingThread() }
    }
}
