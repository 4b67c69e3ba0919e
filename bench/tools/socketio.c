#include "dialect.h"
#include "tally.h"
#include "usage.h"
#include "wish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Acknowledgements of posts have lower numbers than this, answers to `last-msg` this one. */
static const long LAST = 1000000000;

static void greet(struct peer *peer) { greet_websocket(peer, "/socket.io/?EIO=4&transport=websocket"); }

static void join(struct peer *peer) {
    char text[256];
    snprintf(text, sizeof text, "40{\"role\":\"sender\",\"token\":\"%s\"}", wish.key);
    send_text(peer, peer->kind == POSTER ? text : "40");
}

static void joined(struct peer *peer) {
    char text[128];
    if (peer->kind == POSTER) {
        is_ready(peer);
        return;
    }
    snprintf(text, sizeof text, "42[\"set-filter\",{\"filter\":[\"ch%d\"]}]", peer->channel);
    send_text(peer, text);
    peer->step = SUBSCRIBING;
}

static void take_ack(struct peer *peer, const char *text) {
    if (atol(text + 2) != LAST) {
        was_acked(peer, 1);
        return;
    }
    count_answer(now_s() - peer->asked_at);
    peer->asked_at = 0;
}

static void take_text(struct peer *peer, const char *text, size_t length) {
    if (begins(text, length, "42[\"message\"")) {
        count_event(text, length);
    } else if (begins(text, length, "43")) {
        take_ack(peer, text);
    } else if (begins(text, length, "2")) {
        send_text(peer, "3");
    } else if (begins(text, length, "0")) {
        join(peer);
    } else if (begins(text, length, "40")) {
        joined(peer);
    } else if (begins(text, length, "42[\"status\"") && peer->step == SUBSCRIBING) {
        is_ready(peer);
    } else if (begins(text, length, "44")) {
        fprintf(stderr, "refused: %.*s\n", (int)length, text);
        exit(3);
    }
}

static size_t take(struct peer *peer) { return take_websocket(peer, &(struct over_websocket){NULL, take_text}); }

static void post(struct peer *peer, const struct post *posts, int count) {
    static long number;
    static char text[LONGEST_POST];
    (void)count;
    number = (number + 1) % LAST;
    snprintf(text, sizeof text, "42%ld[\"post\",{\"channel\":\"ch%d\",\"message\":%s}]", number, posts->channel, message_of(posts));
    send_text(peer, text);
}

static void ask(struct peer *peer) {
    char text[64];
    snprintf(text, sizeof text, "42%ld[\"last-msg\"]", LAST);
    send_text(peer, text);
}

const struct dialect socketio = {
    .name = "socketio", .listens = 1, .pipelines = 1, .greet = greet, .take = take, .post = post, .ask = ask,
};
