// A disk that takes nothing, as a test says: put in front of the C library's for a server under test, whose program stays
// as it is. The file that TEST_DISK names holds the error that writing to a file ends with, or 0 while all is well.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static volatile int64_t *set;

__attribute__((constructor)) static void open_disk(void) {
  const char *name = getenv("TEST_DISK");
  int file = name ? open(name, O_RDONLY) : -1;
  if (file < 0) return;
  void *memory = mmap(NULL, sizeof *set, PROT_READ, MAP_SHARED, file, 0);
  if (memory != MAP_FAILED) set = memory;
  close(file);
}

// Pipes and connections go on.
static int refused(int file) {
  struct stat about;
  int error = set ? (int)*set : 0;
  if (error == 0 || fstat(file, &about) != 0 || !S_ISREG(about.st_mode)) return 0;
  errno = error;
  return 1;
}

#ifdef __APPLE__
static ssize_t told_write(int file, const void *bytes, size_t count) {
  return refused(file) ? -1 : write(file, bytes, count);
}
static ssize_t told_pwrite(int file, const void *bytes, size_t count, off_t at) {
  return refused(file) ? -1 : pwrite(file, bytes, count, at);
}

__attribute__((used, section("__DATA,__interpose"))) static const void *pairs[] = {
    (const void *)told_write, (const void *)write, (const void *)told_pwrite, (const void *)pwrite};
#else
ssize_t write(int file, const void *bytes, size_t count) {
  static ssize_t (*real)(int, const void *, size_t);
  if (refused(file)) return -1;
  if (!real) real = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
  return real(file, bytes, count);
}
ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) {
  static ssize_t (*real)(int, const void *, size_t, off_t);
  if (refused(file)) return -1;
  if (!real) real = (ssize_t (*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite");
  return real(file, bytes, count, at);
}
ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) {
  static ssize_t (*real)(int, const void *, size_t, off64_t);
  if (refused(file)) return -1;
  if (!real) real = (ssize_t (*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
  return real(file, bytes, count, at);
}
#endif
