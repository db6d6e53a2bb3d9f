// Calls another component: wattle:demo, which library-c exports. tests/guests/composed links the two.
#include "guest.h"

#define DEMO "wattle:demo/calc@1.0.0"
#define COUNTERS "wattle:demo/counters@1.0.0"
#define CALLER(function) EXPORT("wattle:caller/caller@1.0.0#" function)

IMPORT(DEMO, "add") uint32_t demo_add(uint32_t a, uint32_t b);
IMPORT(DEMO, "length") uint32_t demo_length(const char* data, size_t size);
IMPORT(DEMO, "echo") void demo_echo(const char* data, size_t size, Bytes* out);
IMPORT(COUNTERS, "[constructor]counter") int32_t counter_new(uint32_t start);
IMPORT(COUNTERS, "[static]counter.merge") int32_t counter_merge(int32_t a, int32_t b);
IMPORT(COUNTERS, "[method]counter.value") uint32_t counter_value(int32_t self);
IMPORT(COUNTERS, "[resource-drop]counter") void counter_drop(int32_t self);

static char kibibyte[1024];

static void fill_kibibyte(void) {
  __builtin_memset(kibibyte, 'w', sizeof(kibibyte));
}

CALLER("run-add") uint32_t run_add(uint32_t a, uint32_t b) {
  return demo_add(a, b);
}

CALLER("run-length") uint32_t run_length(const char* data, size_t size) {
  uint32_t length = demo_length(data, size);
  guest_release_all();
  return length;
}

CALLER("run-echo") Bytes* run_echo(const char* data, size_t size) {
  static Bytes returned;
  demo_echo(data, size, &returned);
  return &returned;
}
EXPORT("cabi_post_wattle:caller/caller@1.0.0#run-echo") void run_echo_after(Bytes* result) {
  (void)result;
  guest_release_all();
}

CALLER("add-often") uint32_t add_often(uint32_t times) {
  uint32_t sum = 0;
  for (uint32_t i = 0; i < times; i++) sum = demo_add(sum, i);
  return sum;
}

CALLER("length-often") uint32_t length_often(uint32_t times) {
  fill_kibibyte();
  uint32_t sum = 0;
  for (uint32_t i = 0; i < times; i++) sum += demo_length(kibibyte, sizeof(kibibyte));
  return sum;
}

CALLER("echo-often") uint32_t echo_often(uint32_t times) {
  fill_kibibyte();
  uint32_t sum = 0;
  for (uint32_t i = 0; i < times; i++) {
    Bytes back;
    demo_echo(kibibyte, sizeof(kibibyte), &back);
    sum += back.size;
    guest_release_all();
  }
  return sum;
}

CALLER("merge-counters") uint32_t merge_counters(uint32_t a, uint32_t b) {
  int32_t merged = counter_merge(counter_new(a), counter_new(b));
  uint32_t value = counter_value(merged);
  counter_drop(merged);
  return value;
}
