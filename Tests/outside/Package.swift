// swift-tools-version: 6.2
// A package as a user writes one: it knows Martlet only as a dependency. Tests/outside/run builds it in a temporary copy.
import PackageDescription

let package = Package(
    name: "outside",
    dependencies: [
        .package(name: "martlet", path: Context.environment["MARTLET_PACKAGE"] ?? "../..")
    ],
    targets: [
        .executableTarget(name: "outside", dependencies: [.product(name: "Martlet", package: "martlet")])
    ]
)
