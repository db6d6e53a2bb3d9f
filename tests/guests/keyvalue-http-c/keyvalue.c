// A key-value bucket over HTTP: /set/KEY/VALUE, /get/KEY and /delete/KEY in the bucket "default", 404 for a
// key that is not there, 500 with the store's own words for its errors.
#include "wasi_http.h"

#define STORE "wasi:keyvalue/store@0.2.0-draft"

// result<own<bucket>, error>, result<option<list<u8>>, error> and result<_, error>
typedef struct {
  uint8_t failed;
  union {
    Handle bucket;
    uint8_t present;
    uint8_t kind;
  };
  Bytes text;
} StoreResult;

IMPORT(STORE, "open") void store_open(const char* name, size_t size, StoreResult* out);
IMPORT(STORE, "[method]bucket.get")
void bucket_get(Handle self, const char* key, size_t key_size, StoreResult* out);
IMPORT(STORE, "[method]bucket.set")
void bucket_set(Handle self, const char* key, size_t key_size, const char* value, size_t value_size,
                StoreResult* out);
IMPORT(STORE, "[method]bucket.delete")
void bucket_delete(Handle self, const char* key, size_t key_size, StoreResult* out);
IMPORT(STORE, "[resource-drop]bucket") void bucket_drop(Handle self);

// What comes before the first slash; `rest` is left with what follows it.
static Bytes take_part(Bytes* rest) {
  size_t size = 0;
  while (size < rest->size && rest->data[size] != '/') size++;
  Bytes part = {rest->data, size};
  if (size < rest->size) size++;
  *rest = (Bytes){rest->data + size, rest->size - size};
  return part;
}

static void answer_error(Handle out_param, StoreResult result) {
  static const Bytes kKinds[] = {TEXT("no such store"), TEXT("access denied")};
  answer_text(out_param, 500, result.kind < 2 ? kKinds[result.kind] : result.text);
}

static void serve(Handle bucket, Bytes verb, Bytes key, Bytes value, Handle out_param) {
  StoreResult result;
  if (equal(verb, (Bytes)TEXT("set"))) {
    bucket_set(bucket, key.data, key.size, value.data, value.size, &result);
  } else if (equal(verb, (Bytes)TEXT("delete"))) {
    bucket_delete(bucket, key.data, key.size, &result);
  } else {
    bucket_get(bucket, key.data, key.size, &result);
    if (!result.failed && !result.present) return answer_text(out_param, 404, (Bytes)TEXT("no such key"));
    if (!result.failed) return answer_text(out_param, 200, result.text);
  }
  if (result.failed) return answer_error(out_param, result);
  answer_text(out_param, 200, (Bytes)TEXT("done"));
}

HANDLER void handle(Handle request, Handle out_param) {
  guest_release_all();
  TaggedText path;
  request_path(request, &path);
  request_drop(request);
  Bytes rest = path.tag ? path.text : (Bytes)TEXT("/");
  take_part(&rest);
  Bytes verb = take_part(&rest);
  Bytes key = take_part(&rest);
  StoreResult opened;
  store_open("default", 7, &opened);
  if (opened.failed) return answer_error(out_param, opened);
  serve(opened.bucket, verb, key, rest, out_param);
  bucket_drop(opened.bucket);
}
