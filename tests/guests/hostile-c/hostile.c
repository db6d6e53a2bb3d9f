// Does to its host what a guest must not be able to do. The path of the request chooses the attack; "/" and
// "/echo" are well-behaved, so that one component is neighbour and attacker. Attacks that the host may answer
// with a refusal (memory, handles) report how far they came; all others end in a trap or at a limit. Growing
// tables is a guest of its own (hostile-table-c): it takes the quick reset away from all of its component.
#include "http_echo.h"

IMPORT("wasi:clocks/monotonic-clock@" WASI_VERSION, "now") uint64_t clock_now(void);
IMPORT("wasi:clocks/monotonic-clock@" WASI_VERSION, "subscribe-duration")
Handle clock_subscribe(uint64_t nanoseconds);
IMPORT("wasi:cli/stderr@" WASI_VERSION, "get-stderr") Handle get_stderr(void);

// The compiler must not see that a loop is endless or that a value is never used.
static volatile uint32_t sink;

static void report(Handle out_param, const char* what, size_t what_size, uint64_t count) {
  static char text[128];
  __builtin_memcpy(text, what, what_size);
  size_t size = what_size + write_decimal(text + what_size, count);
  text[size++] = '\n';
  answer_text(out_param, 200, (Bytes){text, size});
}
#define REPORT(out_param, what, count) report(out_param, what, sizeof(what) - 1, count)

// ---- time

static void spin(Handle out_param) {
  (void)out_param;
  for (;;) sink++;
}

// Host calls on the way must not make the spinning invisible.
static void spin_in_host_calls(Handle out_param) {
  (void)out_param;
  for (;;) sink += (uint32_t)clock_now();
}

static void sleep_for_ever(Handle out_param) {
  (void)out_param;
  wait_for(clock_subscribe(UINT64_MAX));
}

// Never ready, always asked.
static void poll_for_ever(Handle out_param) {
  (void)out_param;
  Handle never = clock_subscribe(UINT64_MAX);
  while (!pollable_ready(never)) sink++;
}

// ---- space

static void eat_memory(Handle out_param) {
  uint64_t pages = 0;
  for (;;) {
    size_t before = __builtin_wasm_memory_grow(0, 16);
    if (before == (size_t)-1) break;
    for (size_t page = before; page < before + 16; page++) *(volatile uint32_t*)(page * 65536) = 1;
    pages += 16;
  }
  REPORT(out_param, "pages of memory: ", pages);
}

static uint32_t recurse_from(uint32_t depth);
static uint32_t (*volatile deeper)(uint32_t depth) = recurse_from;

// Through a pointer, so that it stays a recursion; without a frame in memory, so that the host's stack ends
// it.
static uint32_t recurse_from(uint32_t depth) {
  return deeper(depth + 1) + 1;
}

static void recurse(Handle out_param) {
  (void)out_param;
  sink = recurse_from(0);
}

static void eat_handles(Handle out_param) {
  (void)out_param;
  for (;;) sink = (uint32_t)fields_new();
}

static void eat_pollables(Handle out_param) {
  (void)out_param;
  for (;;) sink = (uint32_t)clock_subscribe(UINT64_MAX);
}

// One fields resource that grows in the host's memory.
static void eat_fields(Handle out_param) {
  static char value[4096];
  __builtin_memset(value, 'x', sizeof(value));
  Handle fields = fields_new();
  uint64_t count = 0;
  for (;; count++) {
    ByteResult result;
    fields_append(fields, "x-field", 7, value, sizeof(value), &result);
    if (result.failed) break;
  }
  REPORT(out_param, "fields of 4 KiB: ", count);
}

static void flood(Handle out_param) {
  static char block[4096];
  Answer answer = begin_answer(out_param, 200, fields_new());
  while (write_all(answer.stream, block, sizeof(block))) sink++;
  __builtin_trap();
}

static void flood_stderr(Handle out_param) {
  (void)out_param;
  static char line[4096];
  __builtin_memset(line, 'x', sizeof(line));
  line[sizeof(line) - 1] = '\n';
  Handle log = get_stderr();
  while (write_all(log, line, sizeof(line))) sink++;
}

// Everything the host lets it write without asking how much that is.
static void write_unchecked(Handle out_param) {
  size_t size = 1 << 20;
  char* block = guest_allocate(size, 16);
  Answer answer = begin_answer(out_param, 200, fields_new());
  for (;;) {
    StreamStatus status;
    output_write(answer.stream, block, size, &status);
    if (status.failed) break;
  }
  __builtin_trap();
}

// ---- handles

static void forged_handle(Handle out_param) {
  (void)out_param;
  fields_drop(123456);
}

static void negative_handle(Handle out_param) {
  (void)out_param;
  fields_drop(-1);
}

static void double_drop(Handle out_param) {
  (void)out_param;
  Handle fields = fields_new();
  fields_drop(fields);
  fields_drop(fields);
}

static void use_after_drop(Handle out_param) {
  (void)out_param;
  Handle fields = fields_new();
  fields_drop(fields);
  ByteResult result;
  fields_append(fields, "a", 1, "b", 1, &result);
}

static void wrong_type(Handle out_param) {
  (void)out_param;
  output_drop(fields_new());
}

// The response takes the fields with it; they are no longer the guest's.
static void use_after_move(Handle out_param) {
  (void)out_param;
  Handle fields = fields_new();
  sink = (uint32_t)response_new(fields);
  fields_drop(fields);
}

static void answer_twice(Handle out_param) {
  Handle first = response_new(fields_new());
  Handle second = response_new(fields_new());
  outparam_set(out_param, 0, first, 0, 0, 0, 0, 0, 0);
  outparam_set(out_param, 0, second, 0, 0, 0, 0, 0, 0);
}

static void drop_parent_first(Handle out_param) {
  Answer answer = begin_answer(out_param, 200, fields_new());
  outgoing_body_drop(answer.body);
  output_drop(answer.stream);
}

static void poll_nothing(Handle out_param) {
  (void)out_param;
  Bytes ready;
  poll_list(0, 0, &ready);
}

static void poll_forged(Handle out_param) {
  (void)out_param;
  Handle forged[3] = {1, 77, 123456};
  Bytes ready;
  poll_list(forged, 3, &ready);
}

// ---- memory of others

static void huge_string(Handle out_param) {
  (void)out_param;
  ByteResult result;
  fields_append(fields_new(), "a", 1, (const char*)16, 0x7fffffff, &result);
}

static void string_past_end(Handle out_param) {
  (void)out_param;
  size_t end = __builtin_wasm_memory_size(0) * 65536;
  ByteResult result;
  fields_append(fields_new(), "a", 1, (const char*)(end - 4), 8, &result);
}

static void string_wraps(Handle out_param) {
  (void)out_param;
  ByteResult result;
  fields_append(fields_new(), (const char*)0xfffffff0, 0x20, "b", 1, &result);
}

static void bad_utf8(Handle out_param) {
  (void)out_param;
  ByteResult result;
  fields_append(fields_new(), "\xc3\x28", 2, "b", 1, &result);
}

static void huge_list(Handle out_param) {
  (void)out_param;
  HandleResult result;
  fields_from_list((const Field*)16, 0x10000000, &result);
}

static void misaligned_list(Handle out_param) {
  (void)out_param;
  HandleResult result;
  fields_from_list((const Field*)17, 1, &result);
}

static void misaligned_result(Handle out_param) {
  (void)out_param;
  HandleResult result[2];
  response_body(response_new(fields_new()), (HandleResult*)((uintptr_t)result + 1));
}

static void result_past_end(Handle out_param) {
  (void)out_param;
  size_t end = __builtin_wasm_memory_size(0) * 65536;
  response_body(response_new(fields_new()), (HandleResult*)(end - 4));
}

static void bad_discriminant(Handle out_param) {
  outparam_set(out_param, 7, 0, 0, 0, 0, 0, 0, 0);
}

static void bad_error_code(Handle out_param) {
  outparam_set(out_param, 1, 200, 0, 0, 0, 0, 0, 0);
}

// ---- traps

static void unreachable(Handle out_param) {
  (void)out_param;
  __builtin_trap();
}

static void out_of_bounds(Handle out_param) {
  (void)out_param;
  sink = *(volatile uint32_t*)0xfffffff0;
}

static void write_out_of_bounds(Handle out_param) {
  (void)out_param;
  *(volatile uint32_t*)0xf0000000 = 1;
}

static volatile uint32_t zero;
static void divide_by_zero(Handle out_param) {
  (void)out_param;
  sink = 100 / zero;
}

static void call_null(Handle out_param) {
  void (*volatile target)(Handle) = (void (*)(Handle))0;
  target(out_param);
}

static void call_wrong_type(Handle out_param) {
  uint64_t (*volatile target)(uint64_t, uint64_t) = (uint64_t (*)(uint64_t, uint64_t))(uintptr_t)&spin;
  sink = (uint32_t)target((uint64_t)out_param, 1);
}

// ---- the protocol

static void no_answer(Handle out_param) {
  (void)out_param;
}

static void trap_after_head(Handle out_param) {
  Answer answer = begin_answer(out_param, 200, fields_new());
  write_all(answer.stream, "half of ", 8);
  __builtin_trap();
}

static void spin_after_head(Handle out_param) {
  Answer answer = begin_answer(out_param, 200, fields_new());
  write_all(answer.stream, "half of ", 8);
  for (;;) sink++;
}

static void leave_body_open(Handle out_param) {
  Answer answer = begin_answer(out_param, 200, fields_new());
  write_all(answer.stream, "unfinished", 10);
}

static void bad_status(Handle out_param) {
  int32_t refused = response_set_status(response_new(fields_new()), 7);
  REPORT(out_param, "status 7 refused: ", (uint64_t)refused);
}

// A field's value that would start a second header, were it written as it is.
static void split_headers(Handle out_param) {
  ByteResult result;
  fields_append(fields_new(), "x-a", 3, "1\r\nx-b: 2", 9, &result);
  REPORT(out_param, "line break refused: ", result.failed);
}

static void short_body(Handle out_param) {
  Field length = {TEXT("content-length"), TEXT("100")};
  Answer answer = begin_answer(out_param, 200, make_fields(&length, 1));
  write_all(answer.stream, "short", 5);
  end_answer(answer, 0, 0);
}

static void long_body(Handle out_param) {
  Field length = {TEXT("content-length"), TEXT("3")};
  Answer answer = begin_answer(out_param, 200, make_fields(&length, 1));
  write_all(answer.stream, "longer than that", 16);
  end_answer(answer, 0, 0);
}

static void error_answer(Handle out_param) {
  outparam_set(out_param, 1, 36, 0, 0, 0, 0, 0, 0);
}

static void behave(Handle out_param) {
  answer_text(out_param, 200, (Bytes)TEXT("well-behaved\n"));
}

typedef struct {
  Bytes path;
  void (*attack)(Handle out_param);
} Route;

static const Route routes[] = {
    {TEXT("/"), behave},
    {TEXT("/spin"), spin},
    {TEXT("/spin-in-host-calls"), spin_in_host_calls},
    {TEXT("/sleep-for-ever"), sleep_for_ever},
    {TEXT("/poll-for-ever"), poll_for_ever},
    {TEXT("/eat-memory"), eat_memory},
    {TEXT("/recurse"), recurse},
    {TEXT("/eat-handles"), eat_handles},
    {TEXT("/eat-pollables"), eat_pollables},
    {TEXT("/eat-fields"), eat_fields},
    {TEXT("/flood"), flood},
    {TEXT("/flood-stderr"), flood_stderr},
    {TEXT("/write-unchecked"), write_unchecked},
    {TEXT("/forged-handle"), forged_handle},
    {TEXT("/negative-handle"), negative_handle},
    {TEXT("/double-drop"), double_drop},
    {TEXT("/use-after-drop"), use_after_drop},
    {TEXT("/wrong-type"), wrong_type},
    {TEXT("/use-after-move"), use_after_move},
    {TEXT("/answer-twice"), answer_twice},
    {TEXT("/drop-parent-first"), drop_parent_first},
    {TEXT("/poll-nothing"), poll_nothing},
    {TEXT("/poll-forged"), poll_forged},
    {TEXT("/huge-string"), huge_string},
    {TEXT("/string-past-end"), string_past_end},
    {TEXT("/string-wraps"), string_wraps},
    {TEXT("/bad-utf8"), bad_utf8},
    {TEXT("/huge-list"), huge_list},
    {TEXT("/misaligned-list"), misaligned_list},
    {TEXT("/misaligned-result"), misaligned_result},
    {TEXT("/result-past-end"), result_past_end},
    {TEXT("/bad-discriminant"), bad_discriminant},
    {TEXT("/bad-error-code"), bad_error_code},
    {TEXT("/unreachable"), unreachable},
    {TEXT("/out-of-bounds"), out_of_bounds},
    {TEXT("/write-out-of-bounds"), write_out_of_bounds},
    {TEXT("/divide-by-zero"), divide_by_zero},
    {TEXT("/call-null"), call_null},
    {TEXT("/call-wrong-type"), call_wrong_type},
    {TEXT("/no-answer"), no_answer},
    {TEXT("/trap-after-head"), trap_after_head},
    {TEXT("/spin-after-head"), spin_after_head},
    {TEXT("/leave-body-open"), leave_body_open},
    {TEXT("/bad-status"), bad_status},
    {TEXT("/split-headers"), split_headers},
    {TEXT("/short-body"), short_body},
    {TEXT("/long-body"), long_body},
    {TEXT("/error-answer"), error_answer},
};

HANDLER void handle(Handle request, Handle out_param) {
  guest_release_all();
  TaggedText path;
  request_path(request, &path);
  if (path.tag && equal(path.text, (Bytes)TEXT("/echo"))) {
    echo(request, out_param);
    return;
  }
  request_drop(request);
  for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
    if (path.tag && equal(path.text, routes[i].path)) {
      routes[i].attack(out_param);
      return;
    }
  }
  answer_text(out_param, 404, (Bytes)TEXT("no such attack\n"));
}
