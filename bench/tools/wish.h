/* What a run of the load generator is asked for, as its options say it.
   Knows words. Must not know sockets. */
#ifndef WISH_H
#define WISH_H

struct dialect;

struct wish {
    int port, post_port; /* where listeners connect, where posters do */
    int pid;             /* of the server, to be measured; 0: none */
    int listeners, channels, posters, opening;
    int in_flight, batch, payload;
    int stalled_percent; /* of the listeners, who stop reading before the first post */
    int storm;           /* drop all listeners once, and connect them anew */
    long posts;
    double rate, ask_rate, visit_rate; /* a second; 0: as fast as it goes, none, none */
    double idle_s;                     /* only sit there for so long, and post nothing */
    double settle_s;                   /* after connecting, before anything is measured */
    const struct dialect *listen, *post;
    const char *key;
    /* For dialects over HTTP; %c stands for a channel's number, %m for the message, %e for the events of a batch. */
    const char *path, *post_path, *header, *event, *frame;
    const char *follow, *plan; /* files, see plan.h */
};
extern struct wish wish;

/* Ends the program with code 2 if it cannot be understood. */
void read_wish(int count, char **arguments);

#endif
