/* Makes file operations fail, or ends the process at one of them.
 *
 * Preloaded into a program, this library counts its operations on files below the folder
 * TORTURE_ROOT that change something: opening for writing, writing, renaming, removing, making
 * folders, cutting, syncing. At operation number TORTURE_AT, from 1, it does TORTURE_DO:
 *
 *   kill    the process ends before the operation, as by SIGKILL
 *   tear    half of what is written is written, and the process ends
 *   once    the operation fails with the error number TORTURE_ERRNO
 *   ever    so do it and all later ones
 *
 * Without TORTURE_AT it only counts. At the end of the process the count is written to the file
 * TORTURE_COUNT, if that is set.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long operations;

static const char *setting(const char *name) {
    const char *value = getenv(name);
    return value ? value : "";
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static int is_below_root(const char *path) {
    char whole[4096];
    const char *root = setting("TORTURE_ROOT");
    if (!*root || !path) return 0;
    if (path[0] != '/') {
        if (!getcwd(whole, sizeof whole - 1)) return 0;
        size_t length = strlen(whole);
        snprintf(whole + length, sizeof whole - length, "/%s", path);
        path = whole;
    }
    return strncmp(path, root, strlen(root)) == 0;
}

static int is_open_below_root(int file) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    /* A pipe has a name too, but not that of a file. */
    return path[0] == '/' && is_below_root(path);
}

/* Counts an operation. Returns 0 if it is to be done, 1 if it is to be torn, and -1, with errno
 * set, if it is to fail. */
static int struck(void) {
    long number = atomic_fetch_add(&operations, 1) + 1;
    long at = atol(setting("TORTURE_AT"));
    const char *what = setting("TORTURE_DO");
    if (at == 0 || number < at || (number > at && strcmp(what, "ever") != 0)) return 0;
    if (strcmp(what, "kill") == 0) die();
    if (strcmp(what, "tear") == 0) return 1;
    errno = atoi(setting("TORTURE_ERRNO"));
    return -1;
}

__attribute__((destructor)) static void report(void) {
    const char *path = setting("TORTURE_COUNT");
    if (!*path) return;
    FILE *file = fopen(path, "w");
    if (!file) return;
    fprintf(file, "%ld\n", atomic_load(&operations));
    fclose(file);
}

#define REAL(result, name, ...) \
    static result (*real)(__VA_ARGS__); \
    if (!real) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

/* An operation that cannot be half done is done before a torn process ends. */
#define STRIKE(is_counted, call) \
    if (is_counted) { \
        int fate = struck(); \
        if (fate < 0) return -1; \
        if (fate > 0) { call; die(); } \
    } \
    return call

static int changes(int flags) {
    return (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC));
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list rest; \
        va_start(rest, flags); \
        int mode = va_arg(rest, int); \
        va_end(rest); \
        REAL(int, #name, const char *, int, ...); \
        STRIKE(changes(flags) && is_below_root(path), real(path, flags, mode)); \
    }
OPEN(open)
OPEN(open64)

int mkdir(const char *path, mode_t mode) {
    REAL(int, "mkdir", const char *, mode_t);
    STRIKE(is_below_root(path), real(path, mode));
}

int rename(const char *from, const char *to) {
    REAL(int, "rename", const char *, const char *);
    STRIKE(is_below_root(to), real(from, to));
}

int unlink(const char *path) {
    REAL(int, "unlink", const char *);
    STRIKE(is_below_root(path), real(path));
}

int rmdir(const char *path) {
    REAL(int, "rmdir", const char *);
    STRIKE(is_below_root(path), real(path));
}

int unlinkat(int folder, const char *path, int flags) {
    REAL(int, "unlinkat", int, const char *, int);
    STRIKE(path[0] == '/' ? is_below_root(path) : is_open_below_root(folder),
           real(folder, path, flags));
}

#define ON_FILE(name, ...) \
    int name(int file) { \
        REAL(int, #name, int); \
        STRIKE(is_open_below_root(file), real(file)); \
    }
ON_FILE(fsync)
ON_FILE(fdatasync)

int ftruncate64(int file, off64_t length) {
    REAL(int, "ftruncate64", int, off64_t);
    STRIKE(is_open_below_root(file), real(file, length));
}

ssize_t write(int file, const void *bytes, size_t count) {
    REAL(ssize_t, "write", int, const void *, size_t);
    if (is_open_below_root(file)) {
        int fate = struck();
        if (fate < 0) return -1;
        if (fate > 0) {
            real(file, bytes, count / 2);
            die();
        }
    }
    return real(file, bytes, count);
}
