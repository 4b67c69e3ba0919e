#include "dialect.h"
#include "tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A poster asks for an acknowledgement of each post (`verbose`), a listener for none. Either is ready when its PING is
   answered: all before it has been obeyed. */
static void greet(struct peer *peer) {
    char text[256];
    int length = peer->kind == POSTER
                     ? snprintf(text, sizeof text, "CONNECT {\"verbose\":true,\"pedantic\":false}\r\nPING\r\n")
                     : snprintf(text, sizeof text, "CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB ch%d 1\r\nPING\r\n",
                                peer->channel);
    send_all(peer, text, length);
}

/* `MSG ch1 1 231`: returns how many bytes the message takes, with its line end. */
static size_t size_of_message(const char *line, const char *line_end) {
    const char *number = line_end;
    while (number > line && number[-1] != ' ') number--;
    return strtoul(number, NULL, 10) + 2;
}

static void take_line(struct peer *peer, const char *line, size_t length) {
    if (begins(line, length, "+OK") && peer->step == READY) {
        was_acked(peer, 1);
    } else if (begins(line, length, "PONG") && peer->step != READY) {
        is_ready(peer);
    } else if (begins(line, length, "PING")) {
        send_all(peer, "PONG\r\n", 6);
    } else if (begins(line, length, "-ERR")) {
        fprintf(stderr, "refused: %.*s\n", (int)length, line);
        exit(3);
    }
}

static size_t take(struct peer *peer) {
    const char *text = (const char *)peer->bytes, *end = text + peer->held, *line_end;
    while (peer->socket >= 0 && (line_end = memchr(text, '\r', end - text)) && line_end + 2 <= end) {
        if (begins(text, line_end - text, "MSG ")) {
            size_t size = size_of_message(text, line_end);
            if ((size_t)(end - line_end - 2) < size) break;
            count_event(line_end + 2, size);
            text = line_end + 2 + size;
        } else {
            take_line(peer, text, line_end - text);
            text = line_end + 2;
        }
    }
    return text - (const char *)peer->bytes;
}

static void post(struct peer *peer, const struct post *posts, int count) {
    static char text[LONGEST_POST];
    (void)count;
    const char *message = message_of(posts);
    int length = snprintf(text, sizeof text, "PUB ch%d %zu\r\n%s\r\n", posts->channel, strlen(message), message);
    send_all(peer, text, length);
}

const struct dialect nats = {.name = "nats", .listens = 1, .pipelines = 1, .greet = greet, .take = take, .post = post};
