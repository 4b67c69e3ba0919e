#include "dialect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int begins(const char *text, size_t length, const char *start) {
    size_t wanted = strlen(start);
    return length >= wanted && !memcmp(text, start, wanted);
}

const char *message_of(const struct post *post) {
    static char *text;
    static int filled = -1;
    if (filled < post->payload) {
        filled = post->payload;
        text = realloc(text, filled + 64);
        if (!text) exit(2);
    }
    int length = sprintf(text, "{\"t\":\"%.9f\",\"p\":\"", post->from_s);
    memset(text + length, 'x', post->payload);
    memcpy(text + length + post->payload, "\"}", 3);
    return text;
}

size_t expand(char *out, size_t room, const char *pattern, int channel, const char *message, const char *events) {
    size_t length = 0;
    char number[16];
    snprintf(number, sizeof number, "%d", channel);
    while (*pattern) {
        const char *piece = pattern;
        size_t size = strcspn(pattern, "%");
        pattern += size;
        if (!size) {
            char name = pattern[1];
            piece = name == 'c' ? number : name == 'm' ? message : name == 'e' ? events : "%";
            size = strlen(piece);
            pattern += name == 'c' || name == 'm' || name == 'e' ? 2 : 1;
        }
        if (length + size >= room) {
            fprintf(stderr, "load: a post is longer than %zu bytes\n", room);
            exit(2);
        }
        memcpy(out + length, piece, size);
        length += size;
    }
    out[length] = 0;
    return length;
}
