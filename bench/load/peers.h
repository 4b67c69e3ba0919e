/* The connections of a load generator: listeners that follow a channel each, and behind them one poster.
   Knows sockets, and both protocols as far as they are needed. Must not know when anything is posted, nor what is measured. */
#ifndef PEERS_H
#define PEERS_H

#include <stddef.h>

struct wish {
    int port, post_port, raw, listeners, channels, in_flight, payload, pid;
    long posts;
    double rate; /* posts a second; 0: as fast as they are acknowledged */
    const char *key;
};
extern struct wish wish;

enum step { UPGRADING, OPENING, JOINING, SUBSCRIBING, READY };

struct peer {
    int socket; /* -1: closed */
    enum step step;
    unsigned char *bytes;
    size_t held, room;
};
extern struct peer *peers; /* wish.listeners of them, then the poster */

extern int ready, failed;               /* listeners that subscribed, that were refused or lost on the way */
extern long acked, delivered;           /* posts that were answered, events that arrived */
extern double samples[];                /* seconds from a post to an arrival, */
extern long sampled;                    /* so many of them */

void make_peers(void);
void open_peer(struct peer *peer, int port);
void send_text(struct peer *peer, const char *text);

/* Waits until something comes, and takes it. Returns 0 if nothing came in time. */
int take_what_comes(int timeout_ms);

#endif
