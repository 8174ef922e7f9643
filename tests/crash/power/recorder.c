/* Records what a program does to the files below a folder, what it sends and what it prints, in one order.

   Load it with LD_PRELOAD. RECORD_ROOT is the folder (absolute, links resolved), RECORD_LOG the file that records
   are appended to; without them nothing is recorded. One lock covers each operation and its record, so that the
   order in the log is the order in which the operations happened. ``recording.py`` reads the log. Ways to change a file
   that are not recorded (mmap, sendfile, links, …) are noticed when the log is replayed: the files differ at the end.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct __attribute__((packed)) header {
  char kind;
  uint32_t process;
  uint32_t file; /* the socket's descriptor; 0 for other operations */
  int64_t offset;
  uint32_t path, target, data; /* lengths of what follows */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_file = -1;
static char root[PATH_MAX];
static size_t root_length;

static void in_child(void) { pthread_mutex_init(&lock, NULL); }

__attribute__((constructor)) static void prepare(void) { pthread_atfork(NULL, NULL, in_child); }

/* Whether this process is to be recorded. */
static int active(void) {
  if (log_file >= 0) return 1;
  const char *folder = getenv("RECORD_ROOT"), *path = getenv("RECORD_LOG");
  if (folder == NULL || path == NULL) return 0;
  int file = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) abort();
  int high = fcntl(file, F_DUPFD_CLOEXEC, 200); /* out of the way of programs that count on low numbers */
  if (high < 0) abort();
  syscall(SYS_close, file);
  root_length = strlen(folder);
  if (root_length >= sizeof root) abort();
  memcpy(root, folder, root_length + 1);
  log_file = high;
  return 1;
}

static void record(char kind, uint32_t file, int64_t offset, const char *path, const char *target,
                   const void *data, size_t size) {
  struct header head = {kind, (uint32_t)getpid(), file, offset, path ? strlen(path) : 0,
                        target ? strlen(target) : 0, (uint32_t)size};
  struct iovec parts[] = {{&head, sizeof head}, {(void *)path, head.path}, {(void *)target, head.target},
                          {(void *)data, size}};
  ssize_t wanted = sizeof head + head.path + head.target + size;
  if (syscall(SYS_writev, log_file, parts, 4) != wanted) abort(); /* a log with a hole proves nothing */
}

static int below_root(const char *path) {
  return strncmp(path, root, root_length) == 0 && (path[root_length] == '/' || path[root_length] == '\0');
}

/* The path of an open file, relative to the root; NULL if it is not below it. */
static const char *path_of(int file, char *buffer) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t size = syscall(SYS_readlinkat, AT_FDCWD, link, buffer, PATH_MAX - 1);
  if (size < 0) return NULL;
  buffer[size] = '\0';
  if (!below_root(buffer)) return NULL;
  return buffer[root_length] ? buffer + root_length + 1 : buffer + root_length;
}

/* The path of a name in a folder, relative to the root; NULL if it is not below it. */
static const char *path_at(int folder, const char *name, char *buffer) {
  char parent[PATH_MAX], copy[PATH_MAX];
  if (strlen(name) >= sizeof copy) return NULL;
  strcpy(copy, name);
  size_t end = strlen(copy);
  while (end > 1 && copy[end - 1] == '/') copy[--end] = '\0';
  char *slash = strrchr(copy, '/');
  const char *last = slash ? slash + 1 : copy;
  if (slash == NULL) strcpy(parent, ".");
  else if (slash == copy) strcpy(parent, "/");
  else memcpy(parent, copy, slash - copy), parent[slash - copy] = '\0';
  int opened = syscall(SYS_openat, folder, parent, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  if (opened < 0) return NULL;
  const char *found = path_of(opened, buffer);
  syscall(SYS_close, opened);
  if (found == NULL) return NULL;
  size_t length = strlen(found);
  if (length + strlen(last) + 2 > (size_t)(PATH_MAX - (found - buffer))) abort();
  char *at = (char *)found + length;
  if (length) *at++ = '/';
  strcpy(at, last);
  return found;
}

static int is_kind(int file, mode_t kind) {
  struct stat status;
  return fstat(file, &status) == 0 && (status.st_mode & S_IFMT) == kind;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define BEGIN int recorded = (pthread_mutex_lock(&lock), active())
#define END(result) \
  do { \
    int saved = errno; \
    pthread_mutex_unlock(&lock); \
    errno = saved; \
    return result; \
  } while (0)
/* Run a statement that records, without a change to errno. */
#define NOTE(statement) \
  do { \
    int before = errno; \
    statement; \
    errno = before; \
  } while (0)

static void note_open(int file, int flags, int existed) {
  char buffer[PATH_MAX];
  const char *path = path_of(file, buffer);
  if (path == NULL || (flags & O_PATH)) return;
  if (!existed) record('O', 0, 0, path, NULL, NULL, 0);
  else if (flags & O_TRUNC) record('T', 0, 0, path, NULL, NULL, 0);
}

static int open_recorded(int folder, const char *path, int flags, mode_t mode) {
  BEGIN;
  struct stat status;
  int existed = !recorded || !(flags & O_CREAT) || fstatat(folder, path, &status, 0) == 0;
  int file = syscall(SYS_openat, folder, path, flags, mode);
  if (recorded && file >= 0 && (!existed || (flags & O_TRUNC))) NOTE(note_open(file, flags, existed));
  END(file);
}

#define MODE(flags) \
  mode_t mode = 0; \
  if ((flags) & (O_CREAT | O_TMPFILE)) { \
    va_list rest; \
    va_start(rest, flags); \
    mode = va_arg(rest, mode_t); \
    va_end(rest); \
  }

int open(const char *path, int flags, ...) { MODE(flags) return open_recorded(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return open_recorded(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags) return open_recorded(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) return open_recorded(at, path, flags, mode); }
int creat(const char *path, mode_t mode) { return open_recorded(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

/* Record bytes that were written: to a file (``offset`` -1: where the file's position was), or printed. */
static void note_write(int file, const void *data, ssize_t size, int64_t offset) {
  char buffer[PATH_MAX];
  if (size <= 0) return;
  if (file == 1) record('P', 0, 0, NULL, NULL, data, size);
  else if (is_kind(file, S_IFSOCK)) record('N', file, 0, NULL, NULL, data, size);
  else if (is_kind(file, S_IFREG)) {
    const char *path = path_of(file, buffer);
    if (path == NULL) return;
    if (offset < 0) offset = lseek(file, 0, SEEK_CUR) - size;
    record('W', 0, offset, path, NULL, data, size);
  }
}

static void note_parts(int file, const struct iovec *parts, int count, ssize_t size) {
  for (int i = 0; i < count && size > 0; i++) {
    ssize_t here = (ssize_t)parts[i].iov_len < size ? (ssize_t)parts[i].iov_len : size;
    if (is_kind(file, S_IFREG) && file != 1) /* the position is behind all parts */
      note_write(file, parts[i].iov_base, here, lseek(file, 0, SEEK_CUR) - size);
    else note_write(file, parts[i].iov_base, here, -1);
    size -= here;
  }
}

ssize_t write(int file, const void *data, size_t size) {
  BEGIN;
  ssize_t done = REAL(write)(file, data, size);
  if (recorded) NOTE(note_write(file, data, done, -1));
  END(done);
}

ssize_t writev(int file, const struct iovec *parts, int count) {
  BEGIN;
  ssize_t done = REAL(writev)(file, parts, count);
  if (recorded) NOTE(note_parts(file, parts, count, done));
  END(done);
}

#define PWRITE(name, type) \
  ssize_t name(int file, const void *data, size_t size, type offset) { \
    BEGIN; \
    ssize_t done = REAL(name)(file, data, size, offset); \
    if (recorded) NOTE(note_write(file, data, done, offset)); \
    END(done); \
  }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

/* The lock is held while data is sent, so a socket that blocks would hold up everything else: asyncio's do not. */
ssize_t send(int file, const void *data, size_t size, int flags) {
  BEGIN;
  ssize_t done = REAL(send)(file, data, size, flags);
  if (recorded && done > 0) NOTE(record('N', file, 0, NULL, NULL, data, done));
  END(done);
}

ssize_t sendto(int file, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t length) {
  BEGIN;
  ssize_t done = REAL(sendto)(file, data, size, flags, to, length);
  if (recorded && done > 0) NOTE(record('N', file, 0, NULL, NULL, data, done));
  END(done);
}

ssize_t sendmsg(int file, const struct msghdr *message, int flags) {
  BEGIN;
  ssize_t done = REAL(sendmsg)(file, message, flags);
  if (recorded) NOTE(note_parts(file, message->msg_iov, message->msg_iovlen, done));
  END(done);
}

static void note_file(char kind, int file, int64_t offset) {
  char buffer[PATH_MAX];
  const char *path = path_of(file, buffer);
  if (path != NULL) record(kind, 0, offset, path, NULL, NULL, 0);
}

#define RESIZE(name, type) \
  int name(int file, type size) { \
    BEGIN; \
    int failed = REAL(name)(file, size); \
    if (recorded && !failed) NOTE(note_file('T', file, size)); \
    END(failed); \
  }
RESIZE(ftruncate, off_t)
RESIZE(ftruncate64, off64_t)

#define SYNC(name) \
  int name(int file) { \
    BEGIN; \
    int failed = REAL(name)(file); \
    if (recorded && !failed) NOTE(note_file('S', file, 0)); \
    END(failed); \
  }
SYNC(fsync)
SYNC(fdatasync)

/* One name in a folder: ``kind`` is what is recorded after the call, if it succeeds. */
#define AT(kind, call) \
  BEGIN; \
  char buffer[PATH_MAX]; \
  const char *path = recorded ? path_at(at, name, buffer) : NULL; \
  int failed = call; \
  if (path != NULL && !failed) NOTE(record(kind, 0, 0, path, NULL, NULL, 0)); \
  END(failed)

static int remove_at(int at, const char *name, int flags) {
  AT(flags & AT_REMOVEDIR ? 'X' : 'U', syscall(SYS_unlinkat, at, name, flags));
}
int unlink(const char *name) { return remove_at(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return remove_at(AT_FDCWD, name, AT_REMOVEDIR); }
int unlinkat(int at, const char *name, int flags) { return remove_at(at, name, flags); }

int mkdirat(int at, const char *name, mode_t mode) { AT('D', syscall(SYS_mkdirat, at, name, mode)); }
int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

static int rename_recorded(int from, const char *old, int to, const char *new, unsigned flags) {
  BEGIN;
  char first[PATH_MAX], second[PATH_MAX];
  const char *path = recorded ? path_at(from, old, first) : NULL;
  const char *target = recorded ? path_at(to, new, second) : NULL;
  int failed = syscall(SYS_renameat2, from, old, to, new, flags);
  if (!failed && path && target && !flags) NOTE(record('R', 0, 0, path, target, NULL, 0));
  END(failed);
}
int rename(const char *old, const char *new) { return rename_recorded(AT_FDCWD, old, AT_FDCWD, new, 0); }
int renameat(int from, const char *old, int to, const char *new) { return rename_recorded(from, old, to, new, 0); }
int renameat2(int from, const char *old, int to, const char *new, unsigned flags) {
  return rename_recorded(from, old, to, new, flags);
}
