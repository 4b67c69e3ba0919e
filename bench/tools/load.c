/* A load generator: listeners, posters and visitors against an event daemon, in one thread.

   It opens the listeners, posts what the plan has, counts every event that arrives, and prints one line of JSON:

     listeners, failed          opened and subscribed; refused or lost on the way
     connect_s, storm_s         until all were subscribed; until they were again, after all had been dropped at once
     kb_per_connection          what the server's memory grew by
     posted, acked              events
     delivered, wanted          events that arrived, that should have
     seconds                    from the first post to the last thing that came
     deliveries_per_s, posts_per_s
     us_cpu_per_delivery, us_cpu_per_post, cpu_ms_per_s      of the server's processor time
     mb_grown                   what the server's memory grew by from the first post on
     p50_ms, p99_ms             from the post to an arrival, of every 17th arrival; see `post_next`
     asks, ask_p50_ms, ask_p99_ms, ask_p999_ms               questions for the last id, and how long answers took
     visits                     others that connected, subscribed and went
     generator_busy             how much of a core this program used meanwhile; near 1 it was the limit

   Exit code 1 if anything failed or did not arrive. */
#include "dialect.h"
#include "plan.h"
#include "tally.h"
#include "usage.h"
#include "wish.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static const double STALLED_S = 30; /* without anything coming: it will not come any more */

static long posted, asked, visited;

/* Before the run */

static void open_listeners(int at_once) {
    int opened = 0;
    while (ready + failed < wish.listeners) {
        while (opened < wish.listeners && opened - ready - failed < at_once) open_peer(&listeners[opened++]);
        if (ready + failed < wish.listeners && !take_what_comes(STALLED_S * 1000)) {
            fprintf(stderr, "stalled: %d of %d subscribed, %d failed\n", ready, wish.listeners, failed);
            exit(1);
        }
    }
}

/* Returns the seconds until all were subscribed. */
static double connect_all(int at_once) {
    double began = now_s();
    open_listeners(at_once);
    return now_s() - began;
}

static double storm(void) {
    for (struct peer *peer = listeners; peer < posters; peer++) close_peer(peer, NULL);
    ready = 0;
    return connect_all(wish.listeners);
}

static void settle(void) {
    double until = now_s() + (wish.settle_s > wish.listen->settle_s ? wish.settle_s : wish.listen->settle_s);
    while (now_s() < until) take_what_comes(100);
}

static void stall_some(void) {
    int every = 100 / wish.stalled_percent;
    for (struct peer *peer = listeners; peer < posters; peer += every) {
        stop_reading(peer);
        peer->step = SUBSCRIBING; /* nothing is expected of it */
    }
}

static void open_posters(void) {
    for (struct peer *peer = posters; peer < visitors; peer++) {
        open_peer(peer);
        while (peer->step != READY) {
            if (peer->socket < 0 || !take_what_comes(STALLED_S * 1000)) {
                fprintf(stderr, "a poster was not let in\n");
                exit(1);
            }
        }
    }
}

/* The run */

static struct peer *free_poster(void) {
    static int turn;
    for (int i = 0; i < wish.posters; i++) {
        struct peer *peer = &posters[turn++ % wish.posters];
        if (peer->socket >= 0 && (!peer->under_way || wish.post->pipelines)) return peer;
    }
    return NULL;
}

/* A post that was due while the server had not yet answered those before it counts from when it was due. Else a server that
   answers late would be asked late, and what its listeners wait for would be seen by nobody ("coordinated omission"). */
static int post_next(double began, double elapsed_s) {
    static int held_back;
    struct peer *poster;
    int count = wish.batch < wish.posts - posted ? wish.batch : wish.posts - posted;
    if (count <= 0) return 0;
    if (plan[posted].at_s > elapsed_s) return held_back = 0;
    if (posted - acked >= (long)wish.in_flight * wish.batch || !(poster = free_poster())) {
        held_back = wish.rate || wish.plan;
        return 0;
    }
    for (struct post *post = &plan[posted]; post < &plan[posted + count]; post++)
        post->from_s = held_back ? began + post->at_s : now_s();
    poster->under_way += count;
    wish.post->post(poster, &plan[posted], count);
    posted += count;
    return 1;
}

static void ask_next(void) {
    struct peer *poster = &posters[asked % wish.posters];
    if (poster->asked_at || poster->socket < 0) return; /* its turn comes again when it has its answer */
    poster->asked_at = now_s();
    wish.post->ask(poster);
    asked++;
}

static void visit_next(void) {
    struct peer *visitor = &visitors[visited++ % MOST_VISITORS];
    if (visitor->socket < 0) open_peer(visitor);
}

static int is_done(long wanted, double elapsed_s) {
    return delivered >= wanted && acked >= wish.posts && answers.count >= asked && elapsed_s >= wish.idle_s;
}

/* Posts, asks and visits. Returns the time of the last thing that came. */
static double run(long wanted) {
    double began = now_s(), last = began, elapsed_s = 0;
    int paced = wish.rate || wish.plan || wish.ask_rate || wish.visit_rate;
    while (!is_done(wanted, elapsed_s)) {
        while (post_next(began, elapsed_s)) {}
        if (posted < wish.posts && asked < elapsed_s * wish.ask_rate) ask_next();
        if (posted < wish.posts && visited < elapsed_s * wish.visit_rate) visit_next();
        int came = take_what_comes(paced ? 1 : 100);
        elapsed_s = now_s() - began;
        if (came || wish.idle_s) {
            last = began + elapsed_s;
        } else if (began + elapsed_s - last > STALLED_S) {
            fprintf(stderr, "stalled: %ld of %ld events, %ld of %ld posts\n", delivered, wanted, acked, wish.posts);
            break;
        }
    }
    return last;
}

static double ratio(double a, double b) { return b > 0 ? a / b : 0; }

static void report(double seconds, double cpu, long wanted) {
    sort(&arrivals);
    sort(&answers);
    printf("\"posted\":%ld,\"acked\":%ld,\"delivered\":%ld,\"wanted\":%ld,\"seconds\":%.3f,", posted, acked, delivered, wanted, seconds);
    printf("\"deliveries_per_s\":%.0f,\"posts_per_s\":%.0f,", ratio(delivered, seconds), ratio(acked, seconds));
    printf("\"us_cpu_per_delivery\":%.3f,\"us_cpu_per_post\":%.3f,\"cpu_ms_per_s\":%.3f,", ratio(cpu * 1e6, delivered),
           ratio(cpu * 1e6, acked), ratio(cpu * 1e3, seconds));
    printf("\"p50_ms\":%.3f,\"p99_ms\":%.3f,", percentile_ms(&arrivals, .5), percentile_ms(&arrivals, .99));
    printf("\"asks\":%ld,\"ask_p50_ms\":%.3f,\"ask_p99_ms\":%.3f,\"ask_p999_ms\":%.3f,", asked, percentile_ms(&answers, .5),
           percentile_ms(&answers, .99), percentile_ms(&answers, .999));
}

static void lift_limit_of_files(void) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

int main(int count, char **arguments) {
    read_wish(count, arguments);
    if (wish.idle_s) wish.posts = 0;
    lift_limit_of_files();
    if (wish.pid) watch_processes(wish.pid);
    make_peers();
    make_plan();

    double memory = resident_kb();
    printf("{\"connect_s\":%.4f,", connect_all(wish.opening));
    printf("\"kb_per_connection\":%.2f,", ratio(resident_kb() - memory, ready));
    if (wish.storm) printf("\"storm_s\":%.4f,", storm());
    int subscribed = ready;
    if (wish.stalled_percent) stall_some();
    if (!wish.idle_s) open_posters();
    settle();

    long wanted = count_wanted();
    delivered = arrivals.count = 0; /* what a listener got when it came is nothing that was posted now */
    memory = resident_kb();
    double cpu = cpu_s(), own = own_cpu_s(), began = now_s(), seconds = run(wanted) - began;
    report(seconds, cpu_s() - cpu, wanted);
    printf("\"mb_grown\":%.2f,\"visits\":%d,\"listeners\":%d,\"failed\":%d,\"generator_busy\":%.3f}\n", (resident_kb() - memory) / 1024,
           visits, subscribed, failed, ratio(own_cpu_s() - own, seconds));
    return failed || delivered != wanted || acked != wish.posts;
}
