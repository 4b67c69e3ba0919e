#include "plan.h"

#include "wish.h"

#include <stdio.h>
#include <stdlib.h>

struct post *plan;

static FILE *open_file(const char *name) {
    FILE *file = fopen(name, "r");
    if (!file) give_up(name);
    return file;
}

static void read_plan(void) {
    FILE *file = open_file(wish.plan);
    struct post post;
    long room = 0;
    wish.posts = 0;
    while (fscanf(file, "%lf %d %d", &post.at_s, &post.channel, &post.payload) == 3) {
        if (wish.posts == room) plan = realloc(plan, (room = room * 2 + 1024) * sizeof *plan);
        if (!plan) give_up("realloc");
        plan[wish.posts++] = post;
        if (post.channel >= wish.channels) wish.channels = post.channel + 1;
    }
    fclose(file);
}

static void post_evenly(void) {
    plan = calloc(wish.posts + 1, sizeof *plan);
    if (!plan) give_up("calloc");
    for (long i = 0; i < wish.posts; i++) {
        double at_s = wish.rate ? i / wish.rate : 0;
        plan[i] = (struct post){.channel = i % wish.channels, .payload = wish.payload, .at_s = at_s};
    }
}

static void read_follow(void) {
    FILE *file = open_file(wish.follow);
    for (struct peer *peer = listeners; peer < posters; peer++) {
        if (fscanf(file, "%d", &peer->channel) != 1) {
            fprintf(stderr, "load: %s has too few lines\n", wish.follow);
            exit(2);
        }
        if (peer->channel >= wish.channels) wish.channels = peer->channel + 1;
    }
    fclose(file);
}

void make_plan(void) {
    if (wish.plan) read_plan();
    for (struct peer *peer = listeners; peer < posters; peer++) peer->channel = (peer - listeners) % wish.channels;
    if (wish.follow) read_follow();
    if (!wish.plan) post_evenly();
    for (int i = 0; i < MOST_VISITORS; i++) visitors[i].channel = wish.channels;
}

long count_wanted(void) {
    long wanted = 0, *followers = calloc(wish.channels, sizeof *followers);
    if (!followers) give_up("calloc");
    for (struct peer *peer = listeners; peer < posters; peer++) followers[peer->channel] += peer->step == READY && peer->socket >= 0;
    for (long i = 0; i < wish.posts; i++) wanted += followers[plan[i].channel];
    free(followers);
    return wanted;
}
