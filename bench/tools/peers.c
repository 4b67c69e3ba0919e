#define _GNU_SOURCE
#include "peers.h"

#include "dialect.h"
#include "tally.h"
#include "wish.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    MOST_EVENTS = 64, /* between two looks at the posters */
    FIRST_ROOM = 2048,
    KEPT_ROOM = 4096, /* an idle connection gives a larger buffer back */
    PEERS_AN_ADDRESS = 100,
    MOST_TOLD = 5 /* of connections that fail, the others most likely for the same reason */
};
static const uint32_t FIRST_ADDRESS = 0x7f000100; /* 127.0.1.0 */

struct peer *listeners, *posters, *visitors;

/* Posters have a poll of their own, which is looked at first: what they wait for is measured, and shall not wait behind
   ten thousand listeners here. */
static int all, of_posters;

void give_up(const char *what) {
    perror(what);
    exit(2);
}

static int poll_of(const struct peer *peer) { return peer->kind == POSTER ? of_posters : all; }

void make_peers(void) {
    int count = wish.listeners + wish.posters + MOST_VISITORS;
    all = epoll_create1(0);
    of_posters = epoll_create1(0);
    listeners = calloc(count, sizeof *listeners);
    if (all < 0 || of_posters < 0 || !listeners) give_up("peers");
    struct epoll_event interest = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(all, EPOLL_CTL_ADD, of_posters, &interest);
    posters = listeners + wish.listeners;
    visitors = posters + wish.posters;
    for (struct peer *peer = listeners; peer < listeners + count; peer++) {
        peer->socket = -1;
        peer->kind = peer < posters ? LISTENER : peer < visitors ? POSTER : VISITOR;
        peer->dialect = peer->kind == POSTER ? wish.post : wish.listen;
    }
}

/* Sockets */

void send_all(struct peer *peer, const void *bytes, size_t length) {
    const char *next = bytes;
    while (length) {
        ssize_t count = send(peer->socket, next, length, MSG_NOSIGNAL);
        if (count < 0 && errno != EAGAIN) return; /* the reading side finds out */
        if (count < 0) {
            nanosleep(&(struct timespec){0, 100000}, NULL);
            continue;
        }
        next += count;
        length -= count;
    }
}

/* Visitors come from many addresses of this machine, as real ones do: so limits of one address are at work, and no
   address runs out of ports. Posters come from 127.0.0.1. */
static void take_address(int connection, const struct peer *peer) {
    int one = 1;
    if (peer->kind == POSTER) return;
    struct sockaddr_in from = {.sin_family = AF_INET};
    from.sin_addr.s_addr = htonl(FIRST_ADDRESS + (peer - listeners) / PEERS_AN_ADDRESS);
    setsockopt(connection, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (bind(connection, (void *)&from, sizeof from)) give_up("bind");
}

void open_peer(struct peer *peer) {
    int one = 1;
    peer->step = CONNECTING;
    peer->held = peer->under_way = 0;
    peer->socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (peer->socket < 0) give_up("socket");
    take_address(peer->socket, peer);
    setsockopt(peer->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct sockaddr_in to = {.sin_family = AF_INET};
    to.sin_port = htons(peer->kind == POSTER ? wish.post_port : wish.port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct epoll_event interest = {.events = EPOLLOUT, .data.ptr = peer};
    epoll_ctl(poll_of(peer), EPOLL_CTL_ADD, peer->socket, &interest);
    if (connect(peer->socket, (void *)&to, sizeof to) < 0 && errno != EINPROGRESS) close_peer(peer, "connect");
}

void close_peer(struct peer *peer, const char *reason) {
    static int told;
    if (reason) {
        if (told++ < MOST_TOLD) fprintf(stderr, "connection %ld: %s\n", (long)(peer - listeners), reason);
        failed += peer->step != READY || peer->kind != LISTENER;
    }
    close(peer->socket); /* and so it leaves its poll */
    peer->socket = -1;
    peer->held = 0;
}

void stop_reading(struct peer *peer) { epoll_ctl(poll_of(peer), EPOLL_CTL_DEL, peer->socket, NULL); }

void is_ready(struct peer *peer) {
    peer->step = READY;
    ready += peer->kind == LISTENER;
    if (peer->kind != VISITOR) return;
    visits++;
    close_peer(peer, NULL);
}

void was_acked(struct peer *peer, int posts) {
    peer->under_way -= posts;
    acked += posts;
}

/* What comes */

static void greet(struct peer *peer) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(peer->socket, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        close_peer(peer, strerror(error));
        return;
    }
    struct epoll_event interest = {.events = EPOLLIN, .data.ptr = peer};
    epoll_ctl(poll_of(peer), EPOLL_CTL_MOD, peer->socket, &interest);
    peer->step = GREETED;
    peer->dialect->greet(peer);
}

static void make_room(struct peer *peer) {
    peer->room = peer->room ? peer->room * 2 : FIRST_ROOM;
    peer->bytes = realloc(peer->bytes, peer->room);
    if (!peer->bytes) give_up("realloc");
}

static void take_bytes(struct peer *peer) {
    size_t asked, came;
    do {
        if (peer->held == peer->room) make_room(peer);
        asked = peer->room - peer->held;
        ssize_t count = recv(peer->socket, peer->bytes + peer->held, asked, 0);
        if (count < 0 && errno == EAGAIN) break;
        if (count <= 0) {
            close_peer(peer, "it was closed");
            return;
        }
        came = count;
        peer->held += came;
        size_t done = peer->dialect->take(peer);
        if (peer->socket < 0) return;
        memmove(peer->bytes, peer->bytes + done, peer->held - done);
        peer->held -= done;
    } while (came == asked);
    if (!peer->held && peer->room > KEPT_ROOM) {
        free(peer->bytes);
        peer->bytes = NULL;
        peer->room = 0;
    }
}

static int look(int poll, int timeout_ms) {
    struct epoll_event events[MOST_EVENTS];
    int found = epoll_wait(poll, events, MOST_EVENTS, timeout_ms);
    for (int i = 0; i < found; i++) {
        struct peer *peer = events[i].data.ptr;
        if (!peer || peer->socket < 0) continue; /* the posters', or closed by what came before it */
        (peer->step == CONNECTING ? greet : take_bytes)(peer);
    }
    return found;
}

int take_what_comes(int timeout_ms) {
    int found = look(of_posters, 0);
    found += look(all, found > 0 ? 0 : timeout_ms);
    return found > 0;
}
