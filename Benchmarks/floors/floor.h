// What the two floors without an application share: the fixed answer and the options.
// It knows nothing of how bytes reach the kernel; that is what the two programs differ in.
#pragma once
#include "listening.h"
#include <string.h>

// The date does not tick: keeping it is work that a server may share among thousands of requests.
#define ANSWER_HEAD                                                                                                    \
    "HTTP/1.1 200 OK\r\nServer: floor\r\nDate: Sat, 21 Nov 2026 07:43:02 GMT\r\n"                                      \
    "Content-Type: text/plain\r\nContent-Length: 13\r\n"
static const char answer[] = ANSWER_HEAD "\r\nHello, World!";
static const char last_answer[] = ANSWER_HEAD "Connection: close\r\n\r\nHello, World!";

enum {
    answer_size = sizeof answer - 1,
    last_answer_size = sizeof last_answer - 1,
    // The most requests one receive can hold: a 4 KiB buffer full of the four bytes that end a head.
    batch_answers_max = 1024,
};

struct options {
    int port;
    long close_every; // every n-th answer of the process announces the end of its connection; 0: never
    long exit_after;  // the program ends after that many answers, for runs under callgrind; 0: never
};

static struct options parse_options(int count, char **words) {
    struct options options = {0};
    int index = 1;
    if (index < count) options.port = atoi(words[index++]);
    for (; index + 1 < count; index += 2) {
        if (!strcmp(words[index], "--close-every")) options.close_every = atol(words[index + 1]);
        else if (!strcmp(words[index], "--exit-after")) options.exit_after = atol(words[index + 1]);
        else break;
    }
    if (options.port <= 0 || index != count) {
        fprintf(stderr, "usage: %s PORT [--close-every N] [--exit-after N]\n", words[0]);
        exit(2);
    }
    return options;
}

// One answer after the other, so that a batch of pipelined requests is answered by one send of a prefix.
static char *make_answers(void) {
    char *answers = malloc((size_t)answer_size * batch_answers_max);
    for (int index = 0; index < batch_answers_max; index++)
        memcpy(answers + (size_t)index * answer_size, answer, answer_size);
    return answers;
}

// Counting the ends of heads is all the parsing there is. A head split over two receives would be missed or
// counted short; the generator's requests are far smaller than a segment, so it does not happen on loopback.
static int count_requests(const char *bytes, size_t size) {
    const char *position = bytes, *end = bytes + size;
    int requests = 0;
    while ((position = memmem(position, end - position, "\r\n\r\n", 4))) {
        requests++;
        position += 4;
    }
    return requests;
}
