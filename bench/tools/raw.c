#define _GNU_SOURCE
#include "dialect.h"
#include "tally.h"
#include "wish.h"

#include <stdio.h>
#include <string.h>

static void greet(struct peer *peer) { greet_websocket(peer, "/"); }

/* A filter is not answered: posts wait until all have been obeyed, for `settle_s`. */
static void upgraded(struct peer *peer) {
    char text[128];
    snprintf(text, sizeof text, "{\"command\":\"set-filter\",\"filter\":[\"ch%d\"]}", peer->channel);
    if (peer->kind != POSTER) send_text(peer, text);
    is_ready(peer);
}

static void take_text(struct peer *peer, const char *text, size_t length) {
    if (peer->kind == POSTER)
        was_acked(peer, 1);
    else if (memmem(text, length < 64 ? length : 64, "\"channel\"", 9))
        count_event(text, length);
}

static size_t take(struct peer *peer) { return take_websocket(peer, &(struct over_websocket){upgraded, take_text}); }

static void post(struct peer *peer, const struct post *posts, int count) {
    static char text[LONGEST_POST];
    (void)count;
    snprintf(text, sizeof text, "{\"command\":\"post\",\"channel\":\"ch%d\",\"message\":%s}", posts->channel, message_of(posts));
    send_text(peer, text);
}

const struct dialect raw = {
    .name = "raw", .listens = 1, .pipelines = 1, .settle_s = 1, .greet = greet, .take = take, .post = post};

/* The one without any commands: the path says the channel, a frame is a message. */

static void greet_at_path(struct peer *peer) {
    char path[512];
    expand(path, sizeof path, wish.path, peer->channel, "", "");
    greet_websocket(peer, path);
}

static void take_message(struct peer *peer, const char *text, size_t length) {
    (void)peer;
    count_event(text, length);
}

static size_t take_messages(struct peer *peer) {
    return take_websocket(peer, &(struct over_websocket){is_ready, take_message});
}

const struct dialect bare = {.name = "bare", .listens = 1, .greet = greet_at_path, .take = take_messages};
