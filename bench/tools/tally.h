/* What came of a run: how many events arrived and posts were acknowledged, and how long each took.
   Knows numbers. Must not know sockets or protocols. */
#ifndef TALLY_H
#define TALLY_H

#include <stddef.h>

enum { MOST_SAMPLES = 1 << 20 };

/* Durations in seconds; those beyond MOST_SAMPLES are not kept. */
struct samples {
    long count;
    double of[MOST_SAMPLES];
};

extern struct samples arrivals, answers;
extern int ready, failed, visits; /* listeners that subscribed, that were refused or lost; others that came and went */
extern long acked, delivered;     /* events whose post was answered; events that arrived */

/* An event came whose text has its time of posting somewhere. Every 17th is timed. */
void count_event(const char *text, size_t length);
void count_answer(double seconds);

/* Sorts them; then `percentile_ms` may be asked, with a share of 0 to 1. */
void sort(struct samples *samples);
double percentile_ms(const struct samples *samples, double share);

#endif
