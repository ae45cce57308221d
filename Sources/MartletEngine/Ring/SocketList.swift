// Heads of the lists that run through the rows of the socket table. A link is a slot + 1, so that 0 means none.

struct SocketList {
    var first: UInt32 = 0
    var last: UInt32 = 0
    var isEmpty: Bool { first == 0 }
}
