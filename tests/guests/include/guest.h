// What every guest without a C library needs: memory by bumping a pointer, and text.
//
// A guest is one translation unit, so everything here is defined in the header. Memory is released all at
// once: to where it was at a mark, or to the start. That is all a handler needs, whose life is one call.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMPORT(module, name) __attribute__((import_module(module), import_name(name)))
#define EXPORT(name) __attribute__((export_name(name)))

// A string or a list<u8> as the canonical ABI stores it in memory.
typedef struct {
  const char* data;
  size_t size;
} Bytes;

#define TEXT(literal) {literal, sizeof(literal) - 1}

extern unsigned char __heap_base;  // set by the linker
static uintptr_t guest_next;       // first free byte; 0 before the first allocation

static inline uintptr_t guest_mark(void) {
  return guest_next ? guest_next : (uintptr_t)&__heap_base;
}
static inline void guest_release(uintptr_t mark) {
  guest_next = mark;
}
static inline void guest_release_all(void) {
  guest_next = (uintptr_t)&__heap_base;
}

// `align` is a power of two. Grows the memory where needed; traps where the host refuses that.
static inline void* guest_allocate(size_t size, size_t align) {
  uintptr_t start = (guest_mark() + align - 1) & ~(uintptr_t)(align - 1);
  uintptr_t end = start + size;
  if (end < start) __builtin_trap();
  size_t have = __builtin_wasm_memory_size(0) * 65536;
  if (end > have) {
    size_t pages = (end - have + 65535) / 65536;
    if (__builtin_wasm_memory_grow(0, pages) == (size_t)-1) __builtin_trap();
  }
  guest_next = end;
  return (void*)start;
}

// The host calls this to make room for strings and lists.
EXPORT("cabi_realloc") void* cabi_realloc(void* old, size_t old_size, size_t align, size_t new_size) {
  void* fresh = guest_allocate(new_size, align);
  if (old_size) __builtin_memcpy(fresh, old, old_size < new_size ? old_size : new_size);
  return fresh;
}

static inline bool equal(Bytes left, Bytes right) {
  if (left.size != right.size) return false;
  for (size_t i = 0; i < left.size; i++)
    if (left.data[i] != right.data[i]) return false;
  return true;
}

static inline bool starts_with(Bytes text, Bytes prefix) {
  Bytes head = {text.data, prefix.size};
  return text.size >= prefix.size && equal(head, prefix);
}

// Writes `value` in decimal at `at`, which has room for 20 characters; returns how many it took.
static inline size_t write_decimal(char* at, uint64_t value) {
  char digits[20];
  size_t count = 0;
  do {
    digits[count++] = (char)('0' + value % 10);
  } while (value /= 10);
  for (size_t i = 0; i < count; i++) at[i] = digits[count - 1 - i];
  return count;
}
