import MartletEngine
import Testing

@testable import martlet_load

@Suite struct ScheduleTests {
    private func schedule(_ extent: Schedule.Extent, warmup: Nanoseconds = 0) -> Schedule {
        var schedule = Schedule(pace: .closed, extent: extent, warmup: warmup)
        schedule.begin(at: 1_000)
        return schedule
    }

    @Test func countsWhatFitsIntoTheDuration() {
        #expect(schedule(.duration(1_000_000_000)).totalCount(interval: 1e9 / 300) == 300)
        #expect(schedule(.duration(1_000_000_000), warmup: 500_000_000).totalCount(interval: 1e6) == 1_500)
        #expect(schedule(.requests(7), warmup: 500_000_000).totalCount(interval: 1e6) == 507)
    }

    @Test(arguments: [1e9 / 3, 10.5, 1_000, 333.3, 0.1 + 0.2])
    func isDueExactlyWhenItsTimeCame(_ interval: Double) {
        let schedule = schedule(.requests(1_000))
        for index in 0..<1_000 as Range<UInt64> {
            let time = schedule.time(of: index, interval: interval)
            #expect(schedule.dueCount(at: time, interval: interval) > index)
            if interval >= 2 { #expect(schedule.dueCount(at: time - 1, interval: interval) <= index) }
        }
    }

    @Test func nothingIsDueBeforeTheStart() {
        #expect(schedule(.requests(5)).dueCount(at: 999, interval: 10) == 0)
        #expect(schedule(.requests(5)).dueCount(at: 1_000, interval: 10) == 1)
        #expect(schedule(.requests(5)).dueCount(at: 1_000_000, interval: 10) == 5)
    }

    @Test func doesNotDrift() {
        // A day at a million per second.
        #expect(schedule(.requests(1 << 40)).time(of: 86_400_000_000, interval: 1e3) == 86_400_000_001_000)
    }
}
