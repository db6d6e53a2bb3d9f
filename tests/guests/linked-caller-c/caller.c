// Calls wattle:linked/work, as wattle:linking/relay.
#include "guest.h"

#define WORK "wattle:linked/work@1.0.0"
#define RELAY(function) EXPORT("wattle:linking/relay@1.0.0#" function)
#define AFTER(function) EXPORT("cabi_post_wattle:linking/relay@1.0.0#" function)

// Room for any of the results here; none is read.
typedef struct {
  uint64_t words[8];
} Result;

IMPORT(WORK, "add") uint32_t work_add(uint32_t a, uint32_t b);
IMPORT(WORK, "echo") void work_echo(const char* data, size_t size, Result* out);
IMPORT(WORK, "remember") uint32_t work_remember(uint32_t value);
IMPORT(WORK, "reverse") void work_reverse(const void* items, size_t count, Result* out);
IMPORT(WORK, "trap-with-room") void work_trap_with_room(Result* out);
IMPORT(WORK, "trap-without-room") uint32_t work_trap_without_room(void);
IMPORT(WORK, "spin") void work_spin(Result* out);
IMPORT(WORK, "pause") void work_pause(Result* out);
IMPORT(WORK, "descend") void work_descend(uint32_t times, Result* out);
IMPORT(WORK, "drain") uint64_t work_drain(int32_t input);
IMPORT(WORK, "give-back") int32_t work_give_back(int32_t input);
IMPORT(WORK, "peek") void work_peek(int32_t input, Result* out);
IMPORT("wasi:cli/stdin@0.2.0", "get-stdin") int32_t get_stdin(void);

static Result result;

RELAY("add") uint32_t add(uint32_t a, uint32_t b) {
  return work_add(a, b);
}

RELAY("add-often") uint32_t add_often(uint32_t times) {
  uint32_t sum = 0;
  for (uint32_t i = 0; i < times; i++) sum = work_add(sum, i);
  return sum;
}

RELAY("echo") Result* echo(const char* data, size_t size) {
  work_echo(data, size, &result);
  return &result;
}
AFTER("echo") void echo_after(Result* done) {
  (void)done;
  guest_release_all();
}

RELAY("echo-often") uint64_t echo_often(const char* data, size_t size, uint32_t times) {
  uint64_t total = 0;
  const uintptr_t mark = guest_mark();
  for (uint32_t i = 0; i < times; i++) {
    work_echo(data, size, &result);
    total += ((const Bytes*)&result)->size;
    guest_release(mark);
  }
  guest_release_all();
  return total;
}

RELAY("echo-broken") Result* echo_broken(void) {
  work_echo("\xff\xfe", 2, &result);
  return &result;
}

RELAY("remember") uint32_t remember(uint32_t value) {
  return work_remember(value);
}

RELAY("reverse") Result* reverse(const void* items, size_t count) {
  work_reverse(items, count, &result);
  return &result;
}
AFTER("reverse") void reverse_after(Result* done) {
  (void)done;
  guest_release_all();
}

RELAY("trap-with-room") Result* trap_with_room(void) {
  work_trap_with_room(&result);
  return &result;
}

RELAY("trap-without-room") uint32_t trap_without_room(void) {
  return work_trap_without_room();
}

RELAY("spin") Result* spin(void) {
  work_spin(&result);
  return &result;
}

RELAY("pause") Result* pause(void) {
  work_pause(&result);
  return &result;
}

RELAY("descend") Result* descend(uint32_t times) {
  work_descend(times, &result);
  return &result;
}

RELAY("drain") uint64_t drain(void) {
  return work_drain(get_stdin());
}

RELAY("drain-these") uint64_t drain_these(int32_t input) {
  return work_drain(input);
}

RELAY("give-back-these") int32_t give_back_these(int32_t input) {
  return work_give_back(input);
}

RELAY("peek") Result* peek(void) {
  work_peek(get_stdin(), &result);
  return &result;
}
