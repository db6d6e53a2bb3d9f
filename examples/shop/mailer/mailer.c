// Writes a mail for each order that was placed: mail-ID in the bucket "mails".
#include "guest.h"

#define STORE "wasi:keyvalue/store@0.2.0-draft"

// result<_, string>
typedef struct {
  uint8_t failed;
  Bytes reason;
} Outcome;

// result<own<bucket>, error> and result<_, error>; of an error only `other` has a text.
typedef struct {
  uint8_t failed;
  union {
    int32_t bucket;
    struct {
      uint8_t which;
      Bytes text;
    } error;
  };
} StoreResult;

IMPORT(STORE, "open") void store_open(const char* name, size_t size, StoreResult* out);
IMPORT(STORE, "[method]bucket.set")
void bucket_set(int32_t self, const char* key, size_t key_size, const char* value, size_t value_size,
                StoreResult* out);
IMPORT(STORE, "[resource-drop]bucket") void bucket_drop(int32_t self);

static Outcome outcome;

static Outcome* fail(Bytes reason) {
  outcome = (Outcome){.failed = 1, .reason = reason};
  return &outcome;
}

static Outcome* store_failed(const StoreResult* result) {
  if (result->error.which == 2) return fail(result->error.text);
  return fail((Bytes)TEXT("the bucket \"mails\" is not to be had"));
}

static char* append(char* at, Bytes text) {
  __builtin_memcpy(at, text.data, text.size);
  return at + text.size;
}

// The text behind "name":" in JSON that the shop's API wrote; empty where there is none.
static Bytes text_of(Bytes json, Bytes name) {
  for (size_t at = 0; at + name.size <= json.size; ++at) {
    if (!starts_with((Bytes){json.data + at, json.size - at}, name)) continue;
    const size_t start = at + name.size;
    size_t end = start;
    while (end < json.size && json.data[end] != '"') ++end;
    return (Bytes){json.data + start, end - start};
  }
  return (Bytes){json.data, 0};
}

EXPORT("wasmcloud:messaging/handler@0.2.0#handle-message")
Outcome* handle_message(const char* subject, size_t subject_size, const char* body, size_t body_size,
                        int32_t has_reply_to, const char* reply_to, size_t reply_to_size) {
  (void)subject, (void)subject_size, (void)has_reply_to, (void)reply_to, (void)reply_to_size;
  const Bytes order = {body, body_size};
  const Bytes id = text_of(order, (Bytes)TEXT("\"id\":\""));
  const Bytes customer = text_of(order, (Bytes)TEXT("\"customer\":\""));
  const Bytes total = text_of(order, (Bytes)TEXT("\"total\":\""));
  if (id.size == 0 || customer.size == 0 || total.size == 0) return fail((Bytes)TEXT("this is no order"));

  char* key = guest_allocate(id.size + 8, 1);
  char* key_end = append(append(key, (Bytes)TEXT("mail-")), id);
  char* mail = guest_allocate(customer.size + id.size + total.size + 64, 1);
  char* mail_end = append(append(mail, (Bytes)TEXT("Dear ")), customer);
  mail_end = append(append(mail_end, (Bytes)TEXT(", your order ")), id);
  mail_end = append(append(append(mail_end, (Bytes)TEXT(" of ")), total), (Bytes)TEXT(" is on its way."));

  StoreResult result;
  store_open("mails", 5, &result);
  if (result.failed) return store_failed(&result);
  const int32_t mails = result.bucket;
  bucket_set(mails, key, (size_t)(key_end - key), mail, (size_t)(mail_end - mail), &result);
  bucket_drop(mails);
  if (result.failed) return store_failed(&result);
  outcome = (Outcome){.failed = 0};
  return &outcome;
}

EXPORT("cabi_post_wasmcloud:messaging/handler@0.2.0#handle-message") void after_message(Outcome* result) {
  (void)result;
  guest_release_all();
}
