/* Who follows which channel, and what is posted when.
   Either evenly, as the options say; or as two files have it: `follow` has the number of a listener's channel in each
   line, `plan` one post a line, in order of time: seconds since the first, number of the channel, bytes to fill the
   message with.
   Knows numbers. Must not know sockets. */
#ifndef PLAN_H
#define PLAN_H

#include "dialect.h"

extern struct post *plan; /* wish.posts of them */

/* Reads the files, and gives every listener its channel; visitors follow one that nobody posts to. */
void make_plan(void);

/* How many events should arrive at the listeners that are there. */
long count_wanted(void);

#endif
