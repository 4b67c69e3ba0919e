#include "usage.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST_PROCESSES = 64 };
static int watched[MOST_PROCESSES], watching;

double now_s(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

void watch_processes(int pid) {
    char path[64];
    int child;
    if (watching == MOST_PROCESSES) return;
    watched[watching++] = pid;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
    FILE *file = fopen(path, "r");
    if (!file) return;
    while (fscanf(file, "%d", &child) == 1) watch_processes(child);
    fclose(file);
}

/* Reads /proc/PID/NAME; returns 0 when the process has gone. */
static int read_process_file(int pid, const char *name, char *text, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    text[fread(text, 1, size - 1, file)] = 0;
    fclose(file);
    return 1;
}

double cpu_s(void) {
    double ticks = 0;
    char text[1024];
    for (int i = 0; i < watching; i++) {
        unsigned long user, system;
        if (!read_process_file(watched[i], "stat", text, sizeof text)) continue;
        char *behind_name = strrchr(text, ')'); /* a name may hold anything; proc(5): utime and stime are fields 14, 15 */
        if (behind_name && sscanf(behind_name + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) == 2)
            ticks += user + system;
    }
    return ticks / sysconf(_SC_CLK_TCK);
}

double resident_kb(void) {
    double pages = 0;
    char text[256];
    for (int i = 0; i < watching; i++) {
        long all, resident;
        if (read_process_file(watched[i], "statm", text, sizeof text) && sscanf(text, "%ld %ld", &all, &resident) == 2)
            pages += resident;
    }
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}
