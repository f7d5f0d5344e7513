/*
 * Records what a process does to the files of one directory, in the order in which it does it.
 *
 * Preloaded (ld.so(8), LD_PRELOAD), it takes the place of the C library's wrappers, makes the
 * system call itself, and appends a record of what succeeded to BOUTIQUE_RECORD_LOG. A lock is
 * held from the call to its record, so the order of the log is the order on the disk.
 *
 * Shared memory (names ending in "-shm") is left out: it is no promise of anybody's after a
 * power cut. What is written through a mapping or by other calls than these is not seen; the
 * test compares the files that are left with the log, byte by byte.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PATH_BYTES 4096

enum operation { CREATE = 1, WRITE, TRUNCATE, REMOVE, SYNC, SYNC_DIRECTORY };

/* Followed by the name and by `length` bytes of data. */
struct header {
    uint32_t operation;
    uint32_t name_length;
    uint64_t offset;
    uint64_t length;
};

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *directory;
static size_t directory_length;
static int log_file = -1;

static void begin(void)
{
    const char *log = getenv("BOUTIQUE_RECORD_LOG");
    directory = getenv("BOUTIQUE_RECORD_DIRECTORY");
    if (log == NULL || directory == NULL)
        return;
    directory_length = strlen(directory);
    log_file = (int)syscall(SYS_openat, AT_FDCWD, log,
                            O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_file < 0)
        abort();
}

static void lock(void)
{
    pthread_once(&once, begin);
    pthread_mutex_lock(&one_at_a_time);
}

static void unlock(void)
{
    pthread_mutex_unlock(&one_at_a_time);
}

/* The part of `path` after the directory: "" for the directory itself, NULL for other places. */
static const char *name_within(const char *path)
{
    if (log_file < 0 || strncmp(path, directory, directory_length) != 0)
        return NULL;
    path += directory_length;
    if (*path == '\0')
        return path;
    if (*path++ != '/')
        return NULL;
    size_t length = strlen(path);
    if (length >= 4 && strcmp(path + length - 4, "-shm") == 0)
        return NULL;
    /* An open file whose name is gone: nobody will find it again. */
    if (length >= 10 && strcmp(path + length - 10, " (deleted)") == 0)
        return NULL;
    return path;
}

static const char *name_of(int file, char buffer[PATH_BYTES])
{
    if (log_file < 0)
        return NULL;
    char link[64] = "/proc/self/fd/";
    char digits[16];
    int count = 0;
    unsigned number = (unsigned)file;
    do
        digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    char *end = link + strlen(link);
    while (count > 0)
        *end++ = digits[--count];
    *end = '\0';
    long length = syscall(SYS_readlinkat, AT_FDCWD, link, buffer, PATH_BYTES - 1);
    if (length < 0)
        return NULL;
    buffer[length] = '\0';
    return name_within(buffer);
}

static void record(enum operation operation, const char *name, uint64_t offset,
                   const void *data, uint64_t length)
{
    struct header header = { operation, (uint32_t)strlen(name), offset, length };
    struct iovec parts[3] = {
        { &header, sizeof header },
        { (void *)name, header.name_length },
        { (void *)data, data == NULL ? 0 : length },
    };
    size_t all = parts[0].iov_len + parts[1].iov_len + parts[2].iov_len;
    /* A log with a hole would prove nothing. */
    if (syscall(SYS_writev, log_file, parts, 3) != (long)all)
        abort();
}

static int open_at(int at, const char *path, int flags, mode_t mode)
{
    lock();
    const char *name = at == AT_FDCWD || path[0] == '/' ? name_within(path) : NULL;
    int is_new = 0;
    if (name != NULL && (flags & O_CREAT) != 0)
        is_new = syscall(SYS_faccessat, at, path, F_OK) != 0;
    int file = (int)syscall(SYS_openat, at, path, flags, mode);
    if (file >= 0 && name != NULL) {
        if (is_new)
            record(CREATE, name, 0, NULL, 0);
        else if ((flags & O_TRUNC) != 0)
            record(TRUNCATE, name, 0, NULL, 0);
    }
    unlock();
    return file;
}

#define OPEN(symbol)                                                  \
    int symbol(const char *path, int flags, ...)                      \
    {                                                                 \
        va_list more;                                                 \
        va_start(more, flags);                                        \
        mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, int) : 0; \
        va_end(more);                                                 \
        return open_at(AT_FDCWD, path, flags, mode);                  \
    }
OPEN(open)
OPEN(open64)

#define OPEN_AT(symbol)                                               \
    int symbol(int at, const char *path, int flags, ...)              \
    {                                                                 \
        va_list more;                                                 \
        va_start(more, flags);                                        \
        mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, int) : 0; \
        va_end(more);                                                 \
        return open_at(at, path, flags, mode);                        \
    }
OPEN_AT(openat)
OPEN_AT(openat64)

ssize_t write(int file, const void *data, size_t length)
{
    char buffer[PATH_BYTES];
    lock();
    const char *name = name_of(file, buffer);
    off_t offset = 0;
    if (name != NULL) {
        int appends = (fcntl(file, F_GETFL) & O_APPEND) != 0;
        offset = syscall(SYS_lseek, file, 0, appends ? SEEK_END : SEEK_CUR);
    }
    ssize_t done = syscall(SYS_write, file, data, length);
    if (done > 0 && name != NULL)
        record(WRITE, name, (uint64_t)offset, data, (uint64_t)done);
    unlock();
    return done;
}

static ssize_t write_at(int file, const void *data, size_t length, off_t offset)
{
    char buffer[PATH_BYTES];
    lock();
    const char *name = name_of(file, buffer);
    ssize_t done = syscall(SYS_pwrite64, file, data, length, offset);
    if (done > 0 && name != NULL)
        record(WRITE, name, (uint64_t)offset, data, (uint64_t)done);
    unlock();
    return done;
}

ssize_t pwrite(int file, const void *data, size_t length, off_t offset)
{
    return write_at(file, data, length, offset);
}

ssize_t pwrite64(int file, const void *data, size_t length, off64_t offset)
{
    return write_at(file, data, length, offset);
}

static int truncate_to(int file, off_t length)
{
    char buffer[PATH_BYTES];
    lock();
    const char *name = name_of(file, buffer);
    int done = (int)syscall(SYS_ftruncate, file, length);
    if (done == 0 && name != NULL)
        record(TRUNCATE, name, (uint64_t)length, NULL, 0);
    unlock();
    return done;
}

int ftruncate(int file, off_t length)
{
    return truncate_to(file, length);
}

int ftruncate64(int file, off64_t length)
{
    return truncate_to(file, length);
}

static int sync_file(int file, long call)
{
    char buffer[PATH_BYTES];
    lock();
    const char *name = name_of(file, buffer);
    int done = (int)syscall(call, file);
    if (done == 0 && name != NULL)
        record(*name == '\0' ? SYNC_DIRECTORY : SYNC, name, 0, NULL, 0);
    unlock();
    return done;
}

int fsync(int file)
{
    return sync_file(file, SYS_fsync);
}

int fdatasync(int file)
{
    return sync_file(file, SYS_fdatasync);
}

int unlink(const char *path)
{
    lock();
    const char *name = name_within(path);
    int done = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    if (done == 0 && name != NULL)
        record(REMOVE, name, 0, NULL, 0);
    unlock();
    return done;
}
