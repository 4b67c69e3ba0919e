#include "frames.h"

#include <stdint.h>
#include <string.h>

int read_frame(unsigned char *bytes, size_t held, struct frame *frame) {
    if (held < 2) return 0;
    size_t header = 2;
    uint64_t length = bytes[1] & 0x7f;
    size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
    if (held < header + extended) return 0;
    if (extended) {
        length = 0;
        for (size_t i = 0; i < extended; i++) length = length << 8 | bytes[header + i];
        header += extended;
    }
    if (bytes[1] & 0x80) header += 4;
    if (held < header || held - header < length) return 0;
    frame->opcode = bytes[0] & 0x0f;
    frame->payload = bytes + header;
    frame->length = length;
    frame->size = header + length;
    return 1;
}

size_t write_frame(unsigned char *out, enum opcode opcode, const void *payload, size_t length, int masked) {
    size_t header = 2;
    unsigned char mask_bit = masked ? 0x80 : 0;
    out[0] = 0x80 | opcode;
    if (length < 126) {
        out[1] = mask_bit | length;
    } else if (length < 65536) {
        out[1] = mask_bit | 126;
        out[2] = length >> 8;
        out[3] = length;
        header = 4;
    } else {
        out[1] = mask_bit | 127;
        for (int i = 0; i < 8; i++) out[2 + i] = (uint64_t)length >> (56 - 8 * i);
        header = 10;
    }
    if (masked) { /* a mask of zeros changes nothing, and costs the server as much as any other */
        memset(out + header, 0, 4);
        header += 4;
    }
    memcpy(out + header, payload, length);
    return header + length;
}
