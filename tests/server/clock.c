// The clock on the wall as a test sets it: put in front of the C library's for a server under test, whose program stays
// as it is. The file that TEST_CLOCK names holds the milliseconds since 1970, or -1 while the real time is wanted. How
// much time passes is measured as ever.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *set;

__attribute__((constructor)) static void open_clock(void) {
  const char *name = getenv("TEST_CLOCK");
  int file = name ? open(name, O_RDONLY) : -1;
  if (file < 0) return;
  void *memory = mmap(NULL, sizeof *set, PROT_READ, MAP_SHARED, file, 0);
  if (memory != MAP_FAILED) set = memory;
  close(file);
}

static int is_set(clockid_t clock, struct timespec *time) {
  int64_t now = clock == CLOCK_REALTIME && set ? *set : -1;
  if (now < 0) return 0;
  time->tv_sec = now / 1000;
  time->tv_nsec = now % 1000 * 1000000;
  return 1;
}

#ifdef __APPLE__
static int told(clockid_t clock, struct timespec *time) {
  return is_set(clock, time) ? 0 : clock_gettime(clock, time);
}

__attribute__((used, section("__DATA,__interpose"))) static const void *pair[] = {
    (const void *)told, (const void *)clock_gettime};
#else
int clock_gettime(clockid_t clock, struct timespec *time) {
  static int (*real)(clockid_t, struct timespec *);
  if (is_set(clock, time)) return 0;
  if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  return real(clock, time);
}
#endif
