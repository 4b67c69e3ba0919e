/* WebSocket frames (RFC 6455 section 5) as both programs of this folder need them: whole text messages, never fragmented.
   Knows bytes. Must not know sockets, nor what the text means. */
#ifndef FRAMES_H
#define FRAMES_H

#include <stddef.h>

enum opcode { TEXT = 0x1, BINARY = 0x2, CLOSE = 0x8, PING = 0x9, PONG = 0xa };

/* Longest header: two bytes, eight of length, four of mask. */
enum { MAX_HEADER = 14 };

struct frame {
    enum opcode opcode;
    unsigned char *payload;
    size_t length;
    size_t size; /* with its header */
};

/* Find the frame that `bytes` begin with. Returns 0 if more bytes are needed, else 1. A mask is read over, not undone:
   both sides of these programs mask with zeros. */
int read_frame(unsigned char *bytes, size_t held, struct frame *frame);

/* Write a frame with this payload; `masked` as a client has to. Returns its size. `out` has room for
   `length` + MAX_HEADER bytes. */
size_t write_frame(unsigned char *out, enum opcode opcode, const void *payload, size_t length, int masked);

#endif
