// The listening socket of every floor.
#pragma once
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { listen_backlog = 4096 };

static int listen_on(int port, int socket_flags) {
    int listener = socket(AF_INET, SOCK_STREAM | socket_flags, 0), one = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    // Accepted sockets inherit it, so it costs nothing per connection.
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, listen_backlog)) {
        perror("listen");
        exit(1);
    }
    return listener;
}
