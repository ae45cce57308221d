// The io_uring floor: the least work that an io_uring HTTP/1.1 server can do on one core.
//
// Multishot accept, multishot receive into a ring of provided buffers, one send per receive, one
// io_uring_enter per turn. No parsing and no connection state: what a server costs above this is its own.
// Usage: uring_floor PORT [--close-every N] [--exit-after N]
#define _GNU_SOURCE
#include "floor.h"
#include <errno.h>
#include <liburing.h>

enum {
    submission_entries = 2048,
    completion_entries = 16384,
    buffer_count = 4096, // a power of two, and more than the connections of any scenario: ENOBUFS stays rare
    buffer_size = 4096,
    buffer_group = 0,
};

// The upper half of user_data says which operation completed, the lower half on which descriptor.
enum operation { ACCEPT = 1, RECEIVE, SEND, LAST_SEND, CLOSE };

static struct io_uring ring;
static struct io_uring_buf_ring *buffer_ring;
static char *buffers, *answers;
static struct options options;
static long answered;

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

static void close_connection(int connection) {
    struct io_uring_sqe *sqe = next_entry();
    io_uring_prep_close(sqe, connection);
    label(sqe, CLOSE, connection, IOSQE_CQE_SKIP_SUCCESS);
}

// MSG_WAITALL makes the kernel finish a short send, so that nothing has to be remembered per connection.
static struct io_uring_sqe *send_to(int connection, const char *bytes, size_t size) {
    struct io_uring_sqe *sqe = next_entry();
    io_uring_prep_send(sqe, connection, bytes, size, MSG_NOSIGNAL | MSG_WAITALL);
    return sqe;
}

static void answer_requests(int connection, int requests) {
    long before = answered;
    answered += requests;
    if (options.close_every && before / options.close_every != answered / options.close_every)
        label(send_to(connection, last_answer, last_answer_size), LAST_SEND, connection, 0);
    else
        label(send_to(connection, answers, (size_t)requests * answer_size), SEND, connection, IOSQE_CQE_SKIP_SUCCESS);
}

// Returns how many buffers were given back (the caller publishes them once per turn).
static int received(const struct io_uring_cqe *completion, int connection, int returned) {
    if (completion->res <= 0) {
        if (completion->res == -ENOBUFS) receive_from(connection);
        else close_connection(connection);
        return 0;
    }
    int buffer = completion->flags >> IORING_CQE_BUFFER_SHIFT;
    char *bytes = buffers + (size_t)buffer * buffer_size;
    int requests = count_requests(bytes, completion->res);
    io_uring_buf_ring_add(buffer_ring, bytes, buffer_size, buffer, buffer_count - 1, returned);
    if (requests) answer_requests(connection, requests);
    if (!(completion->flags & IORING_CQE_F_MORE)) receive_from(connection);
    return 1;
}

static void set_up(void) {
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
        io_uring_buf_ring_add(buffer_ring, buffers + (size_t)buffer * buffer_size, buffer_size, buffer,
                              buffer_count - 1, buffer);
    io_uring_buf_ring_advance(buffer_ring, buffer_count);
}

static void turn(void) {
    struct io_uring_cqe *completion;
    unsigned head, seen = 0;
    int returned = 0;
    io_uring_for_each_cqe(&ring, head, completion) {
        int descriptor = (int)completion->user_data;
        seen++;
        switch ((enum operation)(completion->user_data >> 32)) {
        case ACCEPT:
            if (completion->res >= 0) receive_from(completion->res);
            if (!(completion->flags & IORING_CQE_F_MORE)) accept_on(descriptor);
            break;
        case RECEIVE:
            returned += received(completion, descriptor, returned);
            break;
        case LAST_SEND:
            // A call of its own, because the kernel gives IORING_OP_SHUTDOWN to a worker thread. Only the writing
            // half: the peer then closes, which ends the receive that is still armed, and that closes ours.
            shutdown(descriptor, SHUT_WR);
            break;
        case SEND: // only failures arrive here, and the receive on the same connection reports them too
        case CLOSE:
            break;
        }
    }
    io_uring_buf_ring_advance(buffer_ring, returned);
    io_uring_cq_advance(&ring, seen);
}

int main(int count, char **words) {
    options = parse_options(count, words);
    answers = make_answers();
    int listener = listen_on(options.port, 0);
    set_up();
    accept_on(listener);
    while (!options.exit_after || answered < options.exit_after) {
        io_uring_submit_and_wait(&ring, 1);
        turn();
    }
    io_uring_submit(&ring); // the last sends, which the kernel performs within this call
    return 0;
}
