#define _GNU_SOURCE
#include "tally.h"

#include "peers.h"
#include "usage.h"

#include <stdlib.h>
#include <string.h>

enum { SAMPLE_EVERY = 17 }; /* a prime: where events come joined by twos, an even one would see the second of each */

struct samples arrivals, answers;
int ready, failed, visits;
long acked, delivered;

static void add(struct samples *samples, double seconds) {
    if (samples->count < MOST_SAMPLES) samples->of[samples->count++] = seconds;
}

void count_event(const char *text, size_t length) {
    static const char MARK[] = "\"t\":";
    delivered++;
    if (delivered % SAMPLE_EVERY) return;
    char *sent_at = memmem(text, length, MARK, sizeof MARK - 1);
    if (!sent_at) give_up("an event has lost the time of its post");
    sent_at += sizeof MARK - 1;
    while (*sent_at == ' ' || *sent_at == '"') sent_at++; /* some servers write JSON anew, with spaces */
    add(&arrivals, now_s() - atof(sent_at));
}

void count_answer(double seconds) { add(&answers, seconds); }

static int by_size(const void *one, const void *other) {
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

void sort(struct samples *samples) { qsort(samples->of, samples->count, sizeof *samples->of, by_size); }

double percentile_ms(const struct samples *samples, double share) {
    return samples->count ? samples->of[(long)((samples->count - 1) * share)] * 1e3 : 0;
}
