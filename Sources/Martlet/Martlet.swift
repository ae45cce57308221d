// One import for users: the server, its vocabulary, and the bytes.

@_exported public import MartletBytes
@_exported public import MartletEngine
@_exported public import MartletHTTP
