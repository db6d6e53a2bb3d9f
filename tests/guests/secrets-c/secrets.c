// wasmcloud:secrets, whose resource has no functions of its own.
#include "guest.h"

#define STORE "wasmcloud:secrets/store@0.1.0-draft"

// result<secret, secrets-error>
typedef struct {
  uint8_t failed;
  union {
    int32_t secret;
    struct {
      uint8_t kind;
      Bytes text;
    } error;
  };
} GetResult;

typedef struct {
  uint8_t is_bytes;
  Bytes contents;
} Value;

// result<string, string>
typedef struct {
  uint8_t failed;
  Bytes text;
} Outcome;

IMPORT(STORE, "get") void store_get(const char* key, size_t size, GetResult* out);
IMPORT(STORE, "[resource-drop]secret") void secret_drop(int32_t self);
IMPORT("wasmcloud:secrets/reveal@0.1.0-draft", "reveal") void reveal_secret(int32_t self, Value* out);

EXPORT("wattle:secrecy/secrecy@1.0.0#reveal") Outcome* reveal(const char* key, size_t size) {
  static const Bytes kKinds[] = {TEXT("upstream"), TEXT("io"), TEXT("not-found")};
  static Outcome outcome;
  GetResult got;
  store_get(key, size, &got);
  if (got.failed) {
    outcome = (Outcome){.failed = 1, .text = kKinds[got.error.kind]};
    return &outcome;
  }
  Value value;
  reveal_secret(got.secret, &value);
  secret_drop(got.secret);
  outcome = (Outcome){.failed = 0, .text = value.contents};
  if (value.is_bytes) {
    static const Bytes prefix = TEXT("bytes:");
    char* text = guest_allocate(prefix.size + value.contents.size, 1);
    __builtin_memcpy(text, prefix.data, prefix.size);
    __builtin_memcpy(text + prefix.size, value.contents.data, value.contents.size);
    outcome.text = (Bytes){text, prefix.size + value.contents.size};
  }
  return &outcome;
}
