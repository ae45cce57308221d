// The listening sockets of a server: one for each core, or one for all. Cores accept from them and never close them.

internal import MartletEngine

@safe final class Listeners: @unchecked Sendable {
    private var sockets: [UnsafeMutablePointer<ListeningSocket>] = unsafe []
    /// For each core the descriptors that it accepts from.
    private(set) var ofCore: [[Int32]]
    /// Where the server listens in fact.
    private(set) var addresses: [SocketAddress] = []
    /// Some listener is accepted from by several cores.
    private(set) var isShared = false

    init(_ configuration: Configuration, coreCount: Int) throws(ServerError) {
        ofCore = Array(repeating: [], count: coreCount)
        for wanted in configuration.addresses {
            var address = wanted
            let shared = configuration.sharesListeners || wanted.port == nil || coreCount == 1
            for core in 0..<(shared ? 1 : coreCount) {
                let socket = try Self.open(address, configuration.backlog, reusePort: !shared)
                // Port 0 is chosen once, for all cores.
                address = socket.address
                for index in shared ? 0..<coreCount : core..<core + 1 { ofCore[index].append(socket.descriptor) }
                let place = UnsafeMutablePointer<ListeningSocket>.allocate(capacity: 1)
                unsafe place.initialize(to: socket)
                unsafe sockets.append(place)
            }
            if shared, coreCount > 1 { isShared = true }
            addresses.append(address)
        }
    }

    private static func open(_ address: SocketAddress, _ backlog: Int32, reusePort: Bool) throws(ServerError) -> ListeningSocket {
        do throws(SystemError) {
            return try ListeningSocket(address, backlog: backlog, reusePort: reusePort)
        } catch {
            throw .cannotListen(address, error)
        }
    }

    /// Once, when no core accepts any more.
    func close() {
        for unsafe place in unsafe sockets {
            unsafe place.deinitialize(count: 1)
            unsafe place.deallocate()
        }
        unsafe sockets.removeAll()
    }

    deinit { close() }
}
