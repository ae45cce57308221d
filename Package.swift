// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    // Returning a span from our own types needs it; the standard library and swift-collections ship with it on.
    .enableExperimentalFeature("Lifetimes"),
    // Reading a row of a table inside a borrowed struct copies the whole table without it (Swift 6.3).
    .enableExperimentalFeature("AddressableParameters"),
]

func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(name: name + "Tests", dependencies: [.byName(name: name)] + dependencies, swiftSettings: settings)
}

// The extension module of the wheel is built for one interpreter, whose pkg-config name this is (`3.13`): a plain build needs no Python.
let python = Context.environment["MARTLET_PYTHON"]
let pythonProducts: [Product] = python == nil ? [] : [
    .library(name: "MartletPython", type: .dynamic, targets: ["MartletPython"]),
    .library(name: "MartletPythonSimulation", type: .dynamic, targets: ["MartletPythonSimulation"]),
]
let pythonTargets: [Target] = python.map { version in
    [
        .systemLibrary(name: "CPython", pkgConfig: "python-\(version)"),
        .target(
            name: "MartletPython", dependencies: ["Martlet", "MartletBytes", "MartletHTTP", "MartletHTTP1", "MartletEngine", "CPython"],
            exclude: ["exports.txt"],
            // Python.h wants it, and the first build of a fresh clone fails without it: the C modules are built with one set of macros.
            cSettings: [.define("_GNU_SOURCE")], swiftSettings: settings),
        // The same host over the simulated engine; tests load it in place of the one above.
        .target(
            name: "MartletPythonSimulation", dependencies: ["Martlet", "MartletEngine", "MartletPython", "MartletSimulation", "CPython"],
            exclude: ["exports.txt"], cSettings: [.define("_GNU_SOURCE")], swiftSettings: settings),
    ]
} ?? []

let package = Package(
    name: "martlet",
    products: [
        .library(name: "Martlet", targets: ["Martlet"]),
        .executable(name: "martlet-hello", targets: ["martlet-hello"]),
        .executable(name: "martlet-load", targets: ["martlet-load"]),
    ] + pythonProducts,
    targets: [
        .systemLibrary(name: "CUring", pkgConfig: nil, providers: [.apt(["liburing-dev"])]),
        .systemLibrary(name: "CAffinity"),
        module("MartletBytes"),
        module("MartletHTTP", ["MartletBytes"]),
        module("MartletHTTP1", ["MartletBytes", "MartletHTTP"]),
        module("MartletEngine", ["MartletBytes", "CUring"]),
        module("Martlet", ["MartletBytes", "MartletHTTP", "MartletHTTP1", "MartletEngine", "CAffinity"]),
        module("MartletSimulation", ["MartletEngine"]),
        program("martlet-hello", ["Martlet"]),
        program("martlet-load", ["Martlet", "MartletBytes", "MartletHTTP", "MartletHTTP1", "MartletEngine"]),
        tests("MartletBytes"),
        tests("MartletHTTP", ["MartletBytes"]),
        tests("MartletHTTP1", ["MartletBytes", "MartletHTTP"]),
        tests("Martlet", ["MartletEngine", "MartletHTTP", "MartletSimulation"]),
        tests("MartletEngine"),
        tests("MartletSimulation", ["MartletEngine"]),
        .testTarget(name: "MartletLoadTests", dependencies: ["martlet-load", "Martlet", "MartletEngine"], swiftSettings: settings),
    ] + pythonTargets
)
