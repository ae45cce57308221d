// The io_uring floor: the least work that an io_uring HTTP/1.1 server can do on one core.
//
// Multishot accept, multishot receive into a ring of provided buffers, one send per receive, one
// io_uring_enter per turn. No parsing and no connection state: what a server costs above this is its own.
// Usage: uring_floor PORT [--close-every N] [--exit-after N]
#define _GNU_SOURCE
#include "floor.h"
#include "ring.h"

static char *answers;
static struct options options;
static long answered;

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
    give_back(buffer, returned);
    if (requests) answer_requests(connection, requests);
    if (!(completion->flags & IORING_CQE_F_MORE)) receive_from(connection);
    return 1;
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
        case WATCH:
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
    set_up_ring();
    accept_on(listener);
    while (!options.exit_after || answered < options.exit_after) {
        io_uring_submit_and_wait(&ring, 1);
        turn();
    }
    io_uring_submit(&ring); // the last sends, which the kernel performs within this call
    return 0;
}
