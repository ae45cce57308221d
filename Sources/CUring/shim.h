// What Swift needs of liburing: its inline functions as they are, the queue heads and tails with their memory order, and,
// under our own names, what kernels newer than Debian's liburing 2.3 added (numbers from the kernel's include/uapi/linux/io_uring.h).
#ifndef MARTLET_CURING_SHIM_H
#define MARTLET_CURING_SHIM_H
// Before liburing, which asks for GNU's declarations: Swift's Glibc module has the usual ones, and where both are seen (fd_set, the
// socket calls) a module that imports the two does not build. The first system header decides for all.
#include <sys/types.h>
#include <liburing.h>
#include <linux/time_types.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/eventfd.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <sys/mman.h>
#include <poll.h>
#include <time.h>

enum {
    MARTLET_REGISTER_SEND_MSG_RING = 31,   // Linux 6.13: post a completion to a ring from a thread that has none
};

// Casts and macros that the Swift importer cannot see as values.
static const unsigned MARTLET_SETUP_CQSIZE = IORING_SETUP_CQSIZE;
static const unsigned MARTLET_SETUP_CLAMP = IORING_SETUP_CLAMP;
static const unsigned MARTLET_SETUP_R_DISABLED = IORING_SETUP_R_DISABLED;
static const unsigned MARTLET_SETUP_SUBMIT_ALL = IORING_SETUP_SUBMIT_ALL;
static const unsigned MARTLET_SETUP_COOP_TASKRUN = IORING_SETUP_COOP_TASKRUN;
static const unsigned MARTLET_SETUP_TASKRUN_FLAG = IORING_SETUP_TASKRUN_FLAG;
static const unsigned MARTLET_SETUP_SINGLE_ISSUER = IORING_SETUP_SINGLE_ISSUER;
static const unsigned MARTLET_SETUP_DEFER_TASKRUN = IORING_SETUP_DEFER_TASKRUN;
static const unsigned MARTLET_CQE_F_BUFFER = IORING_CQE_F_BUFFER;
static const unsigned MARTLET_CQE_F_MORE = IORING_CQE_F_MORE;
static const unsigned MARTLET_CQE_F_NOTIF = IORING_CQE_F_NOTIF;
static const unsigned MARTLET_NOTIF_USAGE_ZC_COPIED = 1u << 31;
static const unsigned MARTLET_SEND_ZC_REPORT_USAGE = 1u << 3;

// Constants whose imported type differs between C libraries' headers, as plain integers.
static const int MARTLET_SOCK_STREAM = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
static const int MARTLET_SOCK_CLOEXEC = SOCK_CLOEXEC;
static const int MARTLET_SEND_FLAGS = MSG_NOSIGNAL | MSG_WAITALL;
static const int MARTLET_SEND_NOW = MSG_NOSIGNAL | MSG_DONTWAIT;
static const int MARTLET_MSG_MORE = MSG_MORE;
static const int MARTLET_SHUT_WR = SHUT_WR;
static const int MARTLET_SHUT_RDWR = SHUT_RDWR;
static const unsigned MARTLET_SQ_CQ_OVERFLOW = IORING_SQ_CQ_OVERFLOW;
static const unsigned MARTLET_TIMEOUT_ABS = IORING_TIMEOUT_ABS;
static const unsigned MARTLET_SQE_FLAGS_USED = IOSQE_BUFFER_SELECT | IOSQE_CQE_SKIP_SUCCESS;
static inline int martlet_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

// What the epoll engine watches for and is told.
static const int MARTLET_EPOLL_CLOEXEC = EPOLL_CLOEXEC;
static const unsigned MARTLET_WATCH_SOCKET = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
static const unsigned MARTLET_WATCH_LISTENER = EPOLLIN | EPOLLEXCLUSIVE;
static const unsigned MARTLET_WATCH_SIGNAL = EPOLLIN | EPOLLET;
static const unsigned MARTLET_WATCH_ONCE = EPOLLIN | EPOLLONESHOT;
static const unsigned MARTLET_READY_READ = EPOLLIN;
static const unsigned MARTLET_READY_WRITE = EPOLLOUT;
static const unsigned MARTLET_READY_END = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
static const int MARTLET_TIMER_ABSOLUTE = TFD_TIMER_ABSTIME;
static inline int martlet_timer(void) { return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK); }
static inline int martlet_accept(int listener) { return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC); }
// glibc's own wrappers are points at which a thread may be cancelled, and say so twice per call; no thread is cancelled here.
static inline ssize_t martlet_receive(int descriptor, void *memory, size_t count) {
    return syscall(__NR_recvfrom, descriptor, memory, count, 0, NULL, NULL);
}
static inline ssize_t martlet_send(int descriptor, const void *memory, size_t count) {
    return syscall(__NR_sendto, descriptor, memory, count, MSG_NOSIGNAL | MSG_DONTWAIT, NULL, 0);
}
static inline int martlet_epoll_wait(int epoll, struct epoll_event *events, int count, int timeout) {
    return (int)syscall(__NR_epoll_pwait, epoll, events, count, timeout, NULL, 0);
}
static inline int martlet_watch(int epoll, int descriptor, unsigned readiness, __u64 data) {
    struct epoll_event event = {.events = readiness, .data = {.u64 = data}};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}
static inline int martlet_watch_again(int epoll, int descriptor, unsigned readiness, __u64 data) {
    struct epoll_event event = {.events = readiness, .data = {.u64 = data}};
    return epoll_ctl(epoll, EPOLL_CTL_MOD, descriptor, &event);
}
static inline int martlet_unwatch(int epoll, int descriptor) { return epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, NULL); }

// Publishes the prepared submissions (they become visible to the kernel) and says how many wait for the next enter.
static inline unsigned martlet_submissions_publish(struct io_uring *ring) {
    struct io_uring_sq *queue = &ring->sq;
    if (queue->sqe_head != queue->sqe_tail) {
        queue->sqe_head = queue->sqe_tail;
        io_uring_smp_store_release(queue->ktail, queue->sqe_tail);
    }
    return queue->sqe_tail - *queue->khead;
}

// The monotonic clock in steps of the kernel's tick; below 2^63 for three centuries.
static inline __u64 martlet_coarse_nanoseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
    return (__u64)time.tv_sec * 1000000000 + (__u64)time.tv_nsec;
}

// One io_uring_enter for everything prepared. Always with GETEVENTS: under DEFER_TASKRUN nothing is posted without it.
static inline int martlet_enter(struct io_uring *ring, unsigned wait_count, int registered_descriptor) {
    unsigned flags = IORING_ENTER_GETEVENTS | (registered_descriptor ? IORING_ENTER_REGISTERED_RING : 0);
    return io_uring_enter(ring->enter_ring_fd, martlet_submissions_publish(ring), wait_count, flags, NULL);
}

static inline unsigned martlet_completions_tail(struct io_uring *ring) { return io_uring_smp_load_acquire(ring->cq.ktail); }
static inline unsigned martlet_completions_head(struct io_uring *ring) { return *ring->cq.khead; }
static inline void martlet_completions_release(struct io_uring *ring, unsigned head) { io_uring_smp_store_release(ring->cq.khead, head); }
static inline unsigned martlet_completions_mask(struct io_uring *ring) { return *ring->cq.kring_mask; }
static inline unsigned martlet_submission_flags(struct io_uring *ring) { return IO_URING_READ_ONCE(*ring->sq.kflags); }

static inline void martlet_prepare_recv(struct io_uring_sqe *sqe, int descriptor, unsigned group, int multishot, int poll_first) {
    io_uring_prep_recv(sqe, descriptor, NULL, 0, 0);
    sqe->ioprio = (multishot ? IORING_RECV_MULTISHOT : 0) | (poll_first ? IORING_RECVSEND_POLL_FIRST : 0);
    sqe->flags = IOSQE_BUFFER_SELECT;
    sqe->buf_group = (__u16)group;
}

// Succeeds whole and silently inside the enter, or fails there with a completion.
static inline void martlet_prepare_silent_send(struct io_uring_sqe *sqe, int descriptor, const void *bytes, size_t count) {
    io_uring_prep_send(sqe, descriptor, bytes, count, MSG_NOSIGNAL | MSG_WAITALL | MSG_DONTWAIT);
    sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
}

static inline unsigned martlet_submissions_waiting(struct io_uring *ring) { return ring->sq.sqe_tail - io_uring_smp_load_acquire(ring->sq.khead); }

static inline void martlet_prepare_close(struct io_uring_sqe *sqe, int descriptor) {
    io_uring_prep_close(sqe, descriptor);
    sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
}

static inline void martlet_prepare_accept(struct io_uring_sqe *sqe, int descriptor, int multishot) {
    io_uring_prep_accept(sqe, descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (multishot) sqe->ioprio = IORING_ACCEPT_MULTISHOT;
}

static inline void martlet_prepare_cancel(struct io_uring_sqe *sqe, __u64 user_data) {
    io_uring_prep_cancel64(sqe, user_data, 0);
    sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
}

static inline void martlet_buffer_add(struct io_uring_buf_ring *buffers, void *address, unsigned size, unsigned identifier, unsigned mask, unsigned offset) {
    io_uring_buf_ring_add(buffers, address, size, (unsigned short)identifier, (int)mask, (int)offset);
}
static inline void martlet_buffers_advance(struct io_uring_buf_ring *buffers, unsigned count) { io_uring_buf_ring_advance(buffers, (int)count); }

// Posts a completion with `user_data` to the ring `target` from any thread (no ring needed). 0, or -errno.
static inline int martlet_post_message(int target, __u64 user_data) {
    struct io_uring_sqe sqe;
    __builtin_memset(&sqe, 0, sizeof sqe);
    sqe.opcode = IORING_OP_MSG_RING;
    sqe.fd = target;
    sqe.off = user_data;
    sqe.addr = IORING_MSG_DATA;
    long result = syscall(__NR_io_uring_register, -1, MARTLET_REGISTER_SEND_MSG_RING, &sqe, 1);
    return result < 0 ? -errno : 0;
}
#endif
