#include "wish.h"

#include "dialect.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct wish wish = {
    .port = 15100, .listeners = 1000, .channels = 1, .posters = 1, .opening = 256, .in_flight = 8, .batch = 1, .payload = 200, .posts = 200,
    .listen = &socketio, .post = &socketio, .key = "", .path = "/", .post_path = "/", .header = "", .event = "%m", .frame = "%e",
};

static const struct dialect *const DIALECTS[] = {&socketio, &raw, &bare, &centrifugo, &nats, &stream, &http};

static const struct dialect *dialect_named(const char *name) {
    for (size_t i = 0; i < sizeof DIALECTS / sizeof *DIALECTS; i++)
        if (!strcmp(DIALECTS[i]->name, name)) return DIALECTS[i];
    fprintf(stderr, "load: there is no dialect %s\n", name);
    exit(2);
}

enum kind_of_value { NUMBER, LONG, RATE, TEXT, DIALECT };

static const struct option_of_wish {
    const char *name;
    enum kind_of_value kind;
    void *value;
} OPTIONS[] = {
    {"port", NUMBER, &wish.port}, {"post-port", NUMBER, &wish.post_port}, {"pid", NUMBER, &wish.pid},
    {"listeners", NUMBER, &wish.listeners}, {"channels", NUMBER, &wish.channels}, {"posters", NUMBER, &wish.posters},
    {"opening", NUMBER, &wish.opening}, {"in-flight", NUMBER, &wish.in_flight}, {"batch", NUMBER, &wish.batch},
    {"payload", NUMBER, &wish.payload}, {"stalled-percent", NUMBER, &wish.stalled_percent}, {"storm", NUMBER, &wish.storm},
    {"posts", LONG, &wish.posts}, {"rate", RATE, &wish.rate}, {"ask-rate", RATE, &wish.ask_rate},
    {"visit-rate", RATE, &wish.visit_rate}, {"idle", RATE, &wish.idle_s}, {"settle", RATE, &wish.settle_s}, {"listen", DIALECT, &wish.listen},
    {"post", DIALECT, &wish.post}, {"key", TEXT, &wish.key}, {"path", TEXT, &wish.path}, {"post-path", TEXT, &wish.post_path},
    {"header", TEXT, &wish.header}, {"event", TEXT, &wish.event}, {"frame", TEXT, &wish.frame}, {"follow", TEXT, &wish.follow},
    {"plan", TEXT, &wish.plan},
};
enum { COUNT = sizeof OPTIONS / sizeof *OPTIONS };

static void explain(void) {
    fprintf(stderr, "usage: load");
    for (int i = 0; i < COUNT; i++) fprintf(stderr, " [--%s %s]", OPTIONS[i].name, OPTIONS[i].kind < TEXT ? "N" : "TEXT");
    fprintf(stderr, "\n");
    exit(2);
}

static void set(const struct option_of_wish *option, const char *text) {
    switch (option->kind) {
    case NUMBER: *(int *)option->value = atoi(text); break;
    case LONG: *(long *)option->value = atol(text); break;
    case RATE: *(double *)option->value = atof(text); break;
    case TEXT: *(const char **)option->value = text; break;
    case DIALECT: *(const struct dialect **)option->value = dialect_named(text); break;
    }
}

void read_wish(int count, char **arguments) {
    struct option names[COUNT + 1] = {0};
    for (int i = 0; i < COUNT; i++) names[i] = (struct option){OPTIONS[i].name, required_argument, NULL, 0};
    for (int found, place; (found = getopt_long(count, arguments, "", names, &place)) != -1;) {
        if (found) explain();
        set(&OPTIONS[place], optarg);
    }
    if (optind < count) explain();
    if (!wish.post_port) wish.post_port = wish.port;
    const char *wrong = !wish.post->post ? "this dialect cannot post"
                        : !wish.listen->listens ? "this dialect cannot listen"
                        : wish.ask_rate && !wish.post->ask ? "this dialect cannot ask for the last id"
                        : wish.batch > 1 && wish.post != &http ? "this dialect has no batches"
                                                               : NULL;
    if (!wrong) return;
    fprintf(stderr, "load: %s\n", wrong);
    exit(2);
}
