// wattle:linked/work, which linked-caller-c and this component itself import through a link.
#include "guest.h"

#define MODULE "wattle:linked/work@1.0.0"
#define WORK(function) EXPORT(MODULE "#" function)
#define AFTER(function) EXPORT("cabi_post_" MODULE "#" function)

typedef struct {
  Bytes name;
  struct {
    const uint64_t* data;
    size_t size;
  } amounts;
  uint32_t has_note;
  Bytes note;
} Item;

// result<u32, string>
typedef struct {
  uint8_t failed;
  union {
    uint32_t value;
    Bytes reason;
  };
} Outcome;

// result<list<item>, failure>
typedef struct {
  uint8_t failed;
  union {
    struct {
      Item* data;
      size_t size;
    } items;
    struct {
      uint8_t kind;
      Bytes text;
    } failure;
  };
} Reversed;

// result<list<u8>, stream-error>
typedef struct {
  uint8_t failed;
  union {
    Bytes bytes;
    struct {
      uint8_t kind;
      int32_t error;
    } reason;
  };
} ReadResult;

IMPORT("wattle:linked/pauses@1.0.0", "pause") void host_pause(void);
IMPORT(MODULE, "descend") void next_descend(uint32_t times, Outcome* out);
IMPORT("wasi:io/streams@0.2.0", "[method]input-stream.blocking-read")
void stream_read(int32_t self, uint64_t length, ReadResult* out);
IMPORT("wasi:io/streams@0.2.0", "[resource-drop]input-stream") void stream_drop(int32_t self);

static Outcome outcome;

WORK("add") uint32_t add(uint32_t a, uint32_t b) {
  return a + b;
}

WORK("echo") Bytes* echo(const char* data, size_t size) {
  static Bytes returned;
  returned = (Bytes){data, size};
  return &returned;
}
AFTER("echo") void echo_after(Bytes* result) {
  (void)result;
  guest_release_all();
}

WORK("remember") uint32_t remember(uint32_t value) {
  static uint32_t last;
  uint32_t before = last;
  last = value;
  return before;
}

WORK("reverse") Reversed* reverse(Item* items, size_t count) {
  static Reversed result;
  for (size_t i = 0; i < count / 2; i++) {
    Item swapped = items[i];
    items[i] = items[count - 1 - i];
    items[count - 1 - i] = swapped;
  }
  result = (Reversed){.failed = count == 0};
  if (count) {
    result.items.data = items;
    result.items.size = count;
  }
  return &result;
}
AFTER("reverse") void reverse_after(Reversed* result) {
  (void)result;
  guest_release_all();
}

WORK("trap-with-room") Outcome* trap_with_room(void) {
  __builtin_trap();
}

WORK("trap-without-room") uint32_t trap_without_room(void) {
  __builtin_trap();
}

WORK("spin") Outcome* spin(void) {
  for (;;) __asm__ volatile("");
}

WORK("pause") Outcome* pause(void) {
  host_pause();
  outcome = (Outcome){.failed = 0, .value = 1};
  return &outcome;
}

WORK("descend") Outcome* descend(uint32_t times) {
  outcome = (Outcome){.failed = 0, .value = 0};
  if (times) next_descend(times - 1, &outcome);
  if (!outcome.failed && times) outcome.value++;
  return &outcome;
}

WORK("drain") uint64_t drain(int32_t input) {
  uint64_t total = 0;
  for (;;) {
    ReadResult result;
    stream_read(input, 4096, &result);
    if (result.failed) break;
    total += result.bytes.size;
    guest_release_all();
  }
  stream_drop(input);
  return total;
}

WORK("give-back") int32_t give_back(int32_t input) {
  return input;
}

WORK("peek") Outcome* peek(int32_t input) {
  (void)input;
  outcome = (Outcome){.failed = 0, .value = 1};
  return &outcome;
}
