// wasmcloud:messaging/handler and wasi:keyvalue/watcher.
#include "guest.h"

#define STORE "wasi:keyvalue/store@0.2.0-draft"

typedef struct {
  Bytes subject, body;
  uint32_t has_reply_to;
  Bytes reply_to;
} Message;

// result<_, string>
typedef struct {
  uint8_t failed;
  Bytes reason;
} Outcome;

// result<own<bucket>, error> and result<_, error>: a handle, or an error whose case and text nobody reads
// here
typedef struct {
  uint8_t failed;
  int32_t bucket;
  Bytes text;
} StoreResult;

IMPORT("wasmcloud:messaging/consumer@0.2.0", "publish")
void publish(const char* subject, size_t subject_size, const char* body, size_t body_size,
             int32_t has_reply_to, const char* reply_to, size_t reply_to_size, Outcome* out);
IMPORT(STORE, "open") void store_open(const char* name, size_t size, StoreResult* out);
IMPORT(STORE, "[method]bucket.set")
void bucket_set(int32_t self, const char* key, size_t key_size, const char* value, size_t value_size,
                StoreResult* out);
IMPORT(STORE, "[resource-drop]bucket") void bucket_drop(int32_t self);

static Outcome outcome;

static Outcome* fail(const char* reason, size_t size) {
  outcome = (Outcome){.failed = 1, .reason = {reason, size}};
  return &outcome;
}

// Answers with the body in capitals.
EXPORT("wasmcloud:messaging/handler@0.2.0#handle-message")
Outcome* handle_message(char* subject, size_t subject_size, char* body, size_t body_size,
                        int32_t has_reply_to, const char* reply_to, size_t reply_to_size) {
  const Bytes asked = {subject, subject_size};
  if (equal(asked, (Bytes)TEXT("trap"))) __builtin_trap();
  if (body_size == 0) return fail("nothing to say", 14);
  for (size_t i = 0; i < body_size; i++)
    if (body[i] >= 'a' && body[i] <= 'z') body[i] = (char)(body[i] - 32);
  outcome = (Outcome){.failed = 0};
  if (has_reply_to) publish(reply_to, reply_to_size, body, body_size, 0, 0, 0, &outcome);
  return &outcome;
}

static void see(int32_t bucket, const char* key, size_t key_size, const char* value, size_t value_size) {
  StoreResult result;
  bucket_drop(bucket);
  store_open("seen", 4, &result);
  if (result.failed) __builtin_trap();
  int32_t seen = result.bucket;
  bucket_set(seen, key, key_size, value, value_size, &result);
  bucket_drop(seen);
  guest_release_all();
}

EXPORT("wasi:keyvalue/watcher@0.2.0-draft#on-set")
void on_set(int32_t bucket, const char* key, size_t key_size, const char* value, size_t value_size) {
  see(bucket, key, key_size, value, value_size);
}

EXPORT("wasi:keyvalue/watcher@0.2.0-draft#on-delete")
void on_delete(int32_t bucket, const char* key, size_t key_size) {
  see(bucket, key, key_size, "deleted", 7);
}
