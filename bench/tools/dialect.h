/* What servers are spoken to in: how a client says hello, what it makes of bytes that come, how it posts.
   Each is a file. They know peers and the tally. They must not know what is measured, or when anything is posted. */
#ifndef DIALECT_H
#define DIALECT_H

#include "peers.h"

#include <stddef.h>

/* One event that is to be posted. */
struct post {
    int channel, payload;
    double at_s;   /* since the first one */
    double from_s; /* from when on its listeners wait for it, by the clock */
};

struct dialect {
    const char *name;
    int listens;
    int pipelines;   /* may several posts be under way on one connection? */
    double settle_s; /* how long posts wait for filters that nobody answers */
    void (*greet)(struct peer *peer);
    /* Takes what is whole of the bytes held; returns how many those were. */
    size_t (*take)(struct peer *peer);
    /* Either may be NULL. A post of several is a batch. */
    void (*post)(struct peer *peer, const struct post *posts, int count);
    void (*ask)(struct peer *peer); /* for the last id */
};

extern const struct dialect socketio;   /* Socket.IO 5 over a WebSocket */
extern const struct dialect raw;        /* JSON objects over a WebSocket, docs/reference/websocket.md */
extern const struct dialect bare;       /* listen only: each frame of a WebSocket is a message and nothing else */
extern const struct dialect centrifugo; /* its JSON protocol over a WebSocket */
extern const struct dialect nats;       /* NATS' text protocol */
extern const struct dialect stream;     /* listen only: event streams */
extern const struct dialect http;       /* post only */

/* WebSockets, for dialects that are spoken over them. */
void greet_websocket(struct peer *peer, const char *path);
void send_text(struct peer *peer, const char *text);
struct over_websocket {
    void (*upgraded)(struct peer *peer); /* may be NULL */
    void (*take_text)(struct peer *peer, const char *text, size_t length);
};
size_t take_websocket(struct peer *peer, const struct over_websocket *over);

/* `{"t":"…","p":"…"}` with the time from which the post counts, in a text that lasts until the next call. */
const char *message_of(const struct post *post);

/* Does a text begin like this? */
int begins(const char *text, size_t length, const char *start);

/* Write a text with `%c`, `%m`, `%e` replaced; returns its length, or ends the program if there is no room. */
size_t expand(char *out, size_t room, const char *pattern, int channel, const char *message, const char *events);

enum { LONGEST_POST = 1 << 21 };

#endif
