// One request for each way to reach something, and for each way to fail; tests/faults calls it, and breaks
// what it needs. Answers 200, or 502 with the error that it was given.
//
//   /here      nobody else is needed          /work, /bare   a component behind a link, with and without room
//   /refuse    the handler returns an error                  for an error
//   /trap      the handler traps              /get, /set     wasi:keyvalue
#include "wasi_http.h"

#define WORK "wattle:faults/work@1.0.0"
#define STORE "wasi:keyvalue/store@0.2.0-draft"

// result<u64, string>
typedef struct {
  uint8_t failed;
  union {
    uint64_t number;
    Bytes reason;
  } __attribute__((aligned(8)));
} Outcome;

// result<T, error> of wasi:keyvalue/store
typedef struct {
  uint8_t failed;
  union {
    Handle bucket;
    struct {
      uint8_t present;
      Bytes value;
    } found;
    struct {
      uint8_t kind;
      Bytes text;
    } error;
  };
} StoreResult;

enum { ERROR_CODE_INTERNAL = 38 };

IMPORT(WORK, "next") void work_next(uint64_t number, Outcome* out);
IMPORT(WORK, "next-bare") uint64_t work_next_bare(uint64_t number);
IMPORT(STORE, "open") void store_open(const char* name, size_t size, StoreResult* out);
IMPORT(STORE, "[method]bucket.get")
void bucket_get(Handle self, const char* key, size_t size, StoreResult* out);
IMPORT(STORE, "[method]bucket.set")
void bucket_set(Handle self, const char* key, size_t key_size, const char* value, size_t value_size,
                StoreResult* out);
IMPORT(STORE, "[resource-drop]bucket") void bucket_drop(Handle self);

EXPORT(WORK "#next") Outcome* next(uint64_t number) {
  static Outcome outcome;
  outcome = (Outcome){.failed = 0, .number = number + 1};
  return &outcome;
}

EXPORT(WORK "#next-bare") uint64_t next_bare(uint64_t number) {
  return number + 1;
}

static void answer_number(Handle out_param, uint64_t number) {
  char text[20];
  answer_text(out_param, 200, (Bytes){text, write_decimal(text, number)});
}

static void ask_work(Handle out_param) {
  Outcome outcome;
  work_next(1, &outcome);
  if (outcome.failed) return answer_text(out_param, 502, outcome.reason);
  answer_number(out_param, outcome.number);
}

static void answer_store_error(Handle out_param, StoreResult result) {
  static const Bytes kCases[] = {TEXT("no-such-store"), TEXT("access-denied")};
  answer_text(out_param, 502, result.error.kind < 2 ? kCases[result.error.kind] : result.error.text);
}

static void ask_store(Handle out_param, bool set) {
  StoreResult result;
  store_open("", 0, &result);
  if (result.failed) return answer_store_error(out_param, result);
  Handle bucket = result.bucket;
  if (set)
    bucket_set(bucket, "key", 3, "value", 5, &result);
  else
    bucket_get(bucket, "key", 3, &result);
  bucket_drop(bucket);
  if (result.failed) return answer_store_error(out_param, result);
  const Bytes none = TEXT("none");
  const Bytes done = TEXT("done");
  answer_text(out_param, 200, set ? done : result.found.present ? result.found.value : none);
}

HANDLER void handle(Handle request, Handle out_param) {
  guest_release_all();
  TaggedText told;
  request_path(request, &told);
  request_drop(request);
  const Bytes path = told.text;
  if (equal(path, (Bytes)TEXT("/here"))) return answer_text(out_param, 200, (Bytes)TEXT("here"));
  if (equal(path, (Bytes)TEXT("/work"))) return ask_work(out_param);
  if (equal(path, (Bytes)TEXT("/bare"))) return answer_number(out_param, work_next_bare(1));
  if (equal(path, (Bytes)TEXT("/get"))) return ask_store(out_param, false);
  if (equal(path, (Bytes)TEXT("/set"))) return ask_store(out_param, true);
  if (equal(path, (Bytes)TEXT("/refuse")))
    return outparam_set(out_param, 1, ERROR_CODE_INTERNAL, 0, 0, 0, 0, 0, 0);
  if (equal(path, (Bytes)TEXT("/trap"))) __builtin_trap();
  answer_text(out_param, 404, (Bytes)TEXT("no such path"));
}
