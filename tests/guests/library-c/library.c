// wattle:demo/calc, pure functions over every kind of type, and wattle:demo/counters, a resource.
//
// Arguments that came with memory are released when the function ends or, where it returns memory, in its
// post-return function.
#include "guest.h"

#define CALC(function) EXPORT("wattle:demo/calc@1.0.0#" function)
#define AFTER(function) EXPORT("cabi_post_wattle:demo/calc@1.0.0#" function)

typedef struct {
  int32_t x, y;
} Point;

CALC("add") uint32_t add(uint32_t a, uint32_t b) {
  return a + b;
}

CALC("length") uint32_t length(const char* data, size_t size) {
  (void)data;
  guest_release_all();
  return size;
}

static Bytes returned;  // where results lie that are longer than one core value

CALC("echo") Bytes* echo(char* data, size_t size) {
  returned = (Bytes){data, size};
  return &returned;
}
AFTER("echo") void echo_after(Bytes* result) {
  (void)result;
  guest_release_all();
}

CALC("reverse") Bytes* reverse(char* data, size_t size) {
  for (size_t i = 0; i < size / 2; i++) {
    char swapped = data[i];
    data[i] = data[size - 1 - i];
    data[size - 1 - i] = swapped;
  }
  returned = (Bytes){data, size};
  return &returned;
}
AFTER("reverse") void reverse_after(Bytes* result) {
  (void)result;
  guest_release_all();
}

CALC("translate") Point* translate(int32_t x, int32_t y, int32_t by_x, int32_t by_y) {
  static Point moved;
  moved.x = (int32_t)((uint32_t)x + (uint32_t)by_x);
  moved.y = (int32_t)((uint32_t)y + (uint32_t)by_y);
  return &moved;
}

CALC("area") double area(int32_t kind, double first, double second) {
  enum { CIRCLE, RECTANGLE };
  if (kind == CIRCLE) return 3.141592653589793 * first * first;
  return kind == RECTANGLE ? first * second : 0;
}

CALC("invert") uint32_t invert(uint32_t permissions) {
  return ~permissions & 7;
}

CALC("next") uint32_t next(uint32_t colour) {
  return (colour + 1) % 3;
}

// Writes the letter in UTF-8 at `at`, which has room for 4 bytes; returns how many it took.
static size_t encode_utf8(uint32_t letter, char* at) {
  if (letter < 0x80) {
    at[0] = (char)letter;
    return 1;
  }
  size_t size = letter < 0x800 ? 2 : letter < 0x10000 ? 3 : 4;
  for (size_t i = size - 1; i > 0; i--, letter >>= 6) at[i] = (char)(0x80 | (letter & 0x3f));
  static const unsigned char lead[] = {0xc0, 0xe0, 0xf0};
  at[0] = (char)(lead[size - 2] | letter);
  return size;
}

typedef struct {
  uint8_t present;
  uint32_t value;
} MaybeIndex;

CALC("find") MaybeIndex* find(const char* data, size_t size, uint32_t letter) {
  static MaybeIndex found;
  char wanted[4];
  size_t wanted_size = encode_utf8(letter, wanted);
  found.present = 0;
  for (size_t i = 0; i + wanted_size <= size && !found.present; i++) {
    Bytes here = {data + i, wanted_size}, there = {wanted, wanted_size};
    if (equal(here, there)) found = (MaybeIndex){1, i};
  }
  guest_release_all();
  return &found;
}

typedef struct {
  uint8_t failed;
  union {
    int64_t quotient;
    Bytes reason;
  };
} Division;

CALC("divide") Division* divide(int64_t a, int64_t b) {
  static Division result;
  if (b == 0) {
    result = (Division){.failed = 1, .reason = TEXT("division by zero")};
  } else if (a == INT64_MIN && b == -1) {
    result = (Division){.failed = 1, .reason = TEXT("the quotient does not fit in s64")};
  } else {
    result = (Division){.failed = 0, .quotient = a / b};
  }
  return &result;
}

typedef struct {
  uint8_t present;
  int32_t least, greatest;
} MaybeBounds;

CALC("bounds") MaybeBounds* bounds(const int32_t* values, size_t count) {
  static MaybeBounds found;
  found = (MaybeBounds){count > 0, count ? values[0] : 0, count ? values[0] : 0};
  for (size_t i = 1; i < count; i++) {
    if (values[i] < found.least) found.least = values[i];
    if (values[i] > found.greatest) found.greatest = values[i];
  }
  guest_release_all();
  return &found;
}

CALC("join") Bytes* join(const Bytes* parts, size_t count, const char* separator, size_t separator_size) {
  size_t size = count ? separator_size * (count - 1) : 0;
  for (size_t i = 0; i < count; i++) size += parts[i].size;
  char *joined = guest_allocate(size, 1), *at = joined;
  for (size_t i = 0; i < count; i++) {
    if (i) {
      __builtin_memcpy(at, separator, separator_size);
      at += separator_size;
    }
    __builtin_memcpy(at, parts[i].data, parts[i].size);
    at += parts[i].size;
  }
  returned = (Bytes){joined, size};
  return &returned;
}
AFTER("join") void join_after(Bytes* result) {
  (void)result;
  guest_release_all();
}

CALC("negate") uint32_t negate(uint32_t value) {
  return !value;
}

CALC("halve") float halve(float value) {
  return value / 2;
}

typedef struct {
  uint8_t failed;
  Point point;
} MaybePoint;

CALC("centre") MaybePoint* centre(const Point* points, size_t count) {
  static MaybePoint result;
  int64_t x = 0, y = 0;
  for (size_t i = 0; i < count; i++) {
    x += points[i].x;
    y += points[i].y;
  }
  result.failed = count == 0;
  if (count) result.point = (Point){(int32_t)(x / (int64_t)count), (int32_t)(y / (int64_t)count)};
  guest_release_all();
  return &result;
}

// ---- wattle:demo/counters: a resource whose representation is an index into `counters`, plus one.

#define COUNTERS(function) EXPORT("wattle:demo/counters@1.0.0#" function)
#define OWN "[export]wattle:demo/counters@1.0.0"

IMPORT(OWN, "[resource-new]counter") int32_t counter_new(uint32_t representation);
IMPORT(OWN, "[resource-rep]counter") uint32_t counter_representation(int32_t handle);
IMPORT(OWN, "[resource-drop]counter") void counter_drop(int32_t handle);

enum { COUNTERS_MAX = 1024 };

static struct {
  bool used;
  uint32_t value;
} counters[COUNTERS_MAX];

static uint32_t counters_alive;

COUNTERS("[constructor]counter") int32_t counter_construct(uint32_t start) {
  for (uint32_t i = 0; i < COUNTERS_MAX; i++) {
    if (counters[i].used) continue;
    counters[i].used = true;
    counters[i].value = start;
    counters_alive++;
    return counter_new(i + 1);
  }
  __builtin_trap();
}

COUNTERS("[dtor]counter") void counter_destroy(uint32_t self) {
  counters[self - 1].used = false;
  counters_alive--;
}

COUNTERS("[method]counter.increment") uint32_t counter_increment(uint32_t self, uint32_t by) {
  return counters[self - 1].value += by;
}

COUNTERS("[method]counter.value") uint32_t counter_value(uint32_t self) {
  return counters[self - 1].value;
}

COUNTERS("[static]counter.merge") int32_t counter_merge(int32_t a, int32_t b) {
  uint32_t sum =
      counters[counter_representation(a) - 1].value + counters[counter_representation(b) - 1].value;
  counter_drop(a);
  counter_drop(b);
  return counter_construct(sum);
}

COUNTERS("alive") uint32_t alive(void) {
  return counters_alive;
}

COUNTERS("sum") uint32_t sum(const uint32_t* selves, size_t count) {
  uint32_t total = 0;
  for (size_t i = 0; i < count; i++) total += counters[selves[i] - 1].value;
  guest_release_all();
  return total;
}
