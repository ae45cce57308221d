import MartletHTTP
import Testing

@Suite struct LimitsTests {
    @Test func defaults() {
        let limits = Limits()
        #expect(limits.requestLineBytesMax == 8_192)
        #expect(limits.headBytesMax == 32_768)
        #expect(limits.fieldCountMax == 100)
        #expect(limits.bodyBytesMax == 1 << 30)
        #expect(limits.leadingEmptyLinesMax == 1)
    }

    @Test func theTableSetsBounds() async {
        await #expect(processExitsWith: .failure) {
            var limits = Limits()
            limits.headBytesMax = 65_536
        }
        await #expect(processExitsWith: .failure) {
            var limits = Limits()
            limits.fieldCountMax = 101
        }
        await #expect(processExitsWith: .failure) {
            var limits = Limits()
            limits.chunkLineBytesMax = 65_536
        }
    }
}
