// The bytes of an answer, and their way to the kernel: what the application gives goes into one buffer per connection,
// and all that a turn has gathered there goes out with one send.
#pragma once
#include "asgi_names.h"
#include "ring.h"

enum { descriptors_max = 1 << 16 };

struct bytes {
    char *data;
    size_t size, capacity;
};

struct connection {
    struct bytes gathered, sending; // exchanged when a send begins, because the kernel may read until it has completed
    PyObject *client;               // (address, port), or NULL while nobody is connected
    PyObject *waiting;              // the future of a receive() that waits for the end of the connection, or NULL
    long request;                   // the number of the request in hand; whoever holds another number is too late
    int is_sending, is_listed, is_ending, is_chunked;
};

static struct connection connections[descriptors_max]; // by descriptor
static int listed[descriptors_max], listed_count;      // connections that have gathered something

static void append(struct bytes *bytes, const char *more, size_t size) {
    if (bytes->size + size > bytes->capacity) {
        bytes->capacity = 2 * (bytes->size + size);
        bytes->data = realloc(bytes->data, bytes->capacity);
        if (!bytes->data) abort();
    }
    memcpy(bytes->data + bytes->size, more, size);
    bytes->size += size;
}

#define APPEND(bytes, literal) append(bytes, literal, sizeof literal - 1)

static void list(int descriptor) {
    if (connections[descriptor].is_listed) return;
    connections[descriptor].is_listed = 1;
    listed[listed_count++] = descriptor;
}

static void send_gathered(void) {
    for (int index = 0; index < listed_count; index++) {
        struct connection *connection = &connections[listed[index]];
        connection->is_listed = 0;
        if (connection->is_sending || !connection->client || !connection->gathered.size) continue;
        struct bytes sent = connection->sending;
        connection->sending = connection->gathered;
        connection->gathered = sent;
        connection->gathered.size = 0;
        connection->is_sending = 1;
        label(send_to(listed[index], connection->sending.data, connection->sending.size), SEND, listed[index], 0);
    }
    listed_count = 0;
}

// `bytes` is anything with a buffer.
static int append_object(struct bytes *target, PyObject *bytes) {
    if (PyBytes_CheckExact(bytes)) {
        append(target, PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes));
        return 0;
    }
    Py_buffer view;
    if (PyObject_GetBuffer(bytes, &view, PyBUF_SIMPLE)) return -1;
    append(target, view.buf, view.len);
    PyBuffer_Release(&view);
    return 0;
}

static void begin_head(struct connection *connection, const char *status, size_t size) {
    // The date does not tick: keeping it is work that a server may share among thousands of requests.
    APPEND(&connection->gathered, "HTTP/1.1 ");
    append(&connection->gathered, status, size);
    APPEND(&connection->gathered, "\r\nServer: floor\r\nDate: Sat, 21 Nov 2026 07:43:02 GMT\r\n");
    connection->is_chunked = 1;
}

static void add_field(struct connection *connection, const char *name, size_t name_size, const char *value,
                      size_t value_size) {
    append(&connection->gathered, name, name_size);
    APPEND(&connection->gathered, ": ");
    append(&connection->gathered, value, value_size);
    APPEND(&connection->gathered, "\r\n");
    if (name_size == 14 && !strncasecmp(name, "content-length", 14)) connection->is_chunked = 0;
}

static void end_head(struct connection *connection) {
    if (connection->is_chunked) APPEND(&connection->gathered, "Transfer-Encoding: chunked\r\n");
    APPEND(&connection->gathered, "\r\n");
}

static int add_body(struct connection *connection, PyObject *body) {
    Py_ssize_t size = PyObject_Size(body);
    if (size <= 0) return (int)size;
    if (!connection->is_chunked) return append_object(&connection->gathered, body);
    char line[24];
    append(&connection->gathered, line, snprintf(line, sizeof line, "%zx\r\n", size));
    if (append_object(&connection->gathered, body)) return -1;
    APPEND(&connection->gathered, "\r\n");
    return 0;
}

static void end_body(struct connection *connection) {
    if (connection->is_chunked) APPEND(&connection->gathered, "0\r\n\r\n");
}
