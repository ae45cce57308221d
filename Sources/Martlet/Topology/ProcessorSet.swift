// Owns which CPUs a thread may run on: reads the affinity mask of the calling thread and sets it.
// Knows nothing of control groups. Invariant: `cores` is ascending and without duplicates.

internal import CAffinity
internal import Glibc

package struct ProcessorSet: Equatable, Sendable {
    package let cores: [Int]

    package init(_ list: CPUList) {
        cores = list.cpus
    }

    /// The CPUs that the calling thread may run on.
    package static func ofCallingThread() throws(AffinityError) -> ProcessorSet {
        var mask = AffinityMask(cpuCount: AffinityMask.cpuCountMin)
        while true {
            switch mask.readOfCallingThread() {
            case 0:
                return ProcessorSet(CPUList(mask.cpus))
            case EINVAL where mask.cpuCount < AffinityMask.cpuCountMax:
                // The kernel was built for more CPUs than the mask has bits.
                mask = AffinityMask(cpuCount: mask.cpuCount * 2)
            case let code:
                throw AffinityError(code: code)
            }
        }
    }

    /// Lets the calling thread run on these CPUs only.
    package func pinCallingThread() throws(AffinityError) {
        var mask = AffinityMask(cpuCount: max(AffinityMask.cpuCountMin, (cores.last ?? 0) + 1))
        mask.insert(cores)
        let code = mask.applyToCallingThread()
        if code != 0 { throw AffinityError(code: code) }
    }

    package func intersection(_ other: ProcessorSet) -> ProcessorSet {
        let others = Set(other.cores)
        return ProcessorSet(CPUList(cores.filter { others.contains($0) }))
    }
}

extension ProcessorSet: CustomStringConvertible {
    package var description: String { CPUList(cores).description }
}

/// What the kernel answers to sched_getaffinity(2) and sched_setaffinity(2).
package enum AffinityError: Error, Equatable, CustomStringConvertible {
    /// EINVAL: none of the CPUs exists and is allowed to this process.
    case noUsableProcessor
    /// EPERM: a sandbox forbids the call.
    case notPermitted
    /// ENOSYS: a sandbox or an emulated kernel does not have the call.
    case notSupported
    case other(code: Int32)

    init(code: Int32) {
        switch code {
        case EINVAL: self = .noUsableProcessor
        case EPERM: self = .notPermitted
        case ENOSYS: self = .notSupported
        default: self = .other(code: code)
        }
    }

    package var description: String {
        switch self {
        case .noUsableProcessor:
            return "None of these CPUs exists and is allowed to this process; compare with the list that `taskset -cp $$` prints."
        case .notPermitted: return "The system forbids this process to change on which CPUs it runs (EPERM)."
        case .notSupported: return "The system does not know CPU affinity (ENOSYS)."
        case .other(let code): return "The system refused the CPU affinity call with error \(code)."
        }
    }
}

/// The kernel's bit mask, an array of unsigned long of a size chosen at run time.
private struct AffinityMask {
    static let cpuCountMin = 1024
    /// Ends the search for a size that the kernel accepts.
    static let cpuCountMax = CPUList.cpuNumberMax + 1

    private var words: [UInt]

    init(cpuCount: Int) {
        words = Array(repeating: 0, count: (cpuCount + UInt.bitWidth - 1) / UInt.bitWidth)
    }

    var cpuCount: Int { words.count * UInt.bitWidth }

    var cpus: [Int] {
        (0..<cpuCount).filter { words[$0 / UInt.bitWidth] >> UInt($0 % UInt.bitWidth) & 1 == 1 }
    }

    mutating func insert(_ cpus: [Int]) {
        for cpu in cpus { words[cpu / UInt.bitWidth] |= 1 << UInt(cpu % UInt.bitWidth) }
    }

    /// Returns 0 or the errno. What the kernel does not write stays zero.
    mutating func readOfCallingThread() -> Int32 {
        let bytes = words.count * MemoryLayout<UInt>.size
        let result = unsafe words.withUnsafeMutableBufferPointer { unsafe martlet_affinity_get($0.baseAddress, bytes) }
        return result < 0 ? Int32(-result) : 0
    }

    /// Returns 0 or the errno.
    func applyToCallingThread() -> Int32 {
        let bytes = words.count * MemoryLayout<UInt>.size
        return Int32(unsafe words.withUnsafeBufferPointer { unsafe -martlet_affinity_set($0.baseAddress, bytes) })
    }
}
