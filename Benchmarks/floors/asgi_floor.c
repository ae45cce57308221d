// The ASGI floor: the least work that an io_uring server needs to have a real application in its own process answer.
//
// It is an extension module, driven by asgi_floor_run.py. As in uring_floor.c: multishot accept and receive, one send
// per answer, one io_uring_enter per turn. Each request becomes a real scope (or environ), a call of the application,
// and bytes made of what it sends. The interface is chosen with the mode:
//   0  ASGI, the coroutine stepped at once, without a Task: for applications that never wait
//   1  WSGI
//   2  ASGI in an eager asyncio.Task (Python 3.12 or newer): for every application, frameworks included
// Bodies of requests are not read, heads must come in one piece, and one request at a time on each connection: the
// generator's requests are so. Nothing is checked that an application does right. There is no clock and no limit.
#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "asgi_answer.h"
#include "asgi_request.h"
#include "listening.h"
#include <arpa/inet.h>
#include <poll.h>
#include <stddef.h>
#include <structmember.h>

enum mode { COROUTINE = 0, WSGI = 1, TASK = 2 };

static PyObject *application, *loop, *loop_ready, *task_type, *task_keywords, *start_response, *done;
static enum mode mode;
static long requests;
static struct connection *wsgi_connection; // the one whose application is being called

// What `await` finds in hand: nothing for send, the message for the first receive.

typedef struct {
    PyObject_HEAD PyObject *value; // NULL: None
} Ready;

static PyObject *ready_itself(PyObject *self) { return Py_NewRef(self); }

static PyObject *ready_next(PyObject *self) {
    PyObject *value = ((Ready *)self)->value;
    // Ending without an exception means None, and is faster.
    if (value) PyErr_SetObject(PyExc_StopIteration, value);
    return NULL;
}

static void ready_free(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    Py_XDECREF(((Ready *)self)->value);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyType_Slot ready_slots[] = {{Py_am_await, ready_itself}, {Py_tp_iter, ready_itself}, {Py_tp_iternext, ready_next},
                                    {Py_tp_dealloc, ready_free}, {0, NULL}};
static PyType_Spec ready_spec = {"asgi_floor.Ready", sizeof(Ready), 0, Py_TPFLAGS_DEFAULT, ready_slots};
static PyTypeObject *ready_type;

static PyObject *make_ready(PyObject *value) {
    Ready *ready = PyObject_New(Ready, ready_type);
    if (ready) ready->value = value;
    else Py_XDECREF(value);
    return (PyObject *)ready;
}

// The `receive` or the `send` of one request.

typedef struct {
    PyObject_HEAD vectorcallfunc call;
    int descriptor;
    int has_received;
    long request;
} Channel;

static PyMemberDef channel_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Channel, call), READONLY, NULL}, {0}};
static void channel_free(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}
static PyType_Slot channel_slots[] = {
    {Py_tp_call, PyVectorcall_Call}, {Py_tp_members, channel_members}, {Py_tp_dealloc, channel_free}, {0, NULL}};
static PyType_Spec channel_spec = {
    "asgi_floor.Channel", sizeof(Channel), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL, channel_slots};
static PyTypeObject *channel_type;

static PyObject *make_channel(vectorcallfunc call, int descriptor) {
    Channel *channel = PyObject_New(Channel, channel_type);
    if (!channel) return NULL;
    channel->call = call;
    channel->descriptor = descriptor;
    channel->has_received = 0;
    channel->request = connections[descriptor].request;
    return (PyObject *)channel;
}

static PyObject *simple_message(PyObject *type) {
    PyObject *message = PyDict_New();
    if (message && PyDict_SetItem(message, name_type, type)) Py_CLEAR(message);
    return message;
}

static PyObject *request_message(void) {
    PyObject *message = simple_message(name_request);
    if (message && (put(message, name_body, PyBytes_FromStringAndSize(NULL, 0)) ||
                    PyDict_SetItem(message, name_more_body, Py_False)))
        Py_CLEAR(message);
    return message;
}

// The body, which is empty, and then nothing until the connection ends.
static PyObject *receive(PyObject *self, PyObject *const *Py_UNUSED(arguments), size_t Py_UNUSED(count),
                         PyObject *Py_UNUSED(keywords)) {
    Channel *channel = (Channel *)self;
    struct connection *connection = &connections[channel->descriptor];
    if (connection->request != channel->request) {
        PyObject *message = simple_message(name_disconnect);
        return message ? make_ready(message) : NULL;
    }
    if (!channel->has_received) {
        channel->has_received = 1;
        PyObject *message = request_message();
        return message ? make_ready(message) : NULL;
    }
    if (!loop) return PyErr_Format(PyExc_RuntimeError, "mode %d has nothing to wait with", mode);
    if (!connection->waiting) connection->waiting = PyObject_CallMethodNoArgs(loop, name_create_future);
    return Py_XNewRef(connection->waiting);
}

static int add_asgi_fields(struct connection *connection, PyObject *headers) {
    PyObject *fields = PySequence_Fast(headers, "headers are not a sequence");
    if (!fields) return -1;
    for (Py_ssize_t index = 0; index < PySequence_Fast_GET_SIZE(fields); index++) {
        PyObject *pair = PySequence_Fast(PySequence_Fast_GET_ITEM(fields, index), "a header is not a sequence");
        if (!pair || PySequence_Fast_GET_SIZE(pair) != 2) {
            Py_XDECREF(pair);
            Py_DECREF(fields);
            if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "a header is not a pair");
            return -1;
        }
        PyObject *name = PySequence_Fast_GET_ITEM(pair, 0), *value = PySequence_Fast_GET_ITEM(pair, 1);
        if (PyBytes_Check(name) && PyBytes_Check(value))
            add_field(connection, PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name), PyBytes_AS_STRING(value),
                      PyBytes_GET_SIZE(value));
        else PyErr_SetString(PyExc_TypeError, "a header is not of bytes");
        Py_DECREF(pair);
    }
    Py_DECREF(fields);
    return PyErr_Occurred() ? -1 : 0;
}

static int start_answer(struct connection *connection, PyObject *message) {
    PyObject *status = PyDict_GetItemWithError(message, name_status);
    long number = status ? PyLong_AsLong(status) : -1;
    if (number < 0) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "no status");
        return -1;
    }
    char text[32];
    int size = snprintf(text, sizeof text, number == 200 ? "200 OK" : "%ld ", number);
    begin_head(connection, text, size);
    PyObject *headers = PyDict_GetItemWithError(message, name_headers);
    if (headers && add_asgi_fields(connection, headers)) return -1;
    end_head(connection);
    return PyErr_Occurred() ? -1 : 0;
}

static int go_on_answering(struct connection *connection, PyObject *message) {
    PyObject *body = PyDict_GetItemWithError(message, name_body);
    if (body ? add_body(connection, body) : PyErr_Occurred() != NULL) return -1;
    PyObject *more = PyDict_GetItemWithError(message, name_more_body);
    int has_more = more ? PyObject_IsTrue(more) : PyErr_Occurred() ? -1 : 0;
    if (has_more == 0) end_body(connection);
    return has_more < 0 ? -1 : 0;
}

static PyObject *send_message(PyObject *self, PyObject *const *arguments, size_t count, PyObject *Py_UNUSED(keywords)) {
    Channel *channel = (Channel *)self;
    struct connection *connection = &connections[channel->descriptor];
    if (PyVectorcall_NARGS(count) != 1 || !PyDict_Check(arguments[0]))
        return PyErr_Format(PyExc_TypeError, "send takes one message");
    if (connection->request != channel->request) return Py_NewRef(done); // the client has left
    PyObject *type = PyDict_GetItemWithError(arguments[0], name_type);
    if (!type || !PyUnicode_Check(type)) return PyErr_Format(PyExc_ValueError, "the message has no type");
    int failed = PyUnicode_Compare(type, name_response_start) == 0 ? start_answer(connection, arguments[0])
                                                                    : go_on_answering(connection, arguments[0]);
    if (failed) return NULL;
    list(channel->descriptor);
    return Py_NewRef(done);
}

static int call_asgi(int descriptor, const struct head *head) {
    PyObject *scope = make_scope(head, connections[descriptor].client);
    PyObject *arguments[] = {scope, make_channel(receive, descriptor), make_channel(send_message, descriptor)};
    PyObject *coroutine =
        scope && arguments[1] && arguments[2] ? PyObject_Vectorcall(application, arguments, 3, NULL) : NULL;
    Py_XDECREF(arguments[0]), Py_XDECREF(arguments[1]), Py_XDECREF(arguments[2]);
    if (!coroutine) return -1;
    int result = -1;
    if (mode == TASK) {
        PyObject *parameters[] = {coroutine, loop, Py_True};
        PyObject *task = PyObject_Vectorcall(task_type, parameters, 1, task_keywords);
        // One that waits is held by what it waits for.
        if (task) result = 0;
        Py_XDECREF(task);
    } else {
        PyObject *returned = NULL;
        PySendResult step = PyIter_Send(coroutine, Py_None, &returned);
        if (step == PYGEN_NEXT) PyErr_SetString(PyExc_RuntimeError, "the application waits, which mode 0 does not allow");
        else if (step == PYGEN_RETURN) result = 0;
        Py_XDECREF(returned);
    }
    Py_DECREF(coroutine);
    return result;
}

static PyObject *start_wsgi_answer(PyObject *Py_UNUSED(self), PyObject *const *arguments, Py_ssize_t count) {
    Py_ssize_t size;
    const char *status = count >= 2 ? PyUnicode_AsUTF8AndSize(arguments[0], &size) : NULL;
    PyObject *fields = status ? PySequence_Fast(arguments[1], "headers are not a sequence") : NULL;
    if (!fields) return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "start_response(status, headers)");
    begin_head(wsgi_connection, status, size);
    for (Py_ssize_t index = 0; index < PySequence_Fast_GET_SIZE(fields); index++) {
        const char *name, *value;
        Py_ssize_t name_size, value_size;
        if (!PyArg_ParseTuple(PySequence_Fast_GET_ITEM(fields, index), "s#s#", &name, &name_size, &value, &value_size)) {
            Py_DECREF(fields);
            return NULL;
        }
        add_field(wsgi_connection, name, name_size, value, value_size);
    }
    Py_DECREF(fields);
    end_head(wsgi_connection);
    Py_RETURN_NONE;
}

static int add_wsgi_body(struct connection *connection, PyObject *pieces) {
    if (PyList_CheckExact(pieces) && PyList_GET_SIZE(pieces) == 1) {
        if (add_body(connection, PyList_GET_ITEM(pieces, 0))) return -1;
    } else {
        PyObject *iterator = PyObject_GetIter(pieces), *piece;
        while (iterator && (piece = PyIter_Next(iterator))) {
            int failed = add_body(connection, piece);
            Py_DECREF(piece);
            if (failed) break;
        }
        Py_XDECREF(iterator);
        if (PyErr_Occurred()) return -1;
        if (PyObject_HasAttr(pieces, name_close)) {
            PyObject *closed = PyObject_CallMethodNoArgs(pieces, name_close);
            if (!closed) return -1;
            Py_DECREF(closed);
        }
    }
    end_body(connection);
    return 0;
}

static int call_wsgi(int descriptor, const struct head *head) {
    PyObject *environ = make_environ(head, connections[descriptor].client);
    if (!environ) return -1;
    wsgi_connection = &connections[descriptor];
    PyObject *arguments[] = {environ, start_response};
    PyObject *pieces = PyObject_Vectorcall(application, arguments, 2, NULL);
    int result = pieces ? add_wsgi_body(wsgi_connection, pieces) : -1;
    Py_XDECREF(pieces);
    Py_DECREF(environ);
    if (result == 0) list(descriptor);
    return result;
}

// An application that fails here has its connection cut; in mode 2 asyncio reports the failure, and the client waits.
static void answer_request(int descriptor, const char *start, const char *end) {
    struct connection *connection = &connections[descriptor];
    connection->request = ++requests;
    Py_CLEAR(connection->waiting);
    struct head head;
    int failed = !parse_head(start, end, &head);
    if (!failed) failed = mode == WSGI ? call_wsgi(descriptor, &head) : call_asgi(descriptor, &head);
    if (!failed) return;
    if (PyErr_Occurred()) PyErr_Print();
    shutdown(descriptor, SHUT_RDWR);
}

static void connected(int descriptor) {
    struct connection *connection = &connections[descriptor];
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    char text[INET_ADDRSTRLEN];
    if (descriptor >= descriptors_max || getpeername(descriptor, (struct sockaddr *)&address, &size)) {
        close_connection(descriptor);
        return;
    }
    inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
    connection->client = Py_BuildValue("(si)", text, ntohs(address.sin_port));
    connection->is_sending = connection->is_ending = 0;
    connection->gathered.size = 0;
    receive_from(descriptor);
}

static void disconnected(int descriptor) {
    struct connection *connection = &connections[descriptor];
    connection->request = 0;
    Py_CLEAR(connection->client);
    PyObject *waiting = connection->waiting;
    connection->waiting = NULL;
    PyObject *is_done = waiting ? PyObject_CallMethodNoArgs(waiting, name_done) : NULL;
    if (is_done == Py_False) {
        PyObject *message = simple_message(name_disconnect);
        PyObject *result = message ? PyObject_CallMethodOneArg(waiting, name_set_result, message) : NULL;
        Py_XDECREF(message), Py_XDECREF(result);
    }
    Py_XDECREF(is_done), Py_XDECREF(waiting);
    if (PyErr_Occurred()) PyErr_Print();
    // The number may be given away once it is closed, so a send that still runs has to be over before.
    if (connection->is_sending) {
        connection->is_ending = 1;
        shutdown(descriptor, SHUT_RDWR);
    } else close_connection(descriptor);
}

static int received(const struct io_uring_cqe *completion, int descriptor, int returned) {
    if (completion->res <= 0) {
        if (completion->res == -ENOBUFS) receive_from(descriptor);
        else disconnected(descriptor);
        return 0;
    }
    int buffer = completion->flags >> IORING_CQE_BUFFER_SHIFT;
    const char *start = buffers + (size_t)buffer * buffer_size, *end = start + completion->res, *head_end;
    for (; (head_end = memmem(start, end - start, "\r\n\r\n", 4)); start = head_end + 4)
        answer_request(descriptor, start, head_end + 2);
    give_back(buffer, returned);
    if (!(completion->flags & IORING_CQE_F_MORE)) receive_from(descriptor);
    return 1;
}

static void sent(int descriptor) {
    connections[descriptor].is_sending = 0;
    if (connections[descriptor].is_ending) close_connection(descriptor);
    else if (connections[descriptor].gathered.size) list(descriptor);
}

static void watch_descriptor(int descriptor) {
    struct io_uring_sqe *sqe = next_entry();
    io_uring_prep_poll_multishot(sqe, descriptor, POLLIN);
    label(sqe, WATCH, descriptor, 0);
}

// Appends to `readable` those of the watched descriptors that are.
static void complete(PyObject *readable) {
    struct io_uring_cqe *completion;
    unsigned head, seen = 0;
    int returned = 0;
    io_uring_for_each_cqe(&ring, head, completion) {
        int descriptor = (int)completion->user_data;
        int has_ended = !(completion->flags & IORING_CQE_F_MORE);
        seen++;
        switch ((enum operation)(completion->user_data >> 32)) {
        case ACCEPT:
            if (completion->res >= 0) connected(completion->res);
            if (has_ended) accept_on(descriptor);
            break;
        case RECEIVE:
            returned += received(completion, descriptor, returned);
            break;
        case SEND:
            sent(descriptor);
            break;
        case WATCH: {
            PyObject *number = PyLong_FromLong(descriptor);
            if (number) PyList_Append(readable, number);
            Py_XDECREF(number);
            if (has_ended) watch_descriptor(descriptor);
            break;
        }
        case LAST_SEND:
        case CLOSE:
            break;
        }
    }
    io_uring_buf_ring_advance(buffer_ring, returned);
    io_uring_cq_advance(&ring, seen);
}

// `seconds` below 0: until something happens.
static void wait_for_completion(double seconds) {
    Py_BEGIN_ALLOW_THREADS;
    if (seconds == 0) io_uring_submit_and_get_events(&ring);
    else if (seconds < 0) io_uring_submit_and_wait(&ring, 1);
    else {
        struct io_uring_cqe *completion;
        struct __kernel_timespec time = {(long long)seconds, (long long)((seconds - (long long)seconds) * 1e9)};
        io_uring_submit_and_wait_timeout(&ring, &completion, 1, &time, NULL);
    }
    Py_END_ALLOW_THREADS;
}

// Whether the loop has something to do that it did not have when it called.
static int has_become_busy(void) {
    if (!loop) return 0;
    PyObject *timers = PyObject_GetAttr(loop, name_scheduled); // the loop exchanges this list now and then
    Py_ssize_t count = timers ? PyObject_Size(timers) : -1;
    Py_XDECREF(timers);
    return count != 0 || PyObject_Size(loop_ready) != 0;
}

// As a selector's `select`: waits, and meanwhile answers. It goes on without the loop as long as applications answer at
// once, so that the loop, which is written in Python, costs nothing then.
static PyObject *turn(PyObject *Py_UNUSED(module), PyObject *timeout) {
    double seconds = timeout == Py_None ? -1 : PyFloat_AsDouble(timeout);
    PyObject *readable = PyErr_Occurred() ? NULL : PyList_New(0);
    if (!readable) return NULL;
    if (seconds < 0 && timeout != Py_None) seconds = 0;
    do {
        send_gathered();
        wait_for_completion(seconds);
        complete(readable);
        if (PyErr_CheckSignals()) Py_CLEAR(readable);
    } while (readable && timeout == Py_None && PyList_GET_SIZE(readable) == 0 && !has_become_busy());
    if (PyErr_Occurred()) Py_CLEAR(readable);
    return readable;
}

static PyObject *watch(PyObject *Py_UNUSED(module), PyObject *descriptor) {
    long number = PyLong_AsLong(descriptor);
    if (PyErr_Occurred()) return NULL;
    watch_descriptor((int)number);
    Py_RETURN_NONE;
}

static PyObject *serve(PyObject *Py_UNUSED(module), PyObject *arguments) {
    int port, number;
    if (!PyArg_ParseTuple(arguments, "iiOO", &port, &number, &application, &loop)) return NULL;
    Py_INCREF(application), Py_INCREF(loop);
    mode = (enum mode)number;
    if (loop == Py_None) loop = NULL;
    if (mode == TASK) {
        PyObject *asyncio = PyImport_ImportModule("asyncio");
        task_type = asyncio ? PyObject_GetAttrString(asyncio, "Task") : NULL;
        task_keywords = Py_BuildValue("(ss)", "loop", "eager_start");
        loop_ready = loop ? PyObject_GetAttr(loop, name_ready) : NULL;
        if (!task_type || !task_keywords || !loop_ready)
            return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_ValueError, "mode %d needs a loop", mode);
    }
    accept_on(listen_on(port, 0));
    Py_RETURN_NONE;
}

static PyMethodDef start_response_definition = {
    "start_response", (PyCFunction)(void (*)(void))start_wsgi_answer, METH_FASTCALL, NULL};
static PyMethodDef functions[] = {
    {"serve", serve, METH_VARARGS, "serve(port, mode, application, loop or None): listens; the turns then answer."},
    {"turn", turn, METH_O, "turn(seconds or None): waits, answers, and returns the watched descriptors that are readable."},
    {"watch", watch, METH_O, "watch(descriptor): lets turns end when it is readable."},
    {0}};
static struct PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT, .m_name = "asgi_floor", .m_size = -1, .m_methods = functions};

PyMODINIT_FUNC PyInit_asgi_floor(void) {
    if (make_names() || make_request_constants()) return NULL;
    ready_type = (PyTypeObject *)PyType_FromSpec(&ready_spec);
    channel_type = (PyTypeObject *)PyType_FromSpec(&channel_spec);
    start_response = PyCFunction_New(&start_response_definition, NULL);
    if (!ready_type || !channel_type || !start_response || !(done = make_ready(NULL))) return NULL;
    set_up_ring();
    return PyModule_Create(&module_definition);
}
