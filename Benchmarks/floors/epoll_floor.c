// The epoll floor: the least work that an epoll HTTP/1.1 server can do on one core.
//
// Edge-triggered epoll, one read and one write per batch of requests. No parsing and no connection state:
// what a server costs above this is its own.
// Usage: epoll_floor PORT [--close-every N] [--exit-after N]
#define _GNU_SOURCE
#include "floor.h"
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    events_max = 1024,
    read_size = 16384,
};

static struct options options;
static char *answers;
static long answered;
static int poller;

static void watch(int descriptor, unsigned events) {
    struct epoll_event event = {.events = events, .data.fd = descriptor};
    epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event);
}

static void accept_all(int listener) {
    int connection;
    while ((connection = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
        watch(connection, EPOLLIN | EPOLLET | EPOLLRDHUP);
}

// Returns whether the connection stays open.
static int answer_requests(int connection, int requests) {
    long before = answered;
    answered += requests;
    if (options.close_every && before / options.close_every != answered / options.close_every) {
        (void)!write(connection, last_answer, last_answer_size); // the connection ends either way
        return 0;
    }
    return write(connection, answers, (size_t)requests * answer_size) >= 0;
}

static void serve(int connection) {
    static char bytes[read_size];
    for (;;) {
        ssize_t size = read(connection, bytes, sizeof bytes);
        if (size < 0 && errno == EAGAIN) return;
        if (size <= 0) break;
        int requests = count_requests(bytes, size);
        if (requests && !answer_requests(connection, requests)) break;
        // A short read has emptied the socket, and the next arrival is a new edge: no second read for EAGAIN.
        if (size < (ssize_t)sizeof bytes) return;
    }
    close(connection);
}

int main(int count, char **words) {
    options = parse_options(count, words);
    answers = make_answers();
    int listener = listen_on(options.port, SOCK_NONBLOCK);
    poller = epoll_create1(0);
    watch(listener, EPOLLIN);
    static struct epoll_event events[events_max];
    while (!options.exit_after || answered < options.exit_after) {
        int ready = epoll_wait(poller, events, events_max, -1);
        for (int index = 0; index < ready; index++) {
            if (events[index].data.fd == listener) accept_all(listener);
            else serve(events[index].data.fd);
        }
    }
    return 0;
}
