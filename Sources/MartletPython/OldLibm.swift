// Keeps the extension loadable by glibc 2.34, which enterprise distributions have.
//
// Swift's Glibc module mentions `hypotf` in a function that nothing calls, and glibc 2.35 gave the symbol a new version. Where the extension is linked
// on such a system, the loader of an older one would refuse it for the mention alone; so it is answered here, and not shown to anybody else.

@_cdecl("hypotf")
public func hypotenuse(_ x: Float, _ y: Float) -> Float {
    if x.isInfinite || y.isInfinite { return .infinity }
    // Squares of Float neither overflow nor vanish in Double.
    return Float((Double(x) * Double(x) + Double(y) * Double(y)).squareRoot())
}
