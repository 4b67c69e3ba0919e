/* The connections of a load generator: listeners, posters, and visitors that come and go.
   Knows sockets. Must not know what is said over them (dialect.h), nor when. */
#ifndef PEERS_H
#define PEERS_H

#include <stddef.h>

enum kind { LISTENER, POSTER, VISITOR };
enum step { CONNECTING, GREETED, JOINING, SUBSCRIBING, READY };

struct dialect;

struct peer {
    int socket; /* -1: closed */
    enum kind kind;
    enum step step;
    const struct dialect *dialect;
    int channel;     /* of a listener */
    int under_way;   /* of a poster: events whose post is not acknowledged yet */
    double asked_at; /* of a poster: when it asked for the last id; 0: it has its answer */
    unsigned char *bytes;
    size_t held, room;
};

extern struct peer *listeners, *posters, *visitors;
enum { MOST_VISITORS = 256 };

void make_peers(void);
void open_peer(struct peer *peer);

/* `reason` is what went wrong; NULL: nothing did. */
void close_peer(struct peer *peer, const char *reason);

/* A dialect's word that it subscribed, or may post. A visitor goes then. */
void is_ready(struct peer *peer);
void was_acked(struct peer *peer, int posts);

void send_all(struct peer *peer, const void *bytes, size_t length);

/* From now on nothing is read of what comes for it. */
void stop_reading(struct peer *peer);

/* Waits until something comes, and takes it. Returns 0 if nothing came in time. */
int take_what_comes(int timeout_ms);

void give_up(const char *what); /* with the error of the system */

#endif
