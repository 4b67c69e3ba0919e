#define _GNU_SOURCE
#include "peers.h"

#include "frames.h"
#include "usage.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    MOST_EVENTS = 512,
    FIRST_ROOM = 2048,
    KEPT_ROOM = 4096, /* an idle connection gives a larger buffer back */
    SAMPLE_EVERY = 16,
    MOST_SAMPLES = 1 << 20,
    PORTS_AN_ADDRESS = 20000 /* connections from one source address, before the next one is taken */
};

struct peer *peers;
int ready, failed;
long acked, delivered, sampled;
double samples[MOST_SAMPLES];
static int epoll;

static int is_poster(const struct peer *peer) { return peer == peers + wish.listeners; }

/* Sockets */

static void die(const char *what) {
    perror(what);
    exit(2);
}

void make_peers(void) {
    epoll = epoll_create1(0);
    peers = calloc(wish.listeners + 1, sizeof *peers);
    if (epoll < 0 || !peers) die("peers");
}

static void send_all(int socket, const void *bytes, size_t length) {
    const char *next = bytes;
    while (length) {
        ssize_t count = send(socket, next, length, MSG_NOSIGNAL);
        if (count < 0 && errno != EAGAIN) return; /* the reading side finds out */
        if (count < 0) {
            nanosleep(&(struct timespec){0, 100000}, NULL);
            continue;
        }
        next += count;
        length -= count;
    }
}

void send_text(struct peer *peer, const char *text) {
    size_t length = strlen(text);
    unsigned char frame[length + MAX_HEADER];
    send_all(peer->socket, frame, write_frame(frame, TEXT, text, length, 1));
}

/* Returns the socket, or -1. `number` spreads connections over source addresses: one has too few ports. */
static int dial(int port, int number) {
    int one = 1, connection = socket(AF_INET, SOCK_STREAM, 0);
    if (connection < 0) die("socket");
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (number >= PORTS_AN_ADDRESS) {
        from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + number / PORTS_AN_ADDRESS);
        setsockopt(connection, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
        if (bind(connection, (void *)&from, sizeof from)) die("bind");
    }
    if (connect(connection, (void *)&to, sizeof to) < 0) {
        close(connection);
        return -1;
    }
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(connection, F_SETFL, O_NONBLOCK);
    return connection;
}

void open_peer(struct peer *peer, int port) {
    int number = peer - peers;
    char request[512];
    peer->socket = dial(port, number);
    if (peer->socket < 0) {
        failed++;
        return;
    }
    struct epoll_event interest = {.events = EPOLLIN, .data.u32 = number};
    epoll_ctl(epoll, EPOLL_CTL_ADD, peer->socket, &interest);
    int length = snprintf(request, sizeof request,
                          "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
                          wish.raw ? "/" : "/socket.io/?EIO=4&transport=websocket", port);
    send_all(peer->socket, request, length);
}

static void close_peer(struct peer *peer, const char *reason) {
    if (reason) fprintf(stderr, "connection %ld: %s\n", (long)(peer - peers), reason);
    if (peer->step != READY) failed++;
    close(peer->socket); /* and so it leaves epoll */
    peer->socket = -1;
}

/* The protocols */

static void subscribe(struct peer *peer) {
    char text[256];
    int channel = (peer - peers) % wish.channels;
    snprintf(text, sizeof text,
             wish.raw ? "{\"command\":\"set-filter\",\"filter\":[\"ch%d\"]}" : "42[\"set-filter\",{\"filter\":[\"ch%d\"]}]",
             channel);
    send_text(peer, text);
    peer->step = SUBSCRIBING;
    if (wish.raw) { /* it is not answered, but obeyed before anything that is posted later */
        peer->step = READY;
        ready++;
    }
}

static void count_event(const char *text, size_t length) {
    static const char MARK[] = "\"t\":\"";
    delivered++;
    if (delivered % SAMPLE_EVERY || sampled == MOST_SAMPLES) return;
    char *sent_at = memmem(text, length, MARK, sizeof MARK - 1);
    if (sent_at) samples[sampled++] = now_s() - atof(sent_at + sizeof MARK - 1);
}

static int begins(const char *text, size_t length, const char *start) {
    size_t wanted = strlen(start);
    return length >= wanted && !memcmp(text, start, wanted);
}

static void take_raw(struct peer *peer, const char *text, size_t length) {
    if (is_poster(peer))
        acked++;
    else if (memmem(text, length < 64 ? length : 64, "\"channel\"", 9))
        count_event(text, length);
}

static void take_socketio(struct peer *peer, const char *text, size_t length) {
    if (begins(text, length, "42[\"message\"")) {
        count_event(text, length);
    } else if (begins(text, length, "43")) {
        acked++;
    } else if (begins(text, length, "2")) {
        send_text(peer, "3");
    } else if (begins(text, length, "0")) {
        char join[256];
        snprintf(join, sizeof join, "40{\"role\":\"sender\",\"token\":\"%s\"}", wish.key);
        send_text(peer, is_poster(peer) ? join : "40");
        peer->step = JOINING;
    } else if (begins(text, length, "40")) {
        if (is_poster(peer))
            peer->step = READY;
        else
            subscribe(peer);
    } else if (begins(text, length, "42[\"status\"") && peer->step == SUBSCRIBING) {
        peer->step = READY;
        ready++;
    } else if (begins(text, length, "44")) {
        fprintf(stderr, "refused: %.*s\n", (int)length, text);
        exit(3);
    }
}

static void take_frame(struct peer *peer, const struct frame *frame) {
    if (frame->opcode == PING) {
        unsigned char pong[125 + MAX_HEADER]; /* RFC 6455 section 5.5: at most 125 bytes */
        send_all(peer->socket, pong, write_frame(pong, PONG, frame->payload, frame->length, 1));
    } else if (frame->opcode == TEXT || frame->opcode == BINARY) {
        (wish.raw ? take_raw : take_socketio)(peer, (char *)frame->payload, frame->length);
    }
}

/* Returns how many bytes the answer to the upgrade takes; 0 if it is not complete, or no answer that was wanted. */
static size_t take_upgrade(struct peer *peer) {
    unsigned char *end = memmem(peer->bytes, peer->held, "\r\n\r\n", 4);
    if (!end) return 0;
    if (memcmp(peer->bytes, "HTTP/1.1 101", 12)) {
        close_peer(peer, "the upgrade was refused");
        return 0;
    }
    peer->step = OPENING;
    if (wish.raw && is_poster(peer)) peer->step = READY;
    if (wish.raw && !is_poster(peer)) subscribe(peer);
    return end + 4 - peer->bytes;
}

static void take_held(struct peer *peer) {
    struct frame frame;
    size_t done = peer->step == UPGRADING ? take_upgrade(peer) : 0;
    if (peer->socket < 0 || peer->step == UPGRADING) return;
    while (read_frame(peer->bytes + done, peer->held - done, &frame)) {
        take_frame(peer, &frame);
        done += frame.size;
    }
    memmove(peer->bytes, peer->bytes + done, peer->held - done);
    peer->held -= done;
}

static void take_bytes(struct peer *peer) {
    while (peer->socket >= 0) {
        if (peer->held == peer->room) {
            peer->room = peer->room ? peer->room * 2 : FIRST_ROOM;
            peer->bytes = realloc(peer->bytes, peer->room);
            if (!peer->bytes) die("realloc");
        }
        ssize_t count = recv(peer->socket, peer->bytes + peer->held, peer->room - peer->held, 0);
        if (count < 0 && errno == EAGAIN) break;
        if (count <= 0) {
            close_peer(peer, "it was closed");
            return;
        }
        peer->held += count;
        take_held(peer);
    }
    if (!peer->held && peer->room > KEPT_ROOM) {
        free(peer->bytes);
        peer->bytes = NULL;
        peer->room = 0;
    }
}

int take_what_comes(int timeout_ms) {
    struct epoll_event events[MOST_EVENTS];
    int found = epoll_wait(epoll, events, MOST_EVENTS, timeout_ms);
    for (int i = 0; i < found; i++) take_bytes(&peers[events[i].data.u32]);
    return found;
}
