// Runs every conformance case in every way in which its bytes can arrive, and demands one verdict.

import MartletHTTP
import MartletHTTP1
import Testing

@Suite struct CorpusTests {
    @Test func thereAreEnoughCases() throws {
        let cases = try Corpus.load()
        print("conformance cases: \(cases.count)")
        #expect(cases.count >= 250)
        #expect(Set(cases.map(\.id)).count == cases.count, "every case has its own id")
    }

    @Test(arguments: try Corpus.load())
    func holds(_ example: CorpusCase) throws {
        let verdict = Arrival.whole(example)
        check(verdict, example)
        #expect(Arrival.byteByByte(example) == verdict, "byte by byte")
        for cut in Arrival.cuts(example) {
            let split = Arrival.cutOnce(example, at: cut)
            if split != verdict { Issue.record("\(example.id) cut at \(cut): \(split) instead of \(verdict)") }
        }
        #expect(Arrival.beforeGuardPage(example) == verdict, "at the end of readable memory")
    }

    func check(_ verdict: Verdict, _ example: CorpusCase) {
        for expectation in example.expectations {
            let met: Bool
            switch verdict {
            case .incomplete: met = expectation.key == "incomplete"
            case .fault(let error): met = expectation == Fact("error", "\(error) \(error.status.code)")
            case .complete(_, let facts): met = facts.contains(expectation)
            }
            if !met { Issue.record("\(example.file) \(example.id) expects \(expectation), but: \(verdict)") }
        }
    }
}

/// The ways in which the bytes of a case can arrive.
enum Arrival {
    /// Where to cut: everywhere, or at some 500 places of a long case.
    static func cuts(_ example: CorpusCase) -> [Int] {
        Array(stride(from: 0, through: example.bytes.count, by: max(1, example.bytes.count / 500)))
    }

    static func whole(_ example: CorpusCase) -> Verdict {
        verdict(example, prefixes: [example.bytes.count])
    }

    /// Also compares each resumed parse with a fresh one of the same bytes: an error must not appear late.
    static func byteByByte(_ example: CorpusCase) -> Verdict {
        if example.kind == .http {
            for cut in cuts(example) {
                let resumed = verdict(example, prefixes: [cut / 2, cut])
                if verdict(example, prefixes: [cut]) != resumed { return .incomplete }
            }
        }
        return verdict(example, prefixes: Array(cuts(example)) + [example.bytes.count])
    }

    static func cutOnce(_ example: CorpusCase, at cut: Int) -> Verdict {
        verdict(example, prefixes: [cut, example.bytes.count])
    }

    /// Each prefix at the very end of readable memory.
    static func beforeGuardPage(_ example: CorpusCase) -> Verdict {
        let memory = GuardedMemory(capacity: example.bytes.count)
        return verdict(example, prefixes: Array(cuts(example)) + [example.bytes.count]) { slice, body in
            memory.lend(slice, body)
        }
    }

    private static func verdict(_ example: CorpusCase, prefixes: [Int]) -> Verdict {
        verdict(example, prefixes: prefixes) { slice, body in body(slice.span) }
    }

    /// Presents growing prefixes until one decides.
    private static func verdict(
        _ example: CorpusCase, prefixes: [Int], lend: (ArraySlice<UInt8>, (Span<UInt8>) -> Verdict) -> Verdict
    ) -> Verdict {
        switch example.kind {
        case .http: headVerdict(example, prefixes: prefixes, lend: lend)
        case .chunked: bodyVerdict(example, prefixes: prefixes, lend: lend)
        }
    }

    private static func headVerdict(
        _ example: CorpusCase, prefixes: [Int], lend: (ArraySlice<UInt8>, (Span<UInt8>) -> Verdict) -> Verdict
    ) -> Verdict {
        var parser = RequestParser()
        var head = RequestHead()
        for prefix in prefixes {
            let verdict = lend(example.bytes[0..<prefix]) { span in
                do throws(RequestError) {
                    guard try parser.parse(span, into: &head, limits: example.limits) else { return .incomplete }
                    // The facts speak of all bytes of the case, also of those that have not arrived here.
                    return .complete(consumed: head.byteCount, facts: head.facts(example.bytes.span))
                } catch {
                    return .fault(error)
                }
            }
            if verdict != .incomplete { return verdict }
        }
        return .incomplete
    }

    private static func bodyVerdict(
        _ example: CorpusCase, prefixes: [Int], lend: (ArraySlice<UInt8>, (Span<UInt8>) -> Verdict) -> Verdict
    ) -> Verdict {
        var decoder = ChunkedDecoder()
        var data: [UInt8] = []
        var done = 0
        for prefix in prefixes where prefix >= done {
            while true {
                var goesOn = false
                let verdict = lend(example.bytes[done..<prefix]) { span in
                    do throws(RequestError) {
                        switch try decoder.next(span, limits: example.limits) {
                        case .data(let range, let consumed):
                            for index in range { data.append(span[index]) }
                            done += consumed
                            goesOn = true
                        case .needMore(let consumed):
                            done += consumed
                        case .end(let consumed):
                            done += consumed
                            let rest = example.bytes[done...]
                            return .complete(
                                consumed: done,
                                facts: [Fact("data", escaped(data.span)), Fact("rest", escaped(rest.span)),
                                    Fact("data-count", "\(data.count)")])
                        }
                        return .incomplete
                    } catch {
                        return .fault(error)
                    }
                }
                if verdict != .incomplete { return verdict }
                if !goesOn { break }
            }
        }
        return .incomplete
    }
}
