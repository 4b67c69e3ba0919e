#include "usage.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { MOST_PROCESSES = 64 };
static int ancestor, watched[MOST_PROCESSES], watching;

double now_s(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void find_processes(int pid) {
    char path[64];
    int child;
    if (watching == MOST_PROCESSES) return;
    watched[watching++] = pid;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
    FILE *file = fopen(path, "r");
    if (!file) return;
    while (fscanf(file, "%d", &child) == 1) find_processes(child);
    fclose(file);
}

void watch_processes(int pid) { ancestor = pid; }

/* Anew each time: a server may start its workers after it accepts connections. */
static void look_for_processes(void) {
    watching = 0;
    if (ancestor) find_processes(ancestor);
}

/* Reads /proc/PID/NAME; returns 0 when the process has gone. */
static int read_process_file(int pid, const char *name, char *text, size_t size) {
    char path[96];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    text[fread(text, 1, size - 1, file)] = 0;
    fclose(file);
    return 1;
}

/* In whole hundredths of a second, which is what every Linux tells. */
static double ticks_s(int pid) {
    char text[1024];
    unsigned long user, system;
    if (!read_process_file(pid, "stat", text, sizeof text)) return 0;
    char *behind_name = strrchr(text, ')'); /* a name may hold anything; proc(5): utime and stime are fields 14, 15 */
    if (!behind_name || sscanf(behind_name + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2) return 0;
    return (double)(user + system) / sysconf(_SC_CLK_TCK);
}

/* In nanoseconds, a thread at a time; 0 where the kernel does not count them. */
static double threads_s(int pid) {
    char name[64], text[128];
    double all = 0, nanoseconds;
    snprintf(name, sizeof name, "/proc/%d/task", pid);
    DIR *folder = opendir(name);
    for (struct dirent *thread; folder && (thread = readdir(folder));) {
        snprintf(name, sizeof name, "task/%.20s/schedstat", thread->d_name);
        if (thread->d_name[0] != '.' && read_process_file(pid, name, text, sizeof text) && sscanf(text, "%lf", &nanoseconds) == 1)
            all += nanoseconds / 1e9;
    }
    if (folder) closedir(folder);
    return all;
}

double cpu_s(void) {
    double all = 0;
    look_for_processes();
    for (int i = 0; i < watching; i++) {
        double exact = threads_s(watched[i]);
        all += exact > 0 ? exact : ticks_s(watched[i]);
    }
    return all;
}

double own_cpu_s(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

double resident_kb(void) {
    double pages = 0;
    char text[256];
    look_for_processes();
    for (int i = 0; i < watching; i++) {
        long all, resident;
        if (read_process_file(watched[i], "statm", text, sizeof text) && sscanf(text, "%ld %ld", &all, &resident) == 2)
            pages += resident;
    }
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}
