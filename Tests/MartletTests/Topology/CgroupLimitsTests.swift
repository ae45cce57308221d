import Testing

@testable import Martlet

/// Each tree under Tests/fixtures/cgroup is a recorded or minimal /proc and /sys of one kind of system.
enum CgroupFixture {
    static func root(_ name: String) -> String {
        // This file is Tests/MartletTests/Topology/….swift, the trees are in Tests/fixtures/cgroup.
        let tests = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        return "/" + tests + "/fixtures/cgroup/" + name
    }
}

struct ExpectedLimits: Sendable, CustomTestStringConvertible {
    let tree: String
    let quota: Double?
    let cpus: String?
    let memory: UInt64?

    init(_ tree: String, quota: Double? = nil, cpus: String? = nil, memory: UInt64? = nil) {
        (self.tree, self.quota, self.cpus, self.memory) = (tree, quota, cpus, memory)
    }

    var testDescription: String { tree }
}

@Suite("Limits of control groups")
struct CgroupLimitsTests {
    static let mebibyte: UInt64 = 1 << 20

    static let expected: [ExpectedLimits] = [
        ExpectedLimits("v2-service", quota: 2.5, cpus: "0-3,6", memory: 512 * mebibyte),
        ExpectedLimits("v2-ancestor-limits", quota: 0.5, cpus: "2-3", memory: 256 * mebibyte),
        ExpectedLimits("v2-unlimited", cpus: "0-1"),
        ExpectedLimits("v2-malformed"),
        ExpectedLimits("v2-escaped-mount", quota: 0.6, memory: 56 * mebibyte),
        ExpectedLimits("v1-service", quota: 1.5, cpus: "1-2", memory: 128 * mebibyte),
        ExpectedLimits("v1-unlimited", cpus: "0-3"),
        ExpectedLimits("v1-unlimited-large-pages"),
        ExpectedLimits("container-v1-host-path", quota: 2, cpus: "4-7", memory: 64 * mebibyte),
        ExpectedLimits("container-v1-foreign-root", quota: 0.5, memory: 32 * mebibyte),
        ExpectedLimits("container-v2-namespace", quota: 1, cpus: "1,3", memory: 16 * mebibyte),
        ExpectedLimits("container-v2-mounted-elsewhere", quota: 3, cpus: "0-3", memory: 48 * mebibyte),
        ExpectedLimits("container-v2-outside-namespace", quota: 1.2, memory: 24 * mebibyte),
        ExpectedLimits("container-v2-host-path", quota: 1.5, memory: 40 * mebibyte),
        ExpectedLimits("hybrid-v1-limits", cpus: "0-1", memory: 768 * mebibyte),
        ExpectedLimits("hybrid-v2-limits", quota: 0.9, cpus: "5", memory: 96 * mebibyte),
        ExpectedLimits("unlimited-no-cgroups"),
        ExpectedLimits("no-such-tree"),
    ]

    @Test(arguments: expected)
    func readsTree(_ expected: ExpectedLimits) {
        let limits = CgroupLimits.read(root: CgroupFixture.root(expected.tree))
        #expect(limits.cpuQuota == expected.quota)
        #expect(limits.processors?.description == expected.cpus)
        #expect(limits.memoryLimitBytes == expected.memory)
    }

    @Test func readsTheRunningSystem() throws {
        let resources = try Resources.available()
        #expect(!resources.cores.isEmpty)
        #expect(resources.memoryLimitBytes.map { $0 > 0 } ?? true)
    }

    @Test func longFilesAreReadWhole() {
        let path = CgroupFixture.root("v1-service") + "/proc/self/mountinfo"
        #expect(SmallFile.text(at: path)?.hasPrefix("24 23 ") == true)
        #expect(SmallFile.text(at: "/proc/self/maps").map { $0.utf8.count > 4096 } == true)
        #expect(SmallFile.text(at: path + "/absent") == nil)
        #expect(SmallFile.text(at: CgroupFixture.root("v1-service")) == nil)
    }
}
