import MartletBytes
import MartletHTTP
import Testing

@Suite struct HTTPDateTests {
    func parse(_ text: String) -> Int64? {
        let content = bytes(text)
        return HTTPDate.parse(content.span)
    }

    /// Known to every calendar.
    static let known: [(Int64, String)] = [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
        (1_000_000_000, "Sun, 09 Sep 2001 01:46:40 GMT"),
        (2_147_483_647, "Tue, 19 Jan 2038 03:14:07 GMT"),
        (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
        (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
        (-2_208_988_800, "Mon, 01 Jan 1900 00:00:00 GMT"),
        (-62_167_219_200, "Sat, 01 Jan 0000 00:00:00 GMT"),
    ]

    func text(_ seconds: Int64) -> [UInt8] {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: HTTPDate.byteCount, alignment: 1)
        defer { unsafe memory.deallocate() }
        guard let base = memory.baseAddress else { return [] }
        var writer = unsafe ByteWriter(base, capacity: HTTPDate.byteCount)
        HTTPDate.write(secondsSinceEpoch: seconds, into: &writer)
        let span = writer.written
        return span.indices.map { span[$0] }
    }

    @Test(arguments: known)
    func knownDates(_ seconds: Int64, _ expected: String) {
        #expect(String(decoding: text(seconds), as: UTF8.self) == expected)
        #expect(parse(expected) == seconds)
    }

    /// Every day from 1899 to 2201, counted on by the rules of the calendar instead of its arithmetic.
    @Test func everyDayOfThreeCenturies() {
        let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let weekdays = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
        func pad(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        // 1900-01-01 was a Monday.
        var seconds: Int64 = -2_208_988_800
        var weekday = 0
        for year in 1900...2200 {
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            let lengths = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
            for month in 0..<12 {
                for day in 1...lengths[month] {
                    let expected = "\(weekdays[weekday]), \(pad(day)) \(names[month]) \(year) 12:34:56 GMT"
                    let noon = seconds + 45_296
                    if text(noon) != bytes(expected) || parse(expected) != noon {
                        Issue.record("\(expected)")
                    }
                    seconds += 86_400
                    weekday = (weekday + 1) % 7
                }
            }
        }
    }

    @Test(arguments: [
        "", "Sun, 06 Nov 1994 08:49:37 UTC", "sun, 06 Nov 1994 08:49:37 GMT", "Mon, 06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
        "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT",
        "Wed, 30 Feb 2000 00:00:00 GMT", "Thu, 00 Jan 1970 00:00:00 GMT", "Sun, 06 Nov 1994 08:49:37 GMT ",
    ])
    func refuses(_ text: String) {
        #expect(parse(text) == nil)
    }

    @Test func stopsBeyondFourDigits() async {
        await #expect(processExitsWith: .failure) {
            _ = HTTPDateTests().text(253_402_300_800)
        }
    }
}
