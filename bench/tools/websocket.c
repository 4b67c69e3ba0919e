#define _GNU_SOURCE
#include "dialect.h"
#include "frames.h"
#include "wish.h"

#include <stdio.h>
#include <string.h>

/* The key is the example of RFC 6455 section 1.3. */
void greet_websocket(struct peer *peer, const char *path) {
    char request[1024];
    int length = snprintf(request, sizeof request,
                          "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
                          path, wish.port);
    send_all(peer, request, length);
}

void send_text(struct peer *peer, const char *text) {
    size_t length = strlen(text);
    unsigned char frame[length + MAX_HEADER];
    send_all(peer, frame, write_frame(frame, TEXT, text, length, 1));
}

/* Returns how many bytes the answer to the upgrade takes; 0 if it is not complete, or no answer that was wanted. */
static size_t take_upgrade(struct peer *peer, const struct over_websocket *over) {
    unsigned char *end = memmem(peer->bytes, peer->held, "\r\n\r\n", 4);
    if (!end) return 0;
    if (memcmp(peer->bytes, "HTTP/1.1 101", 12)) {
        close_peer(peer, "the upgrade was refused");
        return 0;
    }
    peer->step = JOINING;
    if (over->upgraded) over->upgraded(peer);
    return end + 4 - peer->bytes;
}

size_t take_websocket(struct peer *peer, const struct over_websocket *over) {
    struct frame frame;
    size_t done = peer->step == GREETED ? take_upgrade(peer, over) : 0;
    while (peer->step != GREETED && peer->socket >= 0 && read_frame(peer->bytes + done, peer->held - done, &frame)) {
        if (frame.opcode == PING) {
            unsigned char pong[125 + MAX_HEADER]; /* RFC 6455 section 5.5: at most 125 bytes */
            send_all(peer, pong, write_frame(pong, PONG, frame.payload, frame.length, 1));
        } else if (frame.opcode == TEXT || frame.opcode == BINARY) {
            over->take_text(peer, (char *)frame.payload, frame.length);
        }
        done += frame.size;
    }
    return done;
}
