// What the simulated engine promises beside the bytes: time, wakes, scarcity, connecting, and that it finds its owner's mistakes.

import Glibc
import MartletEngine
import MartletSimulation
import Testing

@Suite struct SimulatedEngineTests {
    @Test func timePassesOnlyInAWait() {
        let network = SimulatedNetwork(seed: 1)
        var engine = SimulatedEngine(network)
        let start = engine.now
        engine.wait(until: start + 3_600_000_000_000)
        #expect(engine.now == start + 3_600_000_000_000)
        let first = engine.next(), second = engine.next()
        #expect(isWoken(first) && second == nil)
        #expect(engine.isQuiescent == false)
        engine.wait(until: nil)
        let last = engine.next()
        #expect(engine.isQuiescent == true && last == nil)
    }

    @Test func wakes() {
        let network = SimulatedNetwork(seed: 1)
        var engine = SimulatedEngine(network)
        let waker = engine.waker
        network.clock.plan(after: 5_000_000) { waker.wake() }
        engine.wait(until: nil)
        let event = engine.next()
        #expect(isWoken(event))
        waker.acknowledge()
        engine.wait(until: nil)
        #expect(engine.isQuiescent == true)
    }

    private func isWoken(_ event: Event?) -> Bool {
        if case .woken? = event { true } else { false }
    }

    @Test func refusesWhatTheTableCannotHold() {
        let network = SimulatedNetwork(seed: 3)
        for _ in 0..<3 { network.add(SimulatedClient([.awaitEnd])) }
        var options = SimulatedOptions()
        options.socketsMax = 2
        var owner = EchoOwner(SimulatedEngine(network, options))
        while !owner.engine.isQuiescent { owner.turn() }
        #expect(owner.acceptedCount == 2)
        #expect(network.clients.filter(\.wasRefused).count == 1)
        #expect(owner.engine.counters.acceptsRefused == 1)
        #expect(!network.isFinished, "two clients wait for an end that never comes")
    }

    @Test func connects() throws {
        let network = SimulatedNetwork(seed: 4)
        let address = SocketAddress.ipv4(0x0A00_0002, port: 80)
        network.servers[address] = { SimulatedClient([.awaitBytes(5), .write([1, 2, 3]), .finishSending]) }
        var engine = SimulatedEngine(network)
        let socket = try engine.connect(to: address)
        let nobody = try engine.connect(to: .ipv4(0x0A00_0003, port: 80))
        let memory = SendMemory([5, 4, 3, 2, 1])
        var received: [UInt8] = [], isEnded = false, refusals: [SystemError?] = []
        while !engine.isQuiescent {
            engine.wait(until: nil)
            while let event = engine.next() {
                switch event {
                case .connected(let connected):
                    #expect(connected == socket)
                    engine.startReceiving(socket)
                    unsafe engine.send(socket, memory.bytes)
                case .received(_, let lent):
                    unsafe received += lent.bytes
                    engine.release(lent)
                case .receiveEnded: isEnded = true
                case .closed(let closed, let error):
                    #expect(closed == nobody)
                    refusals.append(error)
                case .sent, .readable, .woken, .accepted: break
                }
            }
        }
        #expect(received == [1, 2, 3] && isEnded)
        #expect(refusals == [SystemError(ECONNREFUSED, .connect)])
        #expect(network.clients[0].received == [5, 4, 3, 2, 1])
    }

    @Test func closesAConnectOnItsWay() throws {
        for seed in 0..<20 as Range<UInt64> {
            let network = SimulatedNetwork(seed: seed)
            var engine = SimulatedEngine(network)
            let nobody = try engine.connect(to: .ipv4(0x0A00_0003, port: 80))
            // Somewhere before, at or after the refusal, which the owner has not heard of.
            network.clock.advance(to: network.clock.now + 100_000 * seed)
            network.clock.runDue()
            engine.close(nobody)
            var closedCount = 0
            while !engine.isQuiescent {
                engine.wait(until: nil)
                while let event = engine.next() {
                    if case .closed = event { closedCount += 1 }
                }
            }
            #expect(closedCount == 1 && engine.openCount == 0, "seed \(seed)")
        }
    }

    @Test func gathersAndSendsFiles() throws {
        for seed in 0..<50 as Range<UInt64> {
            let network = SimulatedNetwork(seed: seed, faults: .lossless)
            let client = network.add(SimulatedClient([.awaitEnd]))
            let engine = SimulatedEngine(network)
            let file = temporaryFile()
            defer { _ = close(file) }
            let content = EchoRun.message(1, 1000)
            #expect(unsafe write(file, content, content.count) == content.count)
            SendingOwner(engine, file).run()
            #expect(client.received == [1, 2, 3, 4] + [9] + content[100..<900], "seed \(seed)")
            #expect(client.sawEnd, "seed \(seed)")
        }
    }

    /// The end of a silent send is told with the next thing that happens, or at once when somebody waits for it after all.
    @Test(arguments: [false, true]) func tellsTheEndOfASilentSendLate(isAwaited: Bool) {
        var faults = SimulatedFaults.none
        faults.silentSends = 1000
        let network = SimulatedNetwork(seed: 5, faults: faults)
        network.windowBytes = 100...100
        network.latencyNanoseconds = 0...0
        let client = network.add(SimulatedClient([.pause(5_000_000_000), .write([1]), .awaitEnd]))
        var engine = SimulatedEngine(network)
        engine.startAccepting(listener: 0, descriptor: -1)
        let memory = SendMemory([1, 2, 3])
        var sentAfter: [Nanoseconds] = []
        let start = network.clock.now
        while !engine.isQuiescent {
            engine.wait(until: nil)
            while let event = engine.next() {
                switch event {
                case .accepted(let socket, _):
                    engine.startReceiving(socket)
                    unsafe engine.sendUnawaited(socket, memory.bytes)
                    if isAwaited { engine.awaitSend(socket) }
                case .sent(_, let error):
                    #expect(error == nil)
                    #expect(client.received == [1, 2, 3] || isAwaited)
                    sentAfter.append(network.clock.now - start)
                case .received(_, let lent): engine.release(lent)
                case .connected, .receiveEnded, .closed, .readable, .woken: break
                }
            }
        }
        #expect(client.received == [1, 2, 3] && sentAfter.count == 1)
        #expect(isAwaited ? sentAfter[0] < 1_000_000_000 : sentAfter[0] >= 5_000_000_000, "\(sentAfter)")
    }

    /// What the socket does not take at once goes on as any other send.
    @Test func aSilentSendThatIsShortGoesOn() {
        var faults = SimulatedFaults.none
        faults.silentSends = 1000
        let network = SimulatedNetwork(seed: 5, faults: faults)
        network.windowBytes = 10...10
        let client = network.add(SimulatedClient([.awaitEnd]))
        var engine = SimulatedEngine(network)
        engine.startAccepting(listener: 0, descriptor: -1)
        let memory = SendMemory(EchoRun.message(1, 100))
        var sentCount = 0
        while !engine.isQuiescent {
            engine.wait(until: nil)
            while let event = engine.next() {
                if case .accepted(let socket, _) = event { unsafe engine.sendUnawaited(socket, memory.bytes) }
                if case .sent = event { sentCount += 1 }
            }
        }
        #expect(client.received == EchoRun.message(1, 100) && sentCount == 1)
    }

    /// Sends a vector, then a file, then the end.
    private struct SendingOwner: ~Copyable {
        var engine: SimulatedEngine
        let file: Int32

        init(_ engine: consuming SimulatedEngine, _ file: Int32) {
            self.engine = engine
            self.file = file
            self.engine.startAccepting(listener: 0, descriptor: -1)
        }

        consuming func run() {
            let memory = SendMemory([1, 2, 3, 4]), head = SendMemory([9])
            let pieces = UnsafeMutableBufferPointer<IOVector>.allocate(capacity: 2)
            defer { unsafe pieces.deallocate() }
            unsafe pieces.initializeElement(at: 0, to: IOVector(UnsafeRawBufferPointer(rebasing: memory.bytes[..<1])))
            unsafe pieces.initializeElement(at: 1, to: IOVector(UnsafeRawBufferPointer(rebasing: memory.bytes[1...])))
            var sentCount = 0
            while !engine.isQuiescent {
                engine.wait(until: nil)
                while let event = engine.next() {
                    switch event {
                    case .accepted(let socket, _): unsafe engine.send(socket, gathering: pieces)
                    case .sent(let socket, let error):
                        #expect(error == nil)
                        sentCount += 1
                        if sentCount == 1 { unsafe engine.send(socket, file: file, offset: 100, count: 800, head: head.bytes) } else { engine.close(socket) }
                    case .connected, .received, .receiveEnded, .closed, .readable, .woken: break
                    }
                }
            }
            #expect(sentCount == 2)
        }
    }
}

/// What an owner can do wrong; each ends the process with a sentence.
@Suite struct OwnerMistakeTests {
    enum Mistake: String, CaseIterable, Codable {
        case releasesTwice, sendsTwice, usesAfterClose, closesTwice, changesMemory, endsUnderASend, sendsAfterTheEnd
    }

    @Test(arguments: Mistake.allCases) func isFound(_ mistake: Mistake) async {
        await #expect(processExitsWith: .failure) { [mistake] in
            let network = SimulatedNetwork(seed: 7)
            network.add(SimulatedClient([.write([1, 2, 3]), .awaitEnd]))
            var engine = SimulatedEngine(network)
            engine.startAccepting(listener: 0, descriptor: -1)
            let memory = SendMemory([1, 2, 3])
            while !engine.isQuiescent {
                engine.wait(until: nil)
                while let event = engine.next() {
                    switch event {
                    case .accepted(let socket, _): engine.startReceiving(socket)
                    case .received(let socket, let lent):
                        engine.release(lent)
                        if mistake == .releasesTwice { engine.release(lent) }
                        if mistake == .usesAfterClose || mistake == .closesTwice { engine.close(socket) }
                        if mistake == .closesTwice { engine.close(socket) }
                        if mistake == .sendsAfterTheEnd { engine.shutdownSend(socket) }
                        unsafe engine.send(socket, memory.bytes)
                        if mistake == .sendsTwice { unsafe engine.send(socket, memory.bytes) }
                        if mistake == .changesMemory { memory.scribble() }
                        if mistake == .endsUnderASend { engine.shutdownSend(socket) }
                    case .connected, .receiveEnded, .sent, .closed, .readable, .woken: break
                    }
                }
            }
        }
    }

    @Test func theSameWithoutAMistakeEndsWell() {
        let network = SimulatedNetwork(seed: 7)
        let client = network.add(SimulatedClient([.write([1, 2, 3]), .finishSending, .awaitEnd]))
        var owner = EchoOwner(SimulatedEngine(network))
        while !owner.engine.isQuiescent { owner.turn() }
        #expect(client.received == [1, 2, 3])
    }

    @Test func releasedBytesAreGone() {
        let network = SimulatedNetwork(seed: 7)
        network.add(SimulatedClient([.write([1, 2, 3]), .awaitEnd]))
        var engine = SimulatedEngine(network)
        engine.startAccepting(listener: 0, descriptor: -1)
        while !engine.isQuiescent {
            engine.wait(until: nil)
            while let event = engine.next() {
                if case .accepted(let socket, _) = event { engine.startReceiving(socket) }
                guard case .received(_, let lent) = event else { continue }
                engine.release(lent)
                #expect(unsafe lent.bytes.allSatisfy { $0 == 0xDD })
            }
        }
    }
}

/// A file without a name.
func temporaryFile() -> Int32 {
    var path = Array("/tmp/martlet-test-XXXXXX".utf8CString)
    let descriptor = unsafe mkstemp(&path)
    _ = unsafe unlink(path)
    return descriptor
}
