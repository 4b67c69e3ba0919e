/* A load generator: many listeners and one poster against an event daemon, in one thread.

   It opens the listeners, spread evenly over the channels, then posts to the channels in turn with a number of posts
   under way, counts every event that arrives, and prints one line of JSON:

     listeners, failed          opened and subscribed; refused or lost on the way
     connect_s                  until all were subscribed
     kb_per_connection          what the server's memory grew by
     posted, acked              posts
     delivered, wanted          events that arrived, that should have
     seconds                    from the first post to the last thing that came
     deliveries_per_s, us_cpu_per_delivery      the latter of the server's processor time
     p50_ms, p99_ms             from the post to an arrival, of every sixteenth arrival

   Exit code 1 if anything failed or did not arrive. */
#include "peers.h"
#include "usage.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { OPENING_AT_ONCE = 256 };
static const double STALLED_S = 8; /* without anything coming: it will not come any more */

struct wish wish = {.port = 15100, .listeners = 1000, .channels = 1, .in_flight = 8, .payload = 200, .posts = 200, .key = ""};
static long posted;

/* The run */

static void open_listeners(void) {
    int opened = 0;
    while (ready + failed < wish.listeners) {
        while (opened < wish.listeners && opened - ready - failed < OPENING_AT_ONCE) open_peer(&peers[opened++], wish.port);
        if (ready + failed < wish.listeners && !take_what_comes(STALLED_S * 1000)) {
            fprintf(stderr, "stalled: %d of %d subscribed, %d failed\n", ready, wish.listeners, failed);
            exit(1);
        }
    }
}

static void open_poster(void) {
    struct peer *poster = &peers[wish.listeners];
    open_peer(poster, wish.post_port);
    while (poster->step != READY) {
        if (poster->socket < 0 || !take_what_comes(STALLED_S * 1000)) {
            fprintf(stderr, "the poster was not let in\n");
            exit(1);
        }
    }
}

static void post(const char *filling) {
    size_t room = wish.payload + 256;
    char text[room], head[64] = "{\"command\":\"post\",";
    if (!wish.raw) snprintf(head, sizeof head, "42%ld[\"post\",{", posted);
    snprintf(text, room, "%s\"channel\":\"ch%ld\",\"message\":{\"t\":\"%.9f\",\"p\":\"%s\"}}%s", head, posted % wish.channels,
             now_s(), filling, wish.raw ? "" : "]");
    send_text(&peers[wish.listeners], text);
    posted++;
}

/* Posts all, and waits for all that should arrive. Returns the time of the last thing that came. */
static double post_all(long wanted) {
    char *filling = calloc(wish.payload + 1, 1);
    memset(filling, 'x', wish.payload);
    double began = now_s(), last = began;
    while (delivered < wanted || acked < wish.posts) {
        while (posted < wish.posts && posted - acked < wish.in_flight
               && (!wish.rate || posted <= (now_s() - began) * wish.rate))
            post(filling);
        if (take_what_comes(wish.rate ? 1 : 100)) {
            last = now_s();
        } else if (now_s() - last > STALLED_S) {
            fprintf(stderr, "stalled: %ld of %ld events, %ld of %ld posts\n", delivered, wanted, acked, wish.posts);
            break;
        }
    }
    free(filling);
    return last;
}

static long count_wanted(void) {
    long wanted = 0;
    for (int i = 0; i < wish.listeners; i++) {
        int channel = i % wish.channels;
        long posts = wish.posts / wish.channels + (channel < wish.posts % wish.channels);
        if (peers[i].socket >= 0 && peers[i].step == READY) wanted += posts;
    }
    return wanted;
}

static int by_size(const void *one, const void *other) {
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

static double percentile_ms(double share) { return sampled ? samples[(long)((sampled - 1) * share)] * 1e3 : 0; }

/* Options */

static void read_options(int count, char **arguments) {
    static const struct option names[] = {
        {"port", 1, NULL, 'p'},     {"post-port", 1, NULL, 'q'}, {"raw", 0, NULL, 'm'},     {"listeners", 1, NULL, 'n'},
        {"channels", 1, NULL, 'c'}, {"posts", 1, NULL, 'k'},     {"in-flight", 1, NULL, 'w'}, {"rate", 1, NULL, 'r'},
        {"payload", 1, NULL, 's'},  {"key", 1, NULL, 't'},       {"pid", 1, NULL, 'P'},     {NULL, 0, NULL, 0},
    };
    for (int name; (name = getopt_long(count, arguments, "", names, NULL)) != -1;) {
        switch (name) {
        case 'p': wish.port = atoi(optarg); break;
        case 'q': wish.post_port = atoi(optarg); break;
        case 'm': wish.raw = 1; break;
        case 'n': wish.listeners = atoi(optarg); break;
        case 'c': wish.channels = atoi(optarg); break;
        case 'k': wish.posts = atol(optarg); break;
        case 'w': wish.in_flight = atoi(optarg); break;
        case 'r': wish.rate = atof(optarg); break;
        case 's': wish.payload = atoi(optarg); break;
        case 't': wish.key = optarg; break;
        case 'P': wish.pid = atoi(optarg); break;
        default:
            fprintf(stderr, "usage: load --port N --pid N [--raw --post-port N] [--key TEXT] [--listeners N] [--channels N]\n"
                            "            [--posts N] [--in-flight N] [--rate POSTS_A_SECOND] [--payload BYTES]\n");
            exit(2);
        }
    }
    if (!wish.post_port) wish.post_port = wish.port;
}

int main(int count, char **arguments) {
    read_options(count, arguments);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (wish.pid) watch_processes(wish.pid);
    make_peers();

    double memory = resident_kb(), began = now_s();
    open_listeners();
    double connect_s = now_s() - began;
    double kb_per_connection = ready ? (resident_kb() - memory) / ready : 0;
    open_poster();

    long wanted = count_wanted();
    delivered = sampled = 0; /* what a listener got when it came is nothing that was posted now */
    double cpu = cpu_s();
    began = now_s();
    double seconds = post_all(wanted) - began;
    cpu = cpu_s() - cpu;
    qsort(samples, sampled, sizeof *samples, by_size);
    printf("{\"listeners\":%d,\"failed\":%d,\"connect_s\":%.3f,\"kb_per_connection\":%.2f,\"posted\":%ld,\"acked\":%ld,"
           "\"delivered\":%ld,\"wanted\":%ld,\"seconds\":%.3f,\"deliveries_per_s\":%.0f,\"us_cpu_per_delivery\":%.3f,"
           "\"p50_ms\":%.3f,\"p99_ms\":%.3f}\n",
           ready, failed, connect_s, kb_per_connection, posted, acked, delivered, wanted, seconds,
           seconds > 0 ? delivered / seconds : 0, delivered ? cpu * 1e6 / delivered : 0, percentile_ms(.5),
           percentile_ms(.99));
    return failed || delivered != wanted || acked != wish.posts;
}
