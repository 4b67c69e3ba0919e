#define _GNU_SOURCE
#include "dialect.h"
#include "tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECT = 1, SUBSCRIBE, FIRST_POST }; /* numbers of commands, which their replies repeat */

static void greet(struct peer *peer) { greet_websocket(peer, "/connection/websocket"); }

static void upgraded(struct peer *peer) {
    char text[128];
    int length = snprintf(text, sizeof text, "{\"id\":%d,\"connect\":{}}", CONNECT);
    if (peer->kind != POSTER)
        snprintf(text + length, sizeof text - length, "\n{\"id\":%d,\"subscribe\":{\"channel\":\"ch%d\"}}", SUBSCRIBE, peer->channel);
    send_text(peer, text);
    peer->step = SUBSCRIBING;
}

static void take_answer(struct peer *peer, long number) {
    if (number >= FIRST_POST)
        was_acked(peer, 1);
    else if (number == (peer->kind == POSTER ? CONNECT : SUBSCRIBE))
        is_ready(peer);
}

static void take_reply(struct peer *peer, const char *text, size_t length) {
    if (begins(text, length, "{\"push\"")) {
        count_event(text, length);
    } else if (begins(text, length, "{}")) {
        send_text(peer, "{}"); /* a ping, and its pong */
    } else if (memmem(text, length, "\"error\"", 7)) {
        fprintf(stderr, "refused: %.*s\n", (int)length, text);
        exit(3);
    } else if (begins(text, length, "{\"id\":")) {
        take_answer(peer, atol(text + 6));
    }
}

/* A frame has one reply a line. */
static void take_text(struct peer *peer, const char *text, size_t length) {
    const char *end = text + length;
    while (text < end && peer->socket >= 0) {
        const char *line_end = memchr(text, '\n', end - text);
        if (!line_end) line_end = end;
        take_reply(peer, text, line_end - text);
        text = line_end + 1;
    }
}

static size_t take(struct peer *peer) { return take_websocket(peer, &(struct over_websocket){upgraded, take_text}); }

static void post(struct peer *peer, const struct post *posts, int count) {
    static char text[LONGEST_POST];
    static long number = FIRST_POST;
    (void)count;
    snprintf(text, sizeof text, "{\"id\":%ld,\"publish\":{\"channel\":\"ch%d\",\"data\":%s}}", number, posts->channel, message_of(posts));
    number = number < 1000000000 ? number + 1 : FIRST_POST;
    send_text(peer, text);
}

const struct dialect centrifugo = {.name = "centrifugo", .listens = 1, .pipelines = 1, .greet = greet, .take = take, .post = post};
