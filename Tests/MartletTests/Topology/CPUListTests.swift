import Testing

@testable import Martlet

@Suite("CPU lists")
struct CPUListTests {
    @Test(arguments: [
        ("0", [0]), ("0-3,5", [0, 1, 2, 3, 5]), (" 7 , 1-2\n", [1, 2, 7]), ("3,3,2-4", [2, 3, 4]), ("65535", [65_535]),
    ])
    func parses(text: String, cpus: [Int]) throws {
        #expect(try CPUList(parsing: text).cpus == cpus)
    }

    @Test(arguments: ["0", "0-3,5", "1,3,5", "0-1,4-7,9", "0-65535"])
    func formatsWhatItParsed(text: String) throws {
        #expect(try CPUList(parsing: text).description == text)
    }

    @Test func formatsRanges() {
        #expect(CPUList([5, 3, 2, 1, 0, 5]).description == "0-3,5")
        #expect(CPUList([-1, 4]).cpus == [4])
        #expect(CPUList([Int]()).description == "")
    }

    @Test(arguments: [
        ("", "", CPUListError.Reason.empty), ("0,,1", "", .empty), ("1,", "", .empty), ("0-3,x", "x", .notANumber),
        ("-1", "-1", .notANumber), ("1-", "1-", .notANumber), ("1-2-3", "1-2-3", .notANumber), ("+1", "+1", .notANumber),
        ("1 2", "1 2", .notANumber), ("٣", "٣", .notANumber), ("65536", "65536", .tooLarge),
        ("0-99999999999999999999", "0-99999999999999999999", .tooLarge), ("0,3-1", "3-1", .backwards),
    ])
    func refuses(text: String, part: String, reason: CPUListError.Reason) {
        #expect(throws: CPUListError(list: text, part: part, reason: reason)) { try CPUList(parsing: text) }
    }

    @Test func errorsAreSentencesThatNameTheBadPart() {
        let error = #expect(throws: CPUListError.self) { try CPUList(parsing: "0-3,8-x") }
        let sentence = "\"8-x\" in the CPU list \"0-3,8-x\" is neither a number nor a range; write it as in 0-3,5."
        #expect(error?.description == sentence)
    }
}
