/* What a process and all that it started have used so far, as Linux tells it in /proc.
   Knows processes. Must not know what they do. */
#ifndef USAGE_H
#define USAGE_H

/* A clock that only goes forward, in seconds. */
double now_s(void);

/* The next two are about this process and those that it started. */
void watch_processes(int pid);
double cpu_s(void);
double resident_kb(void);

/* Of this program itself. */
double own_cpu_s(void);

#endif
