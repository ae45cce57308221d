// Dates as HTTP writes them (RFC 9110 §5.6.7), computed without libc: no locale, no time zone, no lock.
//
// Owns: the calendar and the one format that is sent. Never knows: what time it is.

public import MartletBytes

/// The preferred format of a date in a field: `Sun, 06 Nov 1994 08:49:37 GMT`.
public enum HTTPDate {
    /// Every date in this format has as many bytes.
    public static var byteCount: Int { 29 }

    /// Times that can be written, in seconds since 1970-01-01T00:00:00Z: the years 0 to 9999.
    public static var representable: ClosedRange<Int64> { -62_167_219_200...253_402_300_799 }

    /// Appends 29 bytes.
    ///
    /// - Parameter seconds: seconds since 1970-01-01T00:00:00Z without leap seconds; must be ``representable``.
    public static func write(secondsSinceEpoch seconds: Int64, into writer: inout ByteWriter) {
        precondition(representable.contains(seconds), "a date has a year of four digits")
        let days = (seconds - (seconds < 0 ? 86_399 : 0)) / 86_400
        let secondOfDay = UInt64(seconds - days * 86_400)
        let date = CivilDate(daysSinceEpoch: days)
        // Day 0 was a Thursday; the sum is made positive before the remainder is taken.
        writer.append(weekdays[Int((days + 4 + 7 * 200_000) % 7)])
        writer.append(", ")
        writer.appendDecimal(UInt64(date.day), digits: 2)
        writer.append(ASCII.space)
        writer.append(months[Int(date.month) - 1])
        writer.append(ASCII.space)
        writer.appendDecimal(UInt64(date.year), digits: 4)
        writer.append(ASCII.space)
        writer.appendDecimal(secondOfDay / 3_600, digits: 2)
        writer.append(ASCII.colon)
        writer.appendDecimal(secondOfDay / 60 % 60, digits: 2)
        writer.append(ASCII.colon)
        writer.appendDecimal(secondOfDay % 60, digits: 2)
        writer.append(" GMT")
    }

    /// The time that a date in this format names, in seconds since 1970-01-01T00:00:00Z; nil if it is malformed, does
    /// not exist, or names the wrong day of the week. A leap second counts as the second after it. The two obsolete
    /// formats are not read: what they are in is a condition, and a condition that is not understood is ignored.
    public static func parse(_ bytes: Span<UInt8>) -> Int64? {
        // "Sun, 06 Nov 1994 08:49:37 GMT"
        guard bytes.count == byteCount,
            bytes[3] == ASCII.comma, bytes[4] == ASCII.space, bytes[7] == ASCII.space, bytes[11] == ASCII.space,
            bytes[16] == ASCII.space, bytes[19] == ASCII.colon, bytes[22] == ASCII.colon,
            bytes.extracting(25..<29).equals(" GMT"),
            let weekday = index(of: bytes.extracting(0..<3), among: weekdays),
            let month = index(of: bytes.extracting(8..<11), among: months),
            let day = bytes.extracting(5..<7).decimal(),
            let year = bytes.extracting(12..<16).decimal(),
            let hour = bytes.extracting(17..<19).decimal(), hour < 24,
            let minute = bytes.extracting(20..<22).decimal(), minute < 60,
            let second = bytes.extracting(23..<25).decimal(), second <= 60
        else { return nil }
        let date = CivilDate(year: Int64(year), month: Int64(month) + 1, day: Int64(day))
        let days = date.daysSinceEpoch
        // A day that does not exist comes back as another one.
        guard CivilDate(daysSinceEpoch: days) == date else { return nil }
        guard (days + 4 + 7 * 200_000) % 7 == Int64(weekday) else { return nil }
        return days * 86_400 + Int64(hour * 3_600 + minute * 60 + second)
    }

    private static func index<let count: Int>(
        of name: Span<UInt8>, among names: InlineArray<count, StaticString>
    ) -> Int? {
        for index in names.indices where name.equals(names[index]) { return index }
        return nil
    }
}

private let weekdays: InlineArray<7, StaticString> = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
private let months: InlineArray<12, StaticString> = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
]

/// A day of the proleptic Gregorian calendar, from the year 0 on.
///
/// The arithmetic counts years from March, so that the leap day is a year's last, and splits time into eras of 400
/// years, which all have 146,097 days.
private struct CivilDate: Equatable {
    var year: Int64
    var month: Int64
    var day: Int64

    init(year: Int64, month: Int64, day: Int64) {
        self.year = year
        self.month = month
        self.day = day
    }

    init(daysSinceEpoch: Int64) {
        // From 0000-03-01 to 1970-01-01 there are 719,468 days; one more era keeps January of the year 0 positive.
        let days = daysSinceEpoch + 719_468 + 146_097
        let era = days / 146_097
        let dayOfEra = days % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + (era - 1) * 400 + (month <= 2 ? 1 : 0)
    }

    var daysSinceEpoch: Int64 {
        let yearFromMarch = (month <= 2 ? year - 1 : year) + 400
        let era = yearFromMarch / 400
        let yearOfEra = yearFromMarch % 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468 - 146_097
    }
}
