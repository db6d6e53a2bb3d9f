// The start of a command made with wasi-libc, in place of its own crt1, for guests that the preview 1 adapter
// turns into components. The adapter needs memory for itself. Left alone it grows the guest's memory, and
// then malloc of an older wasi-libc, which believes all memory to be its own, hands out the same bytes. So
// the guest exports cabi_realloc, from which the adapter takes its memory. And _start calls the constructors
// by name: otherwise the linker wraps every export of a command, cabi_realloc too, in constructors and
// destructors.
#include <stdlib.h>

void __wasm_call_ctors(void);
void __wasm_call_dtors(void);
int __main_void(void);
_Noreturn void __wasi_proc_exit(unsigned code);

__attribute__((export_name("cabi_realloc"))) void* cabi_realloc(void* old, size_t old_size, size_t alignment,
                                                                size_t size) {
  (void)old_size;
  void* block = size == 0 ? (void*)alignment : realloc(old, size);
  if (!block) __builtin_trap();
  return block;
}

__attribute__((export_name("_start"))) void _start(void) {
  __wasm_call_ctors();
  const int code = __main_void();
  __wasm_call_dtors();
  if (code != 0) __wasi_proc_exit(code);
}
