import MartletEngine
import Testing

@Suite struct TimerWheelTests {
    static let tick = TimerWheel.tickNanoseconds

    private func allDue(_ wheel: inout TimerWheel, at now: Nanoseconds) -> Set<UInt32> {
        var rows: Set<UInt32> = []
        while let row = wheel.takeDue(now: now) { rows.insert(row) }
        return rows
    }

    @Test func givesARowWhenItsDeadlineHasPassed() throws {
        var wheel = try TimerWheel(capacity: 10, now: 0)
        wheel.insert(3, deadline: 5 * Self.tick + 1)
        #expect(wheel.contains(3) && !wheel.isEmpty)
        #expect(allDue(&wheel, at: 5 * Self.tick) == [], "never before the deadline")
        let next = wheel.nextDue()
        let due = try #require(next)
        #expect(due > 5 * Self.tick && due <= 7 * Self.tick, "at most a tick late")
        #expect(allDue(&wheel, at: due) == [3])
        #expect(wheel.isEmpty && !wheel.contains(3) && wheel.nextDue() == nil)
    }

    @Test func holdsManyRowsInABucket() throws {
        var wheel = try TimerWheel(capacity: 100, now: 7 * Self.tick)
        for row in 0..<100 { wheel.insert(UInt32(row), deadline: 9 * Self.tick) }
        // From the middle, the front and the end.
        for row in [50, 99, 0] as [UInt32] { wheel.remove(row) }
        wheel.remove(50)
        #expect(allDue(&wheel, at: 11 * Self.tick) == Set(1..<99).subtracting([50]))
    }

    @Test func takesADeadlineThatHasPassed() throws {
        var wheel = try TimerWheel(capacity: 4, now: 100 * Self.tick)
        #expect(allDue(&wheel, at: 100 * Self.tick) == [])
        wheel.insert(1, deadline: 3 * Self.tick)
        let next = wheel.nextDue()
        let due = try #require(next)
        #expect(allDue(&wheel, at: due) == [1])
    }

    @Test func movesARowBeyondTheHorizonOn() throws {
        var wheel = try TimerWheel(capacity: 4, now: 0)
        let deadline = 2000 * Self.tick
        wheel.insert(2, deadline: deadline)
        var looks = 0
        while let due = wheel.nextDue(), due < deadline {
            #expect(allDue(&wheel, at: due) == [2])
            wheel.insert(2, deadline: deadline)
            looks += 1
        }
        #expect(looks < 6)
        let next = wheel.nextDue()
        let due = try #require(next)
        #expect(allDue(&wheel, at: due) == [2])
    }

    @Test func agreesWithAListOfDeadlines() throws {
        var wheel = try TimerWheel(capacity: 64, now: 0)
        var deadlines: [UInt32: Nanoseconds] = [:]
        var random = SystemRandomNumberGenerator()
        var now: Nanoseconds = 0
        for _ in 0..<20_000 {
            let row = UInt32.random(in: 0..<64, using: &random)
            if wheel.contains(row) {
                wheel.remove(row)
                deadlines[row] = nil
            } else {
                let deadline = now + Nanoseconds.random(in: 0...800 * Self.tick, using: &random)
                wheel.insert(row, deadline: deadline)
                deadlines[row] = deadline
            }
            now += Nanoseconds.random(in: 0...3 * Self.tick, using: &random)
            for row in allDue(&wheel, at: now) {
                let known = deadlines.removeValue(forKey: row)
                let deadline = try #require(known)
                // A row from beyond the horizon is looked at early, and put back.
                if deadline > now {
                    wheel.insert(row, deadline: deadline)
                    deadlines[row] = deadline
                }
            }
            #expect(deadlines.values.allSatisfy { $0 + 2 * Self.tick >= now }, "a row was forgotten")
        }
    }
}
