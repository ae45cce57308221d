// The class `_martlet.Service`: one application on one loop.

internal import CPython
internal import Martlet

@safe struct ServiceTypeState {
    var service: Unmanaged<ASGIService>?
    var loop: Unmanaged<LoopState>?
}

enum ServiceType {
    static func makeType() -> Object? {
        var definition = TypeDefinition("martlet._martlet.Service", byteCount: instanceBytes(ServiceTypeState.self))
        definition.documentation("Serves one application on a loop's ring, on the loop's thread. Accepts from the moment it is made.")
        unsafe definition.slot(Py_tp_init, unsafeBitCast(initialize, to: UnsafeMutableRawPointer.self))
        unsafe definition.slot(Py_tp_dealloc, unsafeBitCast(deallocate, to: UnsafeMutableRawPointer.self))
        unsafe definition.method("drain", "Begins a graceful stop, bounded by timeout_graceful_shutdown.", drain)
        unsafe definition.method("stop", "Cuts every connection now.", stop)
        unsafe definition.method("ended", "A future that is resolved once no connection is left.", ended)
        unsafe definition.method("tasks", "The tasks of applications that still run.", tasks)
        unsafe definition.method("counters", "What the service has counted, by name.", counters)
        return definition.make()
    }

    private static let initialize: @convention(c) (Reference?, Reference?, Reference?) -> Int32 = { object, arguments, names in
        guard let object = unsafe object else { return -1 }
        var loopObject: Reference?, application: Reference?, listeners: Reference?, settings: Reference?, stateDict: Reference?
        var interface: UnsafePointer<CChar>?
        guard unsafe martlet_parse_service(arguments, names, &loopObject, &interface, &application, &listeners, &settings, &stateDict) else { return -1 }
        guard unsafe isLoop(loopObject), let loop = unsafe LoopBase.loopState(loopObject) else { return -1 }
        guard let name = unsafe interface.map({ unsafe String(cString: $0) }), name == "asgi3" else {
            unsafe Python.raise(martlet_exc_value_error(), "interface must be asgi3")
            return -1
        }
        if loop.service != nil {
            unsafe Python.raise(martlet_exc_runtime_error(), "this loop has a service already")
            return -1
        }
        guard let listeners = unsafe descriptors(listeners), let settings = unsafe ServiceSettings(settings!) else { return -1 }
        let scopeState = unsafe stateDict == martlet_none() ? nil : stateDict
        guard let service = unsafe ASGIService(loop, application!, listeners, settings, state: scopeState) else { return -1 }
        do throws(ServerError) {
            try loop.core.serve(HostedService(listeners: listeners, configuration: settings.configuration))
        } catch {
            unsafe Python.raise(martlet_exc_os_error(), "\(error)")
            return -1
        }
        martlet_keep_freed_memory()
        loop.attach(service)
        let own = unsafe state(of: object, as: ServiceTypeState.self)
        unsafe own.pointee.service = Unmanaged.passRetained(service)
        unsafe own.pointee.loop = Unmanaged.passRetained(loop)
        return 0
    }

    private static func isLoop(_ object: Reference?) -> Bool {
        guard let object = unsafe object, let type = unsafe LoopBase.type, unsafe PyObject_IsInstance(object, type) == 1 else {
            unsafe Python.raise(martlet_exc_type_error(), "a Service needs a martlet.Loop")
            return false
        }
        return true
    }

    private static func descriptors(_ list: Reference?) -> [Int32]? {
        guard let list = unsafe list, let sequence = unsafe Object(taking: PySequence_Fast(list, "listeners must be a sequence of descriptors")) else {
            return nil
        }
        var found: [Int32] = []
        for index in unsafe 0..<FieldPairs.count(sequence.reference) {
            let descriptor = unsafe PyObject_AsFileDescriptor(FieldPairs.item(sequence.reference, index))
            guard descriptor >= 0 else { return nil }
            found.append(descriptor)
        }
        return found
    }

    private static let deallocate: @convention(c) (Reference?) -> Void = { object in
        guard let object = unsafe object else { return }
        let own = unsafe state(of: object, as: ServiceTypeState.self)
        unsafe own.pointee.service?.release()
        unsafe own.pointee.loop?.release()
        unsafe martlet_free(object)
    }

    private static func service(_ object: Reference?) -> (ASGIService, LoopState)? {
        guard let object = unsafe object, let service = unsafe state(of: object, as: ServiceTypeState.self).pointee.service,
            let loop = unsafe state(of: object, as: ServiceTypeState.self).pointee.loop
        else {
            unsafe Python.raise(martlet_exc_runtime_error(), "Service.__init__ was not called")
            return nil
        }
        return unsafe (service.takeUnretainedValue(), loop.takeUnretainedValue())
    }

    private static let drain: NoArguments = { object, _ in
        guard let (_, loop) = unsafe service(object) else { return nil }
        loop.core.drain()
        return unsafe Python.none.leave()
    }

    private static let stop: NoArguments = { object, _ in
        guard let (_, loop) = unsafe service(object) else { return nil }
        loop.core.stop()
        return unsafe Python.none.leave()
    }

    private static let ended: NoArguments = { object, _ in
        guard let (service, _) = unsafe service(object) else { return nil }
        return unsafe service.ended.leave()
    }

    private static let tasks: NoArguments = { object, _ in
        guard let (service, _) = unsafe service(object) else { return nil }
        return unsafe service.runningTasks()?.leave()
    }

    private static let counters: NoArguments = { object, _ in
        guard let (_, loop) = unsafe service(object), let dict = unsafe Object(taking: PyDict_New()) else { return nil }
        let counters = loop.core.counters
        let numbers: [(StaticString, UInt64)] = [
            ("accepted", counters.accepted), ("open", counters.open), ("requests", counters.requests), ("in_flight", counters.inFlight),
            ("answers_1xx", counters.answers[1]), ("answers_2xx", counters.answers[2]), ("answers_3xx", counters.answers[3]),
            ("answers_4xx", counters.answers[4]), ("answers_5xx", counters.answers[5]), ("bytes_received", counters.bytesReceived),
            ("bytes_sent", counters.bytesSent), ("timed_out", counters.timedOut), ("malformed", counters.malformed),
            ("overloaded", counters.overloaded), ("cut", counters.cut),
        ]
        for (name, number) in numbers {
            guard let value = unsafe Object(taking: PyLong_FromUnsignedLongLong(number)),
                unsafe PyDict_SetItemString(dict.reference, Python.cString(name), value.reference) == 0
            else { return nil }
        }
        return unsafe dict.leave()
    }
}
