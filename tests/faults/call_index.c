/* Counts the disk calls of a process below one folder and makes one of them fail. Loaded by LD_PRELOAD; see call_index.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READS = 1, WRITES = 2, SPACE = 4 }; /* kinds of calls; SPACE: one that may need new space */
enum { SHORT_WRITE = -1, KILL = -2 };      /* in the place of an error number: half of the bytes are written; the process is killed */

static long counted, fails_at;
static int failure, stays, kinds;
static char folder[4096];
static char count_file[4096];

#define REAL(name) ((__typeof__(&name)) dlsym(RTLD_NEXT, #name))

void kotoba_arm(const char *below, long at, int error, int of_kinds, int for_good) {
    snprintf(folder, sizeof folder, "%s/", below);
    counted = 0, fails_at = at, failure = error, kinds = of_kinds, stays = for_good;
}

long kotoba_disarm(void) {
    folder[0] = 0;
    return counted;
}

__attribute__((constructor)) static void begin(void) {
    const char *below = getenv("CALL_INDEX_FOLDER"), *at = getenv("CALL_INDEX_AT"), *error = getenv("CALL_INDEX_ERRNO");
    const char *of_kinds = getenv("CALL_INDEX_KINDS"), *for_good = getenv("CALL_INDEX_STAYS"), *to = getenv("CALL_INDEX_COUNT");
    if (below && at && error && of_kinds) kotoba_arm(below, atol(at), atoi(error), atoi(of_kinds), for_good != NULL);
    if (to) snprintf(count_file, sizeof count_file, "%s", to);
}

__attribute__((destructor)) static void end(void) {
    if (!count_file[0]) return;
    folder[0] = 0;
    FILE *file = fopen(count_file, "w");
    if (file) fprintf(file, "%ld\n", counted), fclose(file);
}

static int is_below(const char *path) {
    char whole[8192];
    if (!folder[0] || !path) return 0;
    if (path[0] != '/') {
        char here[4096];
        if (!getcwd(here, sizeof here)) return 0;
        snprintf(whole, sizeof whole, "%s/%s", here, path);
        path = whole;
    }
    return strncmp(path, folder, strlen(folder)) == 0;
}

static int is_open_below(int descriptor) {
    char link[64], path[4096];
    if (!folder[0]) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return is_below(path);
}

/* Whether this call is the one: it fails, or is cut short. */
static int is_struck(int kind, int here) {
    if (!here || !(kind & kinds)) return 0;
    long number = __atomic_fetch_add(&counted, 1, __ATOMIC_SEQ_CST);
    if (fails_at < 0 || !(number == fails_at || (stays && number > fails_at))) return 0;
    if (failure == KILL) kill(getpid(), SIGKILL);
    errno = failure;
    return 1;
}

#define FAILS(kind, here, value) \
    if (is_struck(kind, here)) { \
        errno = failure; \
        return value; \
    }

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = va_arg(more, mode_t); \
        va_end(more); \
        FAILS(flags & O_CREAT ? WRITES | SPACE : READS, failure != SHORT_WRITE && is_below(path), -1) \
        return REAL(name)(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

#define WRITE(name, parameters, arguments, half) \
    ssize_t name parameters { \
        if (is_struck(WRITES | SPACE, is_open_below(descriptor))) { \
            if (failure != SHORT_WRITE) return errno = failure, -1; \
            if (size > 1) return REAL(name) half; \
        } \
        return REAL(name) arguments; \
    }
WRITE(write, (int descriptor, const void *data, size_t size), (descriptor, data, size), (descriptor, data, size / 2))
WRITE(pwrite, (int descriptor, const void *data, size_t size, off_t at), (descriptor, data, size, at), (descriptor, data, size / 2, at))
WRITE(pwrite64, (int descriptor, const void *data, size_t size, off64_t at), (descriptor, data, size, at), (descriptor, data, size / 2, at))

#define CALL(kind, here, type, name, parameters, arguments) \
    type name parameters { \
        FAILS(kind, failure != SHORT_WRITE && here, -1) \
        return REAL(name) arguments; \
    }
CALL(READS, is_open_below(descriptor), ssize_t, read, (int descriptor, void *data, size_t size), (descriptor, data, size))
CALL(READS, is_open_below(descriptor), ssize_t, pread, (int descriptor, void *data, size_t size, off_t at), (descriptor, data, size, at))
CALL(READS, is_open_below(descriptor), ssize_t, pread64, (int descriptor, void *data, size_t size, off64_t at), (descriptor, data, size, at))
CALL(WRITES, is_open_below(descriptor), int, fsync, (int descriptor), (descriptor))
CALL(WRITES, is_open_below(descriptor), int, fdatasync, (int descriptor), (descriptor))
CALL(WRITES, is_open_below(descriptor), int, ftruncate, (int descriptor, off_t size), (descriptor, size))
CALL(WRITES, is_open_below(descriptor), int, ftruncate64, (int descriptor, off64_t size), (descriptor, size))
CALL(WRITES | SPACE, is_below(to), int, rename, (const char *from, const char *to), (from, to))
CALL(WRITES | SPACE, is_below(to), int, link, (const char *from, const char *to), (from, to))
CALL(WRITES | SPACE, is_below(path), int, mkdir, (const char *path, mode_t mode), (path, mode))
CALL(WRITES, is_below(path), int, unlink, (const char *path), (path))

int posix_fallocate(int descriptor, off_t at, off_t size) {
    FAILS(WRITES | SPACE, failure != SHORT_WRITE && is_open_below(descriptor), failure)
    return REAL(posix_fallocate)(descriptor, at, size);
}

int posix_fallocate64(int descriptor, off64_t at, off64_t size) {
    FAILS(WRITES | SPACE, failure != SHORT_WRITE && is_open_below(descriptor), failure)
    return REAL(posix_fallocate64)(descriptor, at, size);
}
