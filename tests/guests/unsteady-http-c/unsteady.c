// Traps on every tenth call, by chance, since no instance remembers the call before.
#include "wasi_http.h"

IMPORT("wasi:random/insecure@0.2.0", "get-insecure-random-u64") uint64_t random_number(void);

HANDLER void handle(Handle request, Handle out_param) {
  request_drop(request);
  if (random_number() % 10 == 0) __builtin_trap();
  answer_text(out_param, 200, (Bytes)TEXT("hello from wattle\n"));
}
