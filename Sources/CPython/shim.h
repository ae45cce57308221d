// CPython's own interface, and what of it Swift cannot see: macros, and globals that Swift 6 takes for shared mutable state.
// Only the functions that Python documents, and for each the same name with `martlet_` in front.

#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>
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
MARTLET_INLINE Py_ssize_t martlet_refcount(PyObject *object) { return Py_REFCNT(object); }

// Kinds of objects
MARTLET_INLINE bool martlet_is_bytes(PyObject *object) { return PyBytes_Check(object); }
MARTLET_INLINE bool martlet_is_str(PyObject *object) { return PyUnicode_Check(object); }
MARTLET_INLINE bool martlet_is_int(PyObject *object) { return PyLong_Check(object); }
MARTLET_INLINE bool martlet_is_exact_bool(PyObject *object) { return PyBool_Check(object); }
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
MARTLET_INLINE PyObject *martlet_call0(PyObject *callable) { return PyObject_CallNoArgs(callable); }
MARTLET_INLINE PyObject *martlet_call1(PyObject *callable, PyObject *argument) { return PyObject_CallOneArg(callable, argument); }
MARTLET_INLINE PyObject *martlet_call_method0(PyObject *object, PyObject *name) { return PyObject_CallMethodNoArgs(object, name); }
MARTLET_INLINE PyObject *martlet_call_method1(PyObject *object, PyObject *name, PyObject *argument) { return PyObject_CallMethodOneArg(object, name, argument); }

// Exceptions
MARTLET_INLINE PyObject *martlet_exc_type_error(void) { return PyExc_TypeError; }
MARTLET_INLINE PyObject *martlet_exc_value_error(void) { return PyExc_ValueError; }
MARTLET_INLINE PyObject *martlet_exc_key_error(void) { return PyExc_KeyError; }
MARTLET_INLINE PyObject *martlet_exc_runtime_error(void) { return PyExc_RuntimeError; }
MARTLET_INLINE PyObject *martlet_exc_os_error(void) { return PyExc_OSError; }
MARTLET_INLINE PyObject *martlet_exc_index_error(void) { return PyExc_IndexError; }
MARTLET_INLINE PyObject *martlet_exc_stop_iteration(void) { return PyExc_StopIteration; }
MARTLET_INLINE PyObject *martlet_exc_system_exit(void) { return PyExc_SystemExit; }
MARTLET_INLINE PyObject *martlet_exc_keyboard_interrupt(void) { return PyExc_KeyboardInterrupt; }
MARTLET_INLINE PyObject *martlet_exc_attribute_error(void) { return PyExc_AttributeError; }
MARTLET_INLINE PyObject *martlet_exc_overflow_error(void) { return PyExc_OverflowError; }

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
