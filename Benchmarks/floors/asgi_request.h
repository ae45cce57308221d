// What an application is told of a request: the ASGI scope, or the WSGI environ. Requests have no bodies here.
#pragma once
#include "asgi_names.h"
#include <string.h>

struct head {
    const char *method, *target, *fields, *end; // each ends where the next one begins, and the separator before it
    size_t method_size, path_size, query_size;  // the query begins behind the path's "?"
};

static PyObject *constant_asgi, *constant_server, *constant_environ;

// The generator's requests are well-formed; whatever is not is refused by returning 0.
static int parse_head(const char *start, const char *end, struct head *head) {
    const char *line_end = memchr(start, '\r', end - start);
    const char *target = memchr(start, ' ', line_end - start);
    if (!target++) return 0;
    const char *version = memchr(target, ' ', line_end - target);
    if (!version) return 0;
    const char *query = memchr(target, '?', version - target);
    *head = (struct head){start, target, line_end + 2, end, target - 1 - start, (query ? query : version) - target,
                          query ? version - query - 1 : 0};
    return 1;
}

static const char *query_of(const struct head *head) { return head->target + head->path_size + 1; }

struct field {
    const char *name, *value;
    size_t name_size, value_size;
};

// Returns where the next field begins, or NULL behind the last one.
static const char *next_field(const char *position, const char *end, struct field *field) {
    if (position >= end) return NULL;
    const char *line_end = memchr(position, '\r', end - position);
    const char *colon = line_end ? memchr(position, ':', line_end - position) : NULL;
    if (!colon) return NULL;
    const char *value = colon + 1;
    while (value < line_end && *value == ' ')
        value++;
    *field = (struct field){position, value, colon - position, line_end - value};
    return line_end + 2;
}

static int hexadecimal(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

// `decode` says which encoding the bytes behind the percent signs are in: ASGI has UTF-8, WSGI has Latin-1.
static PyObject *decoded_path(const struct head *head, PyObject *(*decode)(const char *, Py_ssize_t, const char *)) {
    if (!memchr(head->target, '%', head->path_size)) return decode(head->target, head->path_size, "replace");
    char bytes[head->path_size];
    size_t size = 0;
    for (size_t index = 0; index < head->path_size; index++) {
        int high = -1, low = -1;
        if (head->target[index] == '%' && index + 2 < head->path_size) {
            high = hexadecimal(head->target[index + 1]);
            low = hexadecimal(head->target[index + 2]);
        }
        if (high >= 0 && low >= 0) index += 2;
        bytes[size++] = high >= 0 && low >= 0 ? high << 4 | low : head->target[index];
    }
    return decode(bytes, size, "replace");
}

static PyObject *method_of(const struct head *head) {
    PyObject *method = PyUnicode_DecodeLatin1(head->method, head->method_size, NULL);
    if (method) PyUnicode_InternInPlace(&method);
    return method;
}

// Takes `value` along; it may be NULL, with the error set.
static int put(PyObject *dictionary, PyObject *key, PyObject *value) {
    int result = value ? PyDict_SetItem(dictionary, key, value) : -1;
    Py_XDECREF(value);
    return result;
}

static PyObject *lower_case(const char *text, size_t size) {
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, size);
    for (size_t index = 0; bytes && index < size; index++)
        PyBytes_AS_STRING(bytes)[index] = text[index] + (text[index] >= 'A' && text[index] <= 'Z' ? 32 : 0);
    return bytes;
}

static PyObject *make_headers(const struct head *head) {
    PyObject *headers = PyList_New(0);
    struct field field;
    const char *position = head->fields;
    while (headers && (position = next_field(position, head->end, &field))) {
        PyObject *pair = PyTuple_New(2), *name = lower_case(field.name, field.name_size);
        PyObject *value = PyBytes_FromStringAndSize(field.value, field.value_size);
        if (!pair || !name || !value) {
            Py_XDECREF(name), Py_XDECREF(value), Py_XDECREF(pair);
            Py_CLEAR(headers);
            break;
        }
        PyTuple_SET_ITEM(pair, 0, name);
        PyTuple_SET_ITEM(pair, 1, value);
        if (PyList_Append(headers, pair)) Py_CLEAR(headers);
        Py_DECREF(pair);
    }
    return headers;
}

static PyObject *make_scope(const struct head *head, PyObject *client) {
    PyObject *scope = PyDict_New();
    if (!scope) return NULL;
    if (PyDict_SetItem(scope, name_type, name_http) || PyDict_SetItem(scope, name_asgi, constant_asgi) ||
        PyDict_SetItem(scope, name_http_version, name_version_1_1) || put(scope, name_method, method_of(head)) ||
        put(scope, name_path, decoded_path(head, PyUnicode_DecodeUTF8)) ||
        put(scope, name_raw_path, PyBytes_FromStringAndSize(head->target, head->path_size)) ||
        put(scope, name_query_string, PyBytes_FromStringAndSize(query_of(head), head->query_size)) ||
        PyDict_SetItem(scope, name_root_path, name_empty) || PyDict_SetItem(scope, name_scheme, name_http) ||
        PyDict_SetItem(scope, name_server, constant_server) || PyDict_SetItem(scope, name_client, client) ||
        put(scope, name_headers, make_headers(head)))
        Py_CLEAR(scope);
    return scope;
}

static PyObject *environ_key(const struct field *field) {
    PyObject *key = PyUnicode_New(field->name_size + 5, 127);
    if (!key) return NULL;
    Py_UCS1 *characters = PyUnicode_1BYTE_DATA(key);
    memcpy(characters, "HTTP_", 5);
    for (size_t index = 0; index < field->name_size; index++) {
        char character = field->name[index];
        characters[5 + index] =
            character == '-' ? '_' : character - (character >= 'a' && character <= 'z' ? 32 : 0);
    }
    return key;
}

static PyObject *make_environ(const struct head *head, PyObject *client) {
    PyObject *environ = PyDict_Copy(constant_environ);
    if (!environ) return NULL;
    if (put(environ, name_REQUEST_METHOD, method_of(head)) ||
        put(environ, name_PATH_INFO, decoded_path(head, PyUnicode_DecodeLatin1)) ||
        put(environ, name_QUERY_STRING, PyUnicode_DecodeLatin1(query_of(head), head->query_size, NULL)) ||
        PyDict_SetItem(environ, name_REMOTE_ADDR, PyTuple_GET_ITEM(client, 0))) {
        Py_DECREF(environ);
        return NULL;
    }
    struct field field;
    const char *position = head->fields;
    while ((position = next_field(position, head->end, &field))) {
        PyObject *key = environ_key(&field);
        if (!key || put(environ, key, PyUnicode_DecodeLatin1(field.value, field.value_size, NULL))) {
            Py_XDECREF(key);
            Py_DECREF(environ);
            return NULL;
        }
        Py_DECREF(key);
    }
    return environ;
}

static int make_request_constants(void) {
    constant_asgi = Py_BuildValue("{s:s,s:s}", "version", "3.0", "spec_version", "2.4");
    constant_server = Py_BuildValue("(si)", "127.0.0.1", 80);
    PyObject *io = PyImport_ImportModule("io");
    PyObject *input = io ? PyObject_CallMethod(io, "BytesIO", NULL) : NULL;
    PyObject *errors = PySys_GetObject("stderr"); // borrowed
    if (!input || !errors) return -1;
    constant_environ = Py_BuildValue(
        "{s:s,s:s,s:s,s:s,s:(ii),s:s,s:N,s:O,s:O,s:O,s:O}", "SCRIPT_NAME", "", "SERVER_NAME", "127.0.0.1", "SERVER_PORT",
        "80", "SERVER_PROTOCOL", "HTTP/1.1", "wsgi.version", 1, 0, "wsgi.url_scheme", "http", "wsgi.input", input,
        "wsgi.errors", errors, "wsgi.multithread", Py_False, "wsgi.multiprocess", Py_False, "wsgi.run_once", Py_False);
    Py_DECREF(io);
    return constant_asgi && constant_server && constant_environ ? 0 : -1;
}
