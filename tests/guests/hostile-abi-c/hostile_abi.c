// Breaks the canonical ABI's rules from inside: pointers, lengths, discriminants, handles and allocations
// that no bindings would make. The host chooses the attack by the function that it calls.
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOST "wattle:hostile/host@1.0.0"
#define IMPORT(name) __attribute__((import_module(HOST), import_name(name)))
#define ATTACK(function) __attribute__((export_name("wattle:hostile/attacks@1.0.0#" function)))

IMPORT("[constructor]token") int32_t token_new(uint32_t value);
IMPORT("[method]token.value") uint32_t token_value(int32_t self);
IMPORT("[resource-drop]token") void token_drop(int32_t self);
IMPORT("consume") uint32_t consume(int32_t token);
IMPORT("take-text") uint32_t take_text(uint32_t address, uint32_t length);
IMPORT("take-numbers") uint32_t take_numbers(uint32_t address, uint32_t length);
IMPORT("take-letter") uint32_t take_letter(uint32_t letter);
IMPORT("take-choice") uint32_t take_choice(uint32_t discriminant, uint32_t value);
IMPORT("give-text") void give_text(uint32_t address);
IMPORT("wait") void host_wait(void);

typedef struct {
  uint32_t address;
  uint32_t length;
} Range;

enum { HONEST, OUT_OF_BOUNDS, MISALIGNED, TRAPS, CALLS_OUT, GROWS, SPINS };
static uint32_t mode;
static unsigned char room[65536] __attribute__((aligned(16)));
static size_t used;
static volatile uint32_t sink;

static void* allocate(size_t size, size_t align) {
  size_t start = (used + align - 1) & ~(align - 1);
  if (start + size > sizeof(room)) __builtin_trap();
  used = start + size;
  return room + start;
}

__attribute__((export_name("cabi_realloc"))) void* cabi_realloc(void* old, size_t old_size, size_t align,
                                                                size_t new_size) {
  (void)old, (void)old_size;
  switch (mode) {
    case OUT_OF_BOUNDS:
      return (void*)(uintptr_t)0xfffffff0u;
    case MISALIGNED:
      return room + 1;
    case TRAPS:
      __builtin_trap();
    case CALLS_OUT:
      sink = take_letter('a');
      return allocate(new_size, align);
    case GROWS: {
      size_t page = __builtin_wasm_memory_grow(0, new_size / 65536 + 1);
      if (page == (size_t)-1) __builtin_trap();
      return (void*)(page * 65536);
    }
    case SPINS:
      for (;;) sink++;
    default:
      return allocate(new_size, align);
  }
}

ATTACK("set-realloc") void set_realloc(uint32_t chosen) {
  mode = chosen;
}

ATTACK("accept") uint32_t accept(const unsigned char* text, uint32_t length) {
  uint32_t sum = 0;
  for (uint32_t i = 0; i < length; i++) sum += text[i];
  return sum;
}

ATTACK("accept-numbers") uint64_t accept_numbers(const uint64_t* numbers, uint32_t length) {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < length; i++) sum += numbers[i];
  return sum;
}

ATTACK("fetch-text") uint32_t fetch_text(void) {
  Range text;
  give_text((uint32_t)(uintptr_t)&text);
  return text.length;
}

static Range returned;
static Range* give(uint32_t address, uint32_t length) {
  returned = (Range){address, length};
  return &returned;
}
ATTACK("give-text") Range* attack_give_text(uint32_t address, uint32_t length) {
  return give(address, length);
}
ATTACK("give-numbers") Range* attack_give_numbers(uint32_t address, uint32_t length) {
  return give(address, length);
}
ATTACK("give-texts") Range* attack_give_texts(uint32_t address, uint32_t length) {
  return give(address, length);
}

ATTACK("send-text") uint32_t send_text(uint32_t address, uint32_t length) {
  return take_text(address, length);
}
ATTACK("send-numbers") uint32_t send_numbers(uint32_t address, uint32_t length) {
  return take_numbers(address, length);
}
ATTACK("send-letter") uint32_t send_letter(uint32_t letter) {
  return take_letter(letter);
}
ATTACK("send-choice") uint32_t send_choice(uint32_t discriminant) {
  return take_choice(discriminant, 7);
}
ATTACK("fetch-text-to") uint32_t fetch_text_to(uint32_t address) {
  give_text(address);
  return 0;
}

ATTACK("forge") uint32_t forge(uint32_t handle) {
  return token_value((int32_t)handle);
}
ATTACK("forge-consume") uint32_t forge_consume(uint32_t handle) {
  return consume((int32_t)handle);
}
ATTACK("use-after-drop") uint32_t use_after_drop(void) {
  int32_t token = token_new(1);
  token_drop(token);
  return token_value(token);
}
ATTACK("use-after-consume") uint32_t use_after_consume(void) {
  int32_t token = token_new(1);
  consume(token);
  return token_value(token);
}
ATTACK("drop-twice") void drop_twice(void) {
  int32_t token = token_new(1);
  token_drop(token);
  token_drop(token);
}
ATTACK("hoard") uint32_t hoard(uint32_t count) {
  uint32_t last = 0;
  for (uint32_t i = 0; i < count; i++) last = (uint32_t)token_new(i);
  return last;
}

ATTACK("keep-borrow") void keep_borrow(int32_t token) {
  sink = token_value(token);
}
ATTACK("drop-borrow") void drop_borrow(int32_t token) {
  token_drop(token);
}
ATTACK("consume-borrow") void consume_borrow(int32_t token) {
  sink = consume(token);
}

ATTACK("wait") void attack_wait(void) {
  int32_t token = token_new(9);
  host_wait();
  token_drop(token);
}

ATTACK("after-return-calls-out") Range* after_return_calls_out(void) {
  return give((uint32_t)(uintptr_t)room, 0);
}
__attribute__((export_name("cabi_post_wattle:hostile/attacks@1.0.0#after-return-calls-out"))) void
after_return(Range* result) {
  (void)result;
  sink = take_letter('a');
}
