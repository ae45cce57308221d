// The strings that the ASGI floor puts into dictionaries and looks up there, made once.
#pragma once
#include <Python.h>

#define NAMES(NAME)                                                                                                    \
    NAME(type, "type") NAME(asgi, "asgi") NAME(http, "http") NAME(http_version, "http_version")                        \
    NAME(version_1_1, "1.1") NAME(method, "method") NAME(path, "path") NAME(raw_path, "raw_path")                      \
    NAME(query_string, "query_string") NAME(root_path, "root_path") NAME(scheme, "scheme") NAME(server, "server")      \
    NAME(client, "client") NAME(headers, "headers") NAME(status, "status") NAME(body, "body")                          \
    NAME(more_body, "more_body") NAME(response_start, "http.response.start") NAME(request, "http.request")             \
    NAME(disconnect, "http.disconnect") NAME(empty, "") NAME(REQUEST_METHOD, "REQUEST_METHOD")                         \
    NAME(PATH_INFO, "PATH_INFO") NAME(QUERY_STRING, "QUERY_STRING") NAME(REMOTE_ADDR, "REMOTE_ADDR")                   \
    NAME(close, "close") NAME(set_result, "set_result") NAME(done, "done") NAME(create_future, "create_future")        \
    NAME(ready, "_ready") NAME(scheduled, "_scheduled")

#define DECLARE_NAME(name, text) static PyObject *name_##name;
NAMES(DECLARE_NAME)

static int make_names(void) {
#define MAKE_NAME(name, text)                                                                                          \
    if (!(name_##name = PyUnicode_InternFromString(text))) return -1;
    NAMES(MAKE_NAME)
    return 0;
}
