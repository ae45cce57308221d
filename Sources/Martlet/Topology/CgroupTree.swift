// Owns where this process's control groups lie in the file system: from /proc/self/cgroup (which group) and
// /proc/self/mountinfo (where its hierarchy is mounted). Knows nothing of what the files there mean.
//
// In a container the two often disagree: the group's path may be the host's while only the container's own subtree is
// mounted, or "/" because of a cgroup namespace. The answer is therefore never one directory but a chain, from the
// deepest candidate up to the mount point; a reader takes what it finds and directories that do not exist yield nothing.

struct CgroupTree {
    enum Version: Equatable { case v1, v2 }

    struct Chain: Equatable {
        let version: Version
        /// The group's directory first, its mount point last.
        let directories: [String]
    }

    private struct Mount {
        let version: Version
        /// The part of the hierarchy that is mounted.
        let root: String
        let mountPoint: String
        /// Controllers of a version 1 hierarchy.
        let options: [Substring]
    }

    private let prefix: String
    private let mounts: [Mount]
    /// Path of our group by version 1 controller; version 2's under the empty name, as the kernel prints it.
    private let groupPaths: [Substring: String]

    /// - Parameter root: stands for "/" everywhere, so that a tree of recorded files can be read instead; "" for the real one.
    init(root: String) {
        prefix = root
        mounts = CgroupTree.mounts(in: SmallFile.text(at: root + "/proc/self/mountinfo") ?? "")
        groupPaths = CgroupTree.groupPaths(in: SmallFile.text(at: root + "/proc/self/cgroup") ?? "")
    }

    /// Where to look for the controller's files, in the order to look. A hybrid system has each controller in one version only;
    /// asking both and taking what exists needs no knowledge of which.
    func chains(controller: Substring) -> [Chain] {
        var chains: [Chain] = []
        if let path = groupPaths[controller] {
            let candidates = mounts.filter { $0.version == .v1 && $0.options.contains(controller) }
            if let chain = chain(path: path, candidates: candidates) { chains.append(chain) }
        }
        if let path = groupPaths[""] {
            if let chain = chain(path: path, candidates: mounts.filter { $0.version == .v2 }) { chains.append(chain) }
        }
        return chains
    }

    /// Of several mounts the last that contains the group: later mounts hide earlier ones.
    private func chain(path: String, candidates: [Mount]) -> Chain? {
        for mount in candidates.reversed() {
            if let below = CgroupTree.components(of: path, below: mount.root) {
                return chain(mount: mount, below: below)
            }
        }
        // No mount contains the path: we see our own group's subtree only, under a name from outside, so its top is ours.
        guard let mount = candidates.last else { return nil }
        return chain(mount: mount, below: CgroupTree.components(of: path, below: "/") ?? [])
    }

    private func chain(mount: Mount, below: [Substring]) -> Chain {
        let directories = (0...below.count).reversed().map { count in
            ([prefix + (mount.mountPoint == "/" ? "" : mount.mountPoint)] + below.prefix(count).map(String.init)).joined(separator: "/")
        }
        return Chain(version: mount.version, directories: directories)
    }

    /// nil when the path is not in the subtree, or leaves the cgroup namespace by "..".
    private static func components(of path: String, below root: String) -> [Substring]? {
        let parts = path.split(separator: "/")
        let rootParts = root.split(separator: "/")
        guard parts.starts(with: rootParts), !parts.contains("..") else { return nil }
        return Array(parts.dropFirst(rootParts.count))
    }

    /// Lines are `id:controller,controller:path` (cgroups(7)); version 2's is `0::path`.
    private static func groupPaths(in text: String) -> [Substring: String] {
        var paths: [Substring: String] = [:]
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            for controller in fields[1].split(separator: ",", omittingEmptySubsequences: false) {
                paths[controller] = String(fields[2])
            }
        }
        return paths
    }

    /// Lines are `id parent device root mountpoint options optional… - type source superoptions` (proc(5)).
    private static func mounts(in text: String) -> [Mount] {
        var mounts: [Mount] = []
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count > 6, let dash = fields[6...].firstIndex(of: "-"), dash + 3 < fields.count else { continue }
            let version: Version
            switch fields[dash + 1] {
            case "cgroup": version = .v1
            case "cgroup2": version = .v2
            default: continue
            }
            mounts.append(Mount(
                version: version, root: unescaped(fields[3]), mountPoint: unescaped(fields[4]),
                options: fields[dash + 3].split(separator: ",")))
        }
        return mounts
    }

    /// The kernel writes space, tab, newline and backslash as `\040` and so on.
    private static func unescaped(_ field: Substring) -> String {
        guard field.contains("\\") else { return String(field) }
        var bytes: [UInt8] = []
        var rest = field.utf8[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3, let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8) {
                bytes.append(value)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
