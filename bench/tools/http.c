#define _GNU_SOURCE
#include "dialect.h"
#include "tally.h"
#include "wish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Event streams */

static void greet_stream(struct peer *peer) {
    char path[512], request[1024];
    expand(path, sizeof path, wish.path, peer->channel, "", "");
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: text/event-stream\r\n\r\n", path,
                          wish.port);
    send_all(peer, request, length);
}

/* Returns how many bytes the head of an answer takes; 0 if it is not complete, or an answer that was not wanted. */
static size_t take_head(struct peer *peer) {
    unsigned char *end = memmem(peer->bytes, peer->held, "\r\n\r\n", 4);
    if (!end) return 0;
    if (memcmp(peer->bytes, "HTTP/1.1 2", 10)) {
        fprintf(stderr, "refused: %.*s\n", (int)(peer->held < 500 ? peer->held : 500), peer->bytes);
        close_peer(peer, "the answer is an error");
        return 0;
    }
    return end + 4 - peer->bytes;
}

/* Line by line: the sizes of chunks are lines too, and no server here ends a chunk within a record. */
static size_t take_stream(struct peer *peer) {
    size_t done = 0;
    if (peer->step == GREETED) {
        if (!(done = take_head(peer))) return 0;
        is_ready(peer);
    }
    unsigned char *line_end;
    while (peer->socket >= 0 && (line_end = memchr(peer->bytes + done, '\n', peer->held - done))) {
        const char *line = (const char *)peer->bytes + done;
        size_t length = line_end - peer->bytes - done;
        if (begins(line, length, "data:") && memmem(line, length, "\"t\":", 4)) count_event(line, length);
        done = line_end + 1 - peer->bytes;
    }
    return done;
}

const struct dialect stream = {.name = "stream", .listens = 1, .greet = greet_stream, .take = take_stream};

/* Posts: one request after another on each connection, which stays open. */

static size_t body_length(const char *head, size_t length) {
    for (const char *line = head; (line = memchr(line, '\n', head + length - line)); line++)
        if (head + length - line > 16 && !strncasecmp(line + 1, "content-length:", 15)) return strtoul(line + 16, NULL, 10);
    return 0;
}

/* Returns how many bytes the answer takes, 0 if it is not complete. As one is asked for at a time, the end of its chunks
   is the end of what came. */
static size_t answer_size(const struct peer *peer, size_t head) {
    static const char LAST_CHUNK[] = "0\r\n\r\n";
    const size_t last = sizeof LAST_CHUNK - 1;
    if (memmem(peer->bytes, head, "chunked", 7))
        return peer->held >= head + last && !memcmp(peer->bytes + peer->held - last, LAST_CHUNK, last) ? peer->held : 0;
    size_t size = head + body_length((char *)peer->bytes, head);
    return peer->held >= size ? size : 0;
}

static size_t take_answer(struct peer *peer) {
    size_t head = take_head(peer), size = head ? answer_size(peer, head) : 0;
    if (!size) return 0;
    if (memmem(peer->bytes, size, "\"error\"", 7)) {
        fprintf(stderr, "refused: %.*s\n", (int)size, peer->bytes);
        exit(3);
    }
    was_acked(peer, peer->under_way);
    return size;
}

static void write_events(char *out, size_t room, const struct post *posts, int count) {
    size_t length = 0;
    for (int i = 0; i < count; i++) {
        if (i) out[length++] = ',';
        length += expand(out + length, room - length - 1, wish.event, posts[i].channel, message_of(&posts[i]), "");
    }
}

static void post(struct peer *peer, const struct post *posts, int count) {
    static char events[LONGEST_POST], body[LONGEST_POST], request[LONGEST_POST + 1024];
    char path[512];
    expand(path, sizeof path, wish.post_path, posts->channel, "", "");
    write_events(events, sizeof events, posts, count);
    size_t size = expand(body, sizeof body, wish.frame, posts->channel, "", events);
    int length = snprintf(request, sizeof request, "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s\r\nContent-Length: %zu\r\n\r\n%s", path,
                          wish.post_port, wish.header, size, body);
    send_all(peer, request, length);
}

const struct dialect http = {.name = "http", .greet = is_ready, .take = take_answer, .post = post};
