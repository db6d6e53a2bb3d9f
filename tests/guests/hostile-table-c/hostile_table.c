// Grows a table until the host refuses, on "/grow-table"; anything else is well-behaved. Since a table may
// change, no instance of this component can be reset: each request has a new one.
#include "wasi_http.h"

static __externref_t table[0];

static void grow_table(Handle out_param) {
  static char text[64] = "elements of a table: ";
  size_t size = sizeof("elements of a table: ") - 1;
  uint64_t elements = 0;
  while (elements < UINT32_MAX &&
         __builtin_wasm_table_grow(table, __builtin_wasm_ref_null_extern(), 65536) != -1)
    elements += 65536;
  size += write_decimal(text + size, elements);
  text[size++] = '\n';
  answer_text(out_param, 200, (Bytes){text, size});
}

HANDLER void handle(Handle request, Handle out_param) {
  guest_release_all();
  TaggedText path;
  request_path(request, &path);
  request_drop(request);
  if (path.tag && equal(path.text, (Bytes)TEXT("/grow-table"))) {
    grow_table(out_param);
  } else {
    answer_text(out_param, 200, (Bytes)TEXT("well-behaved\n"));
  }
}
