/* Shifts or stops the wall clock of a process, as a shared file says. Loaded by LD_PRELOAD; see clock.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct control {
    double offset_s;
    double frozen_at_s; /* not a number while the clock goes */
};

static const volatile struct control *control;

#define REAL(name) ((__typeof__(&name)) dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAKED_CLOCK_FILE");
    int descriptor = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (descriptor < 0) return;
    void *mapped = mmap(NULL, sizeof(struct control), PROT_READ, MAP_SHARED, descriptor, 0);
    if (mapped != MAP_FAILED) control = mapped;
    close(descriptor);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = REAL(clock_gettime)(clock, now);
    if (failed || !control || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return failed;
    double frozen_at_s = control->frozen_at_s, whole;
    if (!isnan(frozen_at_s)) {
        now->tv_nsec = (long) (modf(frozen_at_s, &whole) * 1e9);
        now->tv_sec = (time_t) whole;
        return 0;
    }
    long nanoseconds = now->tv_nsec + (long) (modf(control->offset_s, &whole) * 1e9);
    now->tv_sec += (time_t) whole + (nanoseconds >= 1000000000L) - (nanoseconds < 0);
    now->tv_nsec = nanoseconds + (nanoseconds < 0 ? 1000000000L : nanoseconds >= 1000000000L ? -1000000000L : 0);
    return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec wall;
    (void) zone;
    if (clock_gettime(CLOCK_REALTIME, &wall)) return -1;
    now->tv_sec = wall.tv_sec;
    now->tv_usec = wall.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *place) {
    struct timespec wall;
    if (clock_gettime(CLOCK_REALTIME, &wall)) return -1;
    if (place) *place = wall.tv_sec;
    return wall.tv_sec;
}
