// CPython's own interface, and what of it Swift cannot see: macros, and globals that Swift 6 takes for shared mutable state.
// Only the functions that Python documents, and for each the same name with `martlet_` in front.

#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>
#include <malloc.h>
#include <stdbool.h>

#if PY_VERSION_HEX < 0x030A0000
#error "Martlet needs Python 3.10 or later"
#endif

#define MARTLET_INLINE static inline __attribute__((always_inline))

// References
MARTLET_INLINE void martlet_incref(PyObject *object) { Py_INCREF(object); }
MARTLET_INLINE void martlet_decref(PyObject *object) { Py_DECREF(object); }
MARTLET_INLINE PyObject *martlet_none(void) { return Py_None; }
MARTLET_INLINE PyObject *martlet_true(void) { return Py_True; }
MARTLET_INLINE PyObject *martlet_false(void) { return Py_False; }
MARTLET_INLINE PyTypeObject *martlet_type(PyObject *object) { return Py_TYPE(object); }
MARTLET_INLINE PyObject *martlet_type_object(PyObject *object) { return (PyObject *)Py_TYPE(object); }
MARTLET_INLINE Py_ssize_t martlet_refcount(PyObject *object) { return Py_REFCNT(object); }

// Kinds of objects
MARTLET_INLINE bool martlet_is_bytes(PyObject *object) { return PyBytes_Check(object); }
MARTLET_INLINE bool martlet_is_str(PyObject *object) { return PyUnicode_Check(object); }
MARTLET_INLINE bool martlet_is_int(PyObject *object) { return PyLong_Check(object); }
MARTLET_INLINE bool martlet_is_dict(PyObject *object) { return PyDict_Check(object); }
MARTLET_INLINE bool martlet_is_exact_list(PyObject *object) { return PyList_CheckExact(object); }
MARTLET_INLINE bool martlet_is_exact_tuple(PyObject *object) { return PyTuple_CheckExact(object); }
MARTLET_INLINE bool martlet_is_bytearray(PyObject *object) { return PyByteArray_Check(object); }
MARTLET_INLINE bool martlet_is_memoryview(PyObject *object) { return PyMemoryView_Check(object); }

// Items without checks: the caller has checked kind and index.
MARTLET_INLINE const char *martlet_bytes_start(PyObject *bytes) { return PyBytes_AS_STRING(bytes); }
MARTLET_INLINE Py_ssize_t martlet_bytes_count(PyObject *bytes) { return PyBytes_GET_SIZE(bytes); }
MARTLET_INLINE PyObject *martlet_list_item(PyObject *list, Py_ssize_t index) { return PyList_GET_ITEM(list, index); }
MARTLET_INLINE Py_ssize_t martlet_list_count(PyObject *list) { return PyList_GET_SIZE(list); }
MARTLET_INLINE void martlet_list_fill(PyObject *list, Py_ssize_t index, PyObject *stolen) { PyList_SET_ITEM(list, index, stolen); }
MARTLET_INLINE PyObject *martlet_tuple_item(PyObject *tuple, Py_ssize_t index) { return PyTuple_GET_ITEM(tuple, index); }
MARTLET_INLINE Py_ssize_t martlet_tuple_count(PyObject *tuple) { return PyTuple_GET_SIZE(tuple); }
MARTLET_INLINE void martlet_tuple_fill(PyObject *tuple, Py_ssize_t index, PyObject *stolen) { PyTuple_SET_ITEM(tuple, index, stolen); }

// Calls
MARTLET_INLINE PyObject *martlet_call(PyObject *callable, PyObject *const *arguments, size_t count, PyObject *names) {
    return PyObject_Vectorcall(callable, arguments, count, names);
}
MARTLET_INLINE PyObject *martlet_call1(PyObject *callable, PyObject *argument) { return PyObject_CallOneArg(callable, argument); }
MARTLET_INLINE PyObject *martlet_call_method0(PyObject *object, PyObject *name) { return PyObject_CallMethodNoArgs(object, name); }
MARTLET_INLINE PyObject *martlet_call_method1(PyObject *object, PyObject *name, PyObject *argument) { return PyObject_CallMethodOneArg(object, name, argument); }

// Exceptions
MARTLET_INLINE PyObject *martlet_exc_type_error(void) { return PyExc_TypeError; }
MARTLET_INLINE PyObject *martlet_exc_value_error(void) { return PyExc_ValueError; }
MARTLET_INLINE PyObject *martlet_exc_runtime_error(void) { return PyExc_RuntimeError; }
MARTLET_INLINE PyObject *martlet_exc_os_error(void) { return PyExc_OSError; }
MARTLET_INLINE PyObject *martlet_exc_index_error(void) { return PyExc_IndexError; }
MARTLET_INLINE PyObject *martlet_exc_system_exit(void) { return PyExc_SystemExit; }
MARTLET_INLINE PyObject *martlet_exc_keyboard_interrupt(void) { return PyExc_KeyboardInterrupt; }

// The exception that is being raised, as one object (PyErr_GetRaisedException is 3.12's); NULL without one. It is no longer raised then.
MARTLET_INLINE PyObject *martlet_take_raised(void) {
#if PY_VERSION_HEX >= 0x030C0000
    return PyErr_GetRaisedException();
#else
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (type == NULL) return NULL;
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL && value != NULL) PyException_SetTraceback(value, traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return value;
#endif
}
// Takes the reference over.
MARTLET_INLINE void martlet_raise_again(PyObject *exception) {
#if PY_VERSION_HEX >= 0x030C0000
    PyErr_SetRaisedException(exception);
#else
    PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
    Py_DECREF(exception);
#endif
}

// The offset of an attribute that a class keeps in a slot of its instances, or -1.
MARTLET_INLINE Py_ssize_t martlet_slot_offset(PyObject *type, const char *name) {
    PyObject *member = PyObject_GetAttrString(type, name);
    if (member == NULL) {
        PyErr_Clear();
        return -1;
    }
    Py_ssize_t offset = -1;
    if (Py_IS_TYPE(member, &PyMemberDescr_Type)) offset = ((PyMemberDescrObject *)member)->d_member->offset;
    Py_DECREF(member);
    return offset;
}
MARTLET_INLINE PyObject *martlet_allocate(PyObject *type) { return ((PyTypeObject *)type)->tp_alloc((PyTypeObject *)type, 0); }
MARTLET_INLINE void martlet_free(PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    type->tp_free(object);
    Py_DECREF((PyObject *)type);
}

// Modules
MARTLET_INLINE PyObject *martlet_module(PyModuleDef *definition) { return PyModule_Create(definition); }
#define MARTLET_PY_VERSION_HEX ((uint32_t)PY_VERSION_HEX)

static const unsigned long MARTLET_TYPE_DEFAULT = Py_TPFLAGS_DEFAULT;
static const unsigned long MARTLET_TYPE_BASE = Py_TPFLAGS_BASETYPE;
static const unsigned long MARTLET_TYPE_COLLECTED = Py_TPFLAGS_HAVE_GC;

// Makes sure that the headers of the build are those of the interpreter that runs.
MARTLET_INLINE bool martlet_is_right_python(void) {
    const char *running = Py_GetVersion();
    return strncmp(running, PY_VERSION, strcspn(PY_VERSION, ".") + 1) == 0 && strtol(running + 2, NULL, 10) == PY_MINOR_VERSION;
}

// `LoopBase(engine="auto")`
MARTLET_INLINE bool martlet_parse_engine(PyObject *arguments, PyObject *names, const char **engine) {
    static char *keywords[] = {"engine", NULL};
    return PyArg_ParseTupleAndKeywords(arguments, names, "|s:LoopBase", keywords, engine);
}

// Whether any other Python thread exists, who may want the GIL.
MARTLET_INLINE bool martlet_has_other_threads(void) {
    PyThreadState *first = PyInterpreterState_ThreadHead(PyThreadState_Get()->interp);
    return first != NULL && PyThreadState_Next(first) != NULL;
}

// StopIteration with a value of any kind: a tuple or an exception must not become its arguments.
MARTLET_INLINE void martlet_raise_stop_iteration(PyObject *value) {
    PyObject *stop = PyObject_CallOneArg(PyExc_StopIteration, value);
    if (stop == NULL) return;
    PyErr_SetObject(PyExc_StopIteration, stop);
    Py_DECREF(stop);
}

// What `throw(exception)` or `throw(type, value, traceback)` asks for.
MARTLET_INLINE void martlet_raise_given(PyObject *const *values, Py_ssize_t count) {
    if (PyExceptionInstance_Check(values[0])) {
        PyErr_SetObject((PyObject *)Py_TYPE(values[0]), values[0]);
    } else if (PyExceptionClass_Check(values[0])) {
        PyErr_SetObject(values[0], count > 1 && values[1] != Py_None ? values[1] : NULL);
    } else {
        PyErr_SetString(PyExc_TypeError, "throw() needs an exception");
    }
}

MARTLET_INLINE PyObject *martlet_function(PyMethodDef *definition, PyObject *self) { return PyCFunction_New(definition, self); }

// Constants of ASGI
MARTLET_INLINE PyObject *martlet_asgi_versions(void) { return Py_BuildValue("{s:s,s:s}", "version", "3.0", "spec_version", "2.5"); }
MARTLET_INLINE PyObject *martlet_asgi_extensions(void) {
    return Py_BuildValue("{s:{},s:{},s:{},s:{}}", "http.response.pathsend", "http.response.zerocopysend", "http.response.trailers", "http.response.early_hint");
}
MARTLET_INLINE PyObject *martlet_asgi_old_extensions(void) { return Py_BuildValue("{s:{},s:{}}", "http.response.pathsend", "http.response.zerocopysend"); }
// `(host, port)`; a negative port is None. Takes the host over.
MARTLET_INLINE PyObject *martlet_host_port(PyObject *host, Py_ssize_t port) {
    return port < 0 ? Py_BuildValue("(NO)", host, Py_None) : Py_BuildValue("(Nn)", host, port);
}
MARTLET_INLINE bool martlet_equal_bytes(const char *left, const void *right, size_t count) { return memcmp(left, right, count) == 0; }
MARTLET_INLINE PyObject *martlet_exc_import_error(void) { return PyExc_ImportError; }

// `b"".join(list)`
MARTLET_INLINE PyObject *martlet_join_bytes(PyObject *empty, PyObject *list) { return PyObject_CallMethod(empty, "join", "O", list); }

// Version of the interpreter that runs, as PY_VERSION_HEX.
MARTLET_INLINE unsigned long martlet_running_version(void) {
#if PY_VERSION_HEX >= 0x030B0000
    return Py_Version;
#else
    return PY_VERSION_HEX;
#endif
}

MARTLET_INLINE PyModuleDef martlet_module_definition(const char *name, const char *documentation) {
    PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = name, .m_doc = documentation, .m_size = -1};
    return definition;
}

// `Service(loop, interface, application, listeners, settings, state=None)`
MARTLET_INLINE bool martlet_parse_service(
    PyObject *arguments, PyObject *names, PyObject **loop, const char **interface, PyObject **application, PyObject **listeners, PyObject **settings,
    PyObject **state) {
    static char *keywords[] = {"loop", "interface", "application", "listeners", "settings", "state", NULL};
    *state = Py_None;
    return PyArg_ParseTupleAndKeywords(
        arguments, names, "OsOOO!|O:Service", keywords, loop, interface, application, listeners, &PyDict_Type, settings, state);
}

// Bodies come and go in pieces of up to some hundred kilobytes. By default malloc gives such memory back at once and faults it in again for the next one:
// an upload of 1 MB cost 1,784 microseconds of CPU so, and 1,121 with this.
MARTLET_INLINE void martlet_keep_freed_memory(void) {
    mallopt(M_MMAP_THRESHOLD, 2 << 20);
    mallopt(M_TRIM_THRESHOLD, 8 << 20);
}
