// A command built with wasi-libc; its first argument says what to do. Tests drive each side of wasi:cli with
// it.
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

extern char** environ;

static int fail(const char* what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  return 1;
}

static int echo(int count, char** words) {
  for (int i = 0; i < count; i++) printf(i ? " %s" : "%s", words[i]);
  puts("");
  return 0;
}

static int env(int count, char** words) {
  (void)count, (void)words;
  for (char** entry = environ; *entry; entry++) puts(*entry);
  return 0;
}

static int copy(FILE* from, FILE* to) {
  static char block[65536];
  size_t size;
  while ((size = fread(block, 1, sizeof(block), from)) > 0)
    if (fwrite(block, 1, size, to) != size) return fail("write");
  return ferror(from) ? fail("read") : 0;
}

static int cat(int count, char** words) {
  (void)count, (void)words;
  return copy(stdin, stdout);
}

// write-file PATH TEXT
static int write_file(int count, char** words) {
  if (count != 2) return 64;
  FILE* file = fopen(words[0], "w");
  if (!file) return fail(words[0]);
  bool written = fputs(words[1], file) >= 0;
  return fclose(file) == 0 && written ? 0 : fail(words[0]);
}

static int append_file(int count, char** words) {
  if (count != 2) return 64;
  FILE* file = fopen(words[0], "a");
  if (!file) return fail(words[0]);
  bool written = fputs(words[1], file) >= 0;
  return fclose(file) == 0 && written ? 0 : fail(words[0]);
}

static int read_file(int count, char** words) {
  if (count != 1) return 64;
  FILE* file = fopen(words[0], "r");
  if (!file) return fail(words[0]);
  int status = copy(file, stdout);
  fclose(file);
  return status;
}

static int by_name(const void* left, const void* right) {
  return strcmp(*(char**)left, *(char**)right);
}

static int list_dir(int count, char** words) {
  enum { ENTRIES_MAX = 100000 };
  if (count != 1) return 64;
  DIR* folder = opendir(words[0]);
  if (!folder) return fail(words[0]);
  static char* names[ENTRIES_MAX];
  size_t found = 0;
  for (struct dirent* entry; found < ENTRIES_MAX && (entry = readdir(folder));)
    if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) names[found++] = strdup(entry->d_name);
  closedir(folder);
  qsort(names, found, sizeof(names[0]), by_name);
  for (size_t i = 0; i < found; i++) puts(names[i]);
  return 0;
}

// stat PATH prints "file SIZE", "directory" or "other".
static int print_stat(int count, char** words) {
  if (count != 1) return 64;
  struct stat status;
  if (stat(words[0], &status)) return fail(words[0]);
  if (S_ISREG(status.st_mode)) {
    printf("file %lld\n", (long long)status.st_size);
  } else {
    puts(S_ISDIR(status.st_mode) ? "directory" : "other");
  }
  return 0;
}

static int make_dir(int count, char** words) {
  if (count != 1) return 64;
  return mkdir(words[0], 0755) ? fail(words[0]) : 0;
}

static int remove_file(int count, char** words) {
  if (count != 1) return 64;
  return unlink(words[0]) ? fail(words[0]) : 0;
}

static int remove_dir(int count, char** words) {
  if (count != 1) return 64;
  return rmdir(words[0]) ? fail(words[0]) : 0;
}

static int move(int count, char** words) {
  if (count != 2) return 64;
  return rename(words[0], words[1]) ? fail(words[0]) : 0;
}

// symlink TARGET PATH
static int make_symlink(int count, char** words) {
  if (count != 2) return 64;
  return symlink(words[0], words[1]) ? fail(words[1]) : 0;
}

static int exit_with(int count, char** words) {
  exit(count ? atoi(words[0]) : 0);
}

static int spin(int count, char** words) {
  (void)count, (void)words;
  for (volatile uint32_t turns = 0;; turns++);
}

static int trap(int count, char** words) {
  (void)count, (void)words;
  __builtin_trap();
}

// alloc MIB takes and touches that much memory.
static int alloc(int count, char** words) {
  if (count != 1) return 64;
  int mebibytes = atoi(words[0]);
  for (int i = 0; i < mebibytes; i++) {
    char* volatile block = malloc(1 << 20);  // volatile: else no memory would be taken at all
    if (!block) {
      printf("refused after %d MiB\n", i);
      return 1;
    }
    memset(block, 1, 1 << 20);
  }
  printf("%d MiB\n", mebibytes);
  return 0;
}

static uint32_t deepen(uint32_t depth);
static uint32_t (*volatile deeper)(uint32_t depth) = deepen;
static uint32_t deepen(uint32_t depth) {
  return deeper(depth + 1) + 1;
}

static int recurse(int count, char** words) {
  (void)count, (void)words;
  return (int)deepen(0);
}

// clock: seconds since 1970, and how many nanoseconds the monotonic clock went on while sleeping 20 ms.
static int print_clock(int count, char** words) {
  (void)count, (void)words;
  struct timespec before, after, pause = {0, 20 * 1000 * 1000};
  clock_gettime(CLOCK_MONOTONIC, &before);
  if (nanosleep(&pause, 0)) return fail("nanosleep");
  clock_gettime(CLOCK_MONOTONIC, &after);
  long long slept_ns = (after.tv_sec - before.tv_sec) * 1000000000LL + (after.tv_nsec - before.tv_nsec);
  printf("%lld %lld\n", (long long)time(0), slept_ns);
  return slept_ns >= 20 * 1000 * 1000 ? 0 : 1;
}

static int print_random(int count, char** words) {
  (void)count, (void)words;
  uint8_t bytes[32];
  if (getentropy(bytes, sizeof(bytes))) return fail("getentropy");
  for (size_t i = 0; i < sizeof(bytes); i++) printf("%02x", bytes[i]);
  puts("");
  return 0;
}

static int print_terminal(int count, char** words) {
  (void)count, (void)words;
  for (int descriptor = 0; descriptor < 3; descriptor++)
    fputs(isatty(descriptor) ? "terminal " : "plain ", stdout);
  puts("");
  return 0;
}

static const struct {
  const char* name;
  int (*run)(int count, char** words);
} verbs[] = {
    {"echo", echo},
    {"env", env},
    {"cat", cat},
    {"write-file", write_file},
    {"append-file", append_file},
    {"read-file", read_file},
    {"list-dir", list_dir},
    {"stat", print_stat},
    {"make-dir", make_dir},
    {"remove-file", remove_file},
    {"remove-dir", remove_dir},
    {"rename", move},
    {"symlink", make_symlink},
    {"exit", exit_with},
    {"spin", spin},
    {"trap", trap},
    {"alloc", alloc},
    {"recurse", recurse},
    {"clock", print_clock},
    {"random", print_random},
    {"terminal", print_terminal},
};

int main(int count, char** words) {
  for (size_t i = 0; count > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
    if (!strcmp(words[1], verbs[i].name)) return verbs[i].run(count - 2, words + 2);
  fputs("usage: command VERB [ARGUMENT...]; the verbs are", stderr);
  for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) fprintf(stderr, " %s", verbs[i].name);
  fputs("\n", stderr);
  return 64;
}
