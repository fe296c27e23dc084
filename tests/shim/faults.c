// Faults that a test injects between the program and the system, by LD_PRELOAD.
//
// VARCO_TEST_FSYNC_FAILS names a file: while it exists, flushing any file whose path holds its content fails
// with EIO. VARCO_TEST_CLOCK_OFFSET names a file: the wall clock is off by the seconds that stand in it.
// VARCO_TEST_CLOCK_STANDING names a file: its two numbers are what the kernel says of the clock, the flags
// and the maximum error in microseconds.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static int read_file(const char *variable, char *into, size_t size) {
    const char *path = getenv(variable);
    if (!path) return 0;
    int file = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    ssize_t got = syscall(SYS_read, file, into, size - 1);
    syscall(SYS_close, file);
    if (got <= 0) return 0;
    into[got] = 0;
    return 1;
}

static int fails(int file) {
    char wanted[256], link[64], path[4096];
    if (!read_file("VARCO_TEST_FSYNC_FAILS", wanted, sizeof wanted)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t got = readlink(link, path, sizeof path - 1);
    if (got <= 0) return 0;
    path[got] = 0;
    return strstr(path, wanted) != NULL;
}

int fsync(int file) {
    if (fails(file)) { errno = EIO; return -1; }
    return syscall(SYS_fsync, file);
}

int fdatasync(int file) {
    if (fails(file)) { errno = EIO; return -1; }
    return syscall(SYS_fdatasync, file);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int done = syscall(SYS_clock_gettime, clock, time);
    char offset[32];
    if (done == 0 && clock == CLOCK_REALTIME && read_file("VARCO_TEST_CLOCK_OFFSET", offset, sizeof offset))
        time->tv_sec += atol(offset);
    return done;
}

int ntp_adjtime(struct timex *told) {
    int done = syscall(SYS_adjtimex, told);
    char standing[64];
    if (done >= 0 && read_file("VARCO_TEST_CLOCK_STANDING", standing, sizeof standing))
        sscanf(standing, "%d %ld", &told->status, &told->maxerror);
    return done;
}
