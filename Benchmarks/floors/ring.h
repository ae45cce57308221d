// The ring of the io_uring floors: how it is set up, and what both do with it.
// Needs _GNU_SOURCE. Knows nothing of requests.
#pragma once
#include <errno.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    submission_entries = 2048,
    completion_entries = 16384,
    buffer_count = 4096, // a power of two, and more than the connections of any scenario: ENOBUFS stays rare
    buffer_size = 4096,
    buffer_group = 0,
};

// The upper half of user_data says which operation completed, the lower half on which descriptor.
enum operation { ACCEPT = 1, RECEIVE, SEND, LAST_SEND, CLOSE, WATCH };

static struct io_uring ring;
static struct io_uring_buf_ring *buffer_ring;
static char *buffers;

static struct io_uring_sqe *next_entry(void) {
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
    if (sqe) return sqe;
    io_uring_submit(&ring);
    return io_uring_get_sqe(&ring);
}

// To be called after the preparing functions, because they clear the flags.
static void label(struct io_uring_sqe *sqe, enum operation operation, int descriptor, unsigned flags) {
    sqe->user_data = (__u64)operation << 32 | (unsigned)descriptor;
    sqe->flags |= flags;
}

static void accept_on(int listener) {
    struct io_uring_sqe *sqe = next_entry();
    io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, 0);
    label(sqe, ACCEPT, listener, 0);
}

static void receive_from(int connection) {
    struct io_uring_sqe *sqe = next_entry();
    io_uring_prep_recv_multishot(sqe, connection, NULL, 0, 0);
    sqe->buf_group = buffer_group;
    label(sqe, RECEIVE, connection, IOSQE_BUFFER_SELECT);
}

// MSG_WAITALL makes the kernel finish a short send, so that nothing has to be remembered per connection.
static struct io_uring_sqe *send_to(int connection, const char *bytes, size_t size) {
    struct io_uring_sqe *sqe = next_entry();
    io_uring_prep_send(sqe, connection, bytes, size, MSG_NOSIGNAL | MSG_WAITALL);
    return sqe;
}

static void close_connection(int connection) {
    struct io_uring_sqe *sqe = next_entry();
    io_uring_prep_close(sqe, connection);
    label(sqe, CLOSE, connection, IOSQE_CQE_SKIP_SUCCESS);
}

// The buffer's bytes may be overwritten from the next turn on. The caller publishes what was given back once per turn.
static void give_back(int buffer, int returned) {
    io_uring_buf_ring_add(buffer_ring, buffers + (size_t)buffer * buffer_size, buffer_size, buffer, buffer_count - 1,
                          returned);
}

static void set_up_ring(void) {
    struct io_uring_params parameters = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE |
                 IORING_SETUP_SUBMIT_ALL,
        .cq_entries = completion_entries,
    };
    int result = io_uring_queue_init_params(submission_entries, &ring, &parameters);
    if (result < 0) {
        fprintf(stderr, "io_uring_queue_init_params: %s\n", strerror(-result));
        exit(1);
    }
    io_uring_register_ring_fd(&ring);

    buffers = aligned_alloc(4096, (size_t)buffer_count * buffer_size);
    buffer_ring = aligned_alloc(4096, buffer_count * sizeof(struct io_uring_buf));
    memset(buffer_ring, 0, buffer_count * sizeof(struct io_uring_buf));
    struct io_uring_buf_reg registration = {
        .ring_addr = (__u64)buffer_ring, .ring_entries = buffer_count, .bgid = buffer_group};
    result = io_uring_register_buf_ring(&ring, &registration, 0);
    if (result < 0) {
        fprintf(stderr, "io_uring_register_buf_ring: %s\n", strerror(-result));
        exit(1);
    }
    for (int buffer = 0; buffer < buffer_count; buffer++)
        give_back(buffer, buffer);
    io_uring_buf_ring_advance(buffer_ring, buffer_count);
}
