// Paths as the application sees them: percent-decoded text and the raw bytes. The few that are asked for most are kept.

internal import CPython

@safe struct PathCache: ~Copyable {
    /// Borrowed from the cache; good until the next call.
    @unsafe struct Entry {
        let path: Reference
        let rawPath: Reference
    }

    private struct Place {
        var path = Slot()
        var rawPath = Slot()
        /// The bytes that were asked for; not the raw path itself where that was made up.
        var key: [UInt8] = []
    }

    private var places: [Place]
    private static let placeCount = 64
    private static let keyBytesMax = 128

    init() { places = Array(repeating: Place(), count: Self.placeCount + 1) }

    /// The path as text and bytes; nil with an exception raised.
    ///
    /// - Parameters:
    ///   - rootPath: prepended when the path does not begin with it (a proxy stripped it).
    ///   - absoluteWithoutPath: an absolute target that ends with its authority stands for `/`.
    mutating func entry(_ bytes: Span<UInt8>, _ rootPath: [UInt8], absoluteWithoutPath: Bool) -> Entry? {
        var hash: UInt32 = 2_166_136_261
        for index in bytes.indices { hash = (hash ^ UInt32(bytes[index])) &* 16_777_619 } // FNV-1a: wraps by design.
        let isKept = bytes.count <= Self.keyBytesMax && !absoluteWithoutPath
        let place = isKept ? Int(hash % UInt32(Self.placeCount)) : Self.placeCount
        if isKept, let path = unsafe places[place].path.reference, let raw = unsafe places[place].rawPath.reference, isEqual(places[place].key, bytes) {
            return unsafe Entry(path: path, rawPath: raw)
        }
        var decoded = PathCache.decoded(bytes)
        if absoluteWithoutPath, decoded.isEmpty { decoded = [0x2F] }
        if !rootPath.isEmpty, !PathCache.begins(decoded, with: rootPath) { decoded = rootPath + decoded }
        guard let raw = Python.bytes(bytes), let path = PathCache.text(decoded) else { return nil }
        places[place].key = isKept ? PathCache.array(bytes) : []
        places[place].path.set(path)
        places[place].rawPath.set(raw)
        return unsafe Entry(path: places[place].path.reference!, rawPath: places[place].rawPath.reference!)
    }

    private func isEqual(_ key: [UInt8], _ bytes: Span<UInt8>) -> Bool {
        guard key.count == bytes.count else { return false }
        for index in bytes.indices where key[index] != bytes[index] { return false }
        return true
    }

    /// `/pre` and `/pre/x` begin with `/pre`; `/prefix` does not.
    private static func begins(_ path: [UInt8], with rootPath: [UInt8]) -> Bool {
        path.starts(with: rootPath) && (path.count == rootPath.count || path[rootPath.count] == 0x2F || rootPath.last == 0x2F)
    }

    private static func array(_ bytes: Span<UInt8>) -> [UInt8] {
        var copy: [UInt8] = []
        copy.reserveCapacity(bytes.count)
        for index in bytes.indices { copy.append(bytes[index]) }
        return copy
    }

    /// Percent-decoded; a percent sign that begins no escape stays.
    private static func decoded(_ bytes: Span<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            if byte == 0x25, index + 2 < bytes.count, let high = digit(bytes[index + 1]), let low = digit(bytes[index + 2]) {
                result.append(high << 4 | low)
                index += 3
            } else {
                result.append(byte)
                index += 1
            }
        }
        return result
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }

    /// UTF-8 with replacement characters for what is none.
    private static func text(_ bytes: [UInt8]) -> Object? {
        let made = unsafe bytes.withUnsafeBytes { raw in
            unsafe PyUnicode_DecodeUTF8(raw.baseAddress?.assumingMemoryBound(to: CChar.self), raw.count, "replace")
        }
        return unsafe Object(taking: made)
    }

    deinit {
        for place in places {
            var place = place
            place.path.clear()
            place.rawPath.clear()
        }
    }
}
