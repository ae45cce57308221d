// Reading numbers from bytes: digits only, and never past what fits.

extension Span where Element == UInt8 {
    /// The number that these decimal digits write, or nil: no sign, no space, at least one digit, no overflow.
    public func decimal() -> UInt64? {
        guard !isEmpty else { return nil }
        var value: UInt64 = 0
        for index in indices {
            guard self[index].isDigit else { return nil }
            let digit = UInt64(self[index] & 15)
            if index < 19 {
                // Cannot overflow: 19 digits are below 10^19, which is below 2^64.
                value = value &* 10 &+ digit
            } else {
                let (product, overflow) = value.multipliedReportingOverflow(by: 10)
                let (sum, carry) = product.addingReportingOverflow(digit)
                guard !overflow && !carry else { return nil }
                value = sum
            }
        }
        return value
    }

    /// The number that these hexadecimal digits write, or nil: no prefix, at least one digit, no overflow.
    package func hexadecimal() -> UInt64? {
        guard !isEmpty else { return nil }
        var value: UInt64 = 0
        for index in indices {
            guard let digit = self[index].hexValue, value >> 60 == 0 else { return nil }
            value = value << 4 | UInt64(digit)
        }
        return value
    }
}
