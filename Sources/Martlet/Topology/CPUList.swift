// Owns the text form of a set of CPUs, "0-3,5", as the kernel prints it in cpuset files and as users write it for `--cores`.
// Knows nothing of which CPUs exist. Invariant: `cpus` is ascending and without duplicates.

/// A list of CPU numbers in the kernel's list format: numbers and inclusive ranges, separated by commas.
public struct CPUList: Equatable, Sendable {
    /// The highest number accepted: far above any kernel's NR_CPUS, and low enough that a mistyped range costs no memory.
    public static let cpuNumberMax = 65_535

    /// The CPU numbers, ascending, each once.
    public let cpus: [Int]

    /// Makes a list of the given numbers, in any order; duplicates and negative numbers are dropped.
    public init(_ cpus: some Sequence<Int>) {
        var unique: [Int] = []
        for cpu in cpus.sorted() where cpu >= 0 && unique.last != cpu {
            unique.append(cpu)
        }
        self.cpus = unique
    }

    /// Parses a list such as `0-3,5`. Spaces around the parts are ignored.
    ///
    /// - Throws: `CPUListError`, whose description is one sentence that names the bad part.
    public init(parsing text: String) throws(CPUListError) {
        var cpus: [Int] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            cpus.append(contentsOf: try CPUList.range(in: part, of: text))
        }
        self.init(cpus)
    }

    private static func range(in part: Substring, of text: String) throws(CPUListError) -> ClosedRange<Int> {
        func fail(_ reason: CPUListError.Reason) -> CPUListError {
            CPUListError(list: text, part: String(part), reason: reason)
        }
        let ends = part.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        var numbers: [Int] = []
        for end in ends {
            guard let number = decimal(end) else { throw fail(part.allSatisfy(\.isWhitespace) ? .empty : .notANumber) }
            guard number <= cpuNumberMax else { throw fail(.tooLarge) }
            numbers.append(number)
        }
        let (first, last) = (numbers[0], numbers[numbers.count - 1])
        guard first <= last else { throw fail(.backwards) }
        return first...last
    }

    /// `Int.init` alone would accept signs. A number too long for `Int` is reported as too large, not as "not a number".
    private static func decimal(_ text: Substring) -> Int? {
        let blank: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\n" }
        var digits = text.drop(while: blank)
        while let last = digits.last, blank(last) { digits.removeLast() }
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int(digits) ?? Int.max
    }
}

extension CPUList: CustomStringConvertible {
    /// The shortest list that names these CPUs: `0-3,5`.
    public var description: String {
        var parts: [String] = []
        var start = cpus.startIndex
        while start < cpus.endIndex {
            var end = start
            while end + 1 < cpus.endIndex, cpus[end + 1] == cpus[end] + 1 { end += 1 }
            parts.append(start == end ? "\(cpus[start])" : "\(cpus[start])-\(cpus[end])")
            start = end + 1
        }
        return parts.joined(separator: ",")
    }
}

/// Why a CPU list was refused.
public struct CPUListError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Reason: Equatable, Sendable {
        /// Nothing between two commas, or nothing at all.
        case empty
        /// Neither a number nor two numbers joined by `-`.
        case notANumber
        /// A number above `CPUList.cpuNumberMax`.
        case tooLarge
        /// A range whose first number is larger than its last.
        case backwards
    }

    /// The whole text that was parsed.
    public let list: String
    /// The part between two commas that is wrong.
    public let part: String
    /// What is wrong with it.
    public let reason: Reason

    /// One sentence: the bad part, the list it stands in, and how to write it.
    public var description: String {
        switch reason {
        case .empty:
            return "The CPU list \"\(list)\" has an empty part; write numbers and ranges separated by single commas, as in 0-3,5."
        case .notANumber:
            return "\"\(part)\" in the CPU list \"\(list)\" is neither a number nor a range; write it as in 0-3,5."
        case .tooLarge:
            return "\"\(part)\" in the CPU list \"\(list)\" is above the highest CPU number, \(CPUList.cpuNumberMax)."
        case .backwards:
            return "\"\(part)\" in the CPU list \"\(list)\" runs backwards; put the smaller number first, as in 0-3."
        }
    }
}
