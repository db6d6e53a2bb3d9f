// Counts its requests in every place where an instance can keep something: linear memory, memory that it
// grew, a global and a table. All count 1 as long as each request has an instance of its own.
#include "wasi_http.h"

static uint32_t in_memory;
static __externref_t in_table[0];  // its length is the count
static uintptr_t in_pages;         // the same one, counted in a page that was grown

// Each request grows the memory by one page; the count is what the last page says, plus one.
static uint32_t count_in_grown_page(void) {
  size_t page = __builtin_wasm_memory_grow(0, 1);
  if (page == (size_t)-1) __builtin_trap();
  volatile uint32_t* fresh = (volatile uint32_t*)(page * 65536);
  if (*fresh != 0) __builtin_trap();  // grown memory is zero, whoever had it before
  *fresh = in_pages ? *(volatile uint32_t*)in_pages + 1 : 1;
  in_pages = (uintptr_t)fresh;
  return *fresh;
}

// A WebAssembly global, which C has no word for.
__asm__(".globaltype counting_global, i32\ncounting_global:\n");

static uint32_t count_in_global(void) {
  uint32_t count;
  __asm__ volatile(
      "global.get counting_global\n"
      "i32.const 1\n"
      "i32.add\n"
      "global.set counting_global\n"
      "global.get counting_global\n"
      "local.set %0\n"
      : "=r"(count));
  return count;
}

static size_t write_count(char* at, const char* name, size_t name_size, uint64_t count) {
  __builtin_memcpy(at, name, name_size);
  return name_size + write_decimal(at + name_size, count);
}
#define WRITE_COUNT(at, name, count) write_count(at, name, sizeof(name) - 1, count)

HANDLER void handle(Handle request, Handle out_param) {
  static char text[128];
  request_drop(request);
  if (__builtin_wasm_table_grow(in_table, __builtin_wasm_ref_null_extern(), 1) == -1) __builtin_trap();
  size_t size = WRITE_COUNT(text, "memory ", ++in_memory);
  size += WRITE_COUNT(text + size, ", grown memory ", count_in_grown_page());
  size += WRITE_COUNT(text + size, ", global ", count_in_global());
  size += WRITE_COUNT(text + size, ", table ", (uint64_t)__builtin_wasm_table_size(in_table));
  text[size++] = '\n';
  answer_text(out_param, 200, (Bytes){text, size});
}
