// wasi:http/types and wasi:http/outgoing-handler as a guest without a C library imports them.
#pragma once

#include "wasi_io.h"

#define WASI_HTTP "wasi:http/types@" WASI_VERSION
#define WASI_HTTP_OUT "wasi:http/outgoing-handler@" WASI_VERSION
#define HANDLER EXPORT("wasi:http/incoming-handler@" WASI_VERSION "#handle")

typedef struct {
  Bytes name;
  Bytes value;
} Field;

// option<string>, and variants of which only the last case carries a string.
typedef struct {
  uint8_t tag;
  Bytes text;
} TaggedText;

// error-code: 39 cases; the payloads are not looked into here.
typedef struct {
  uint8_t tag;
  uint64_t payload[3];
} ErrorCode;

// result<_, error-code>
typedef struct {
  uint8_t failed;
  ErrorCode error;
} HttpStatus;

// result<T, error-code> where T is an own handle or an option of one.
typedef struct {
  uint8_t failed;
  union {
    Handle handle;
    struct {
      uint8_t present;
      Handle handle;
    } maybe;
    ErrorCode error;
  };
} HttpResult;

// option<result<result<T, error-code>>>; `taken` is set when the value was asked for before.
typedef struct {
  uint8_t ready;
  struct {
    uint8_t taken;
    HttpResult result;
  } once;
} FutureResult;

enum { SCHEME_HTTP = 0, SCHEME_HTTPS = 1 };

IMPORT(WASI_HTTP, "[constructor]fields") Handle fields_new(void);
IMPORT(WASI_HTTP, "[static]fields.from-list")
void fields_from_list(const Field* fields, size_t count, HandleResult* out);
IMPORT(WASI_HTTP, "[method]fields.get")
void fields_get(Handle self, const char* name, size_t size, Bytes* out);
IMPORT(WASI_HTTP, "[method]fields.append")
void fields_append(Handle self, const char* name, size_t name_size, const char* value, size_t value_size,
                   ByteResult* out);
IMPORT(WASI_HTTP, "[resource-drop]fields") void fields_drop(Handle self);

IMPORT(WASI_HTTP, "[method]incoming-request.method") void request_method(Handle self, TaggedText* out);
IMPORT(WASI_HTTP, "[method]incoming-request.path-with-query") void request_path(Handle self, TaggedText* out);
IMPORT(WASI_HTTP, "[method]incoming-request.headers") Handle request_headers(Handle self);
IMPORT(WASI_HTTP, "[method]incoming-request.consume") void request_consume(Handle self, HandleResult* out);
IMPORT(WASI_HTTP, "[resource-drop]incoming-request") void request_drop(Handle self);

IMPORT(WASI_HTTP, "[method]incoming-body.stream") void incoming_body_stream(Handle self, HandleResult* out);
IMPORT(WASI_HTTP, "[static]incoming-body.finish") Handle incoming_body_finish(Handle self);
IMPORT(WASI_HTTP, "[resource-drop]incoming-body") void incoming_body_drop(Handle self);

IMPORT(WASI_HTTP, "[method]future-trailers.subscribe") Handle future_trailers_subscribe(Handle self);
IMPORT(WASI_HTTP, "[method]future-trailers.get") void future_trailers_get(Handle self, FutureResult* out);
IMPORT(WASI_HTTP, "[resource-drop]future-trailers") void future_trailers_drop(Handle self);

IMPORT(WASI_HTTP, "[constructor]outgoing-response") Handle response_new(Handle headers);
IMPORT(WASI_HTTP, "[method]outgoing-response.set-status-code")
int32_t response_set_status(Handle self, int32_t status);
IMPORT(WASI_HTTP, "[method]outgoing-response.body") void response_body(Handle self, HandleResult* out);
IMPORT(WASI_HTTP, "[resource-drop]outgoing-response") void response_drop(Handle self);

IMPORT(WASI_HTTP, "[method]outgoing-body.write") void outgoing_body_write(Handle self, HandleResult* out);
IMPORT(WASI_HTTP, "[static]outgoing-body.finish")
void outgoing_body_finish(Handle self, int32_t has_trailers, Handle trailers, HttpStatus* out);
IMPORT(WASI_HTTP, "[resource-drop]outgoing-body") void outgoing_body_drop(Handle self);

// The eight values after `param` are result<outgoing-response, error-code>, flattened.
IMPORT(WASI_HTTP, "[static]response-outparam.set")
void outparam_set(Handle param, int32_t failed, int32_t response_or_error, int32_t a, int64_t b, int32_t c,
                  int32_t d, int32_t e, int32_t f);

IMPORT(WASI_HTTP, "[constructor]outgoing-request") Handle outgoing_request_new(Handle headers);
IMPORT(WASI_HTTP, "[method]outgoing-request.set-scheme")
int32_t outgoing_request_set_scheme(Handle self, int32_t present, int32_t tag, const char* text, size_t size);
IMPORT(WASI_HTTP, "[method]outgoing-request.set-authority")
int32_t outgoing_request_set_authority(Handle self, int32_t present, const char* text, size_t size);
IMPORT(WASI_HTTP, "[method]outgoing-request.set-path-with-query")
int32_t outgoing_request_set_path(Handle self, int32_t present, const char* text, size_t size);
IMPORT(WASI_HTTP_OUT, "handle")
void outgoing_handle(Handle request, int32_t has_options, Handle options, HttpResult* out);

IMPORT(WASI_HTTP, "[method]future-incoming-response.subscribe") Handle future_response_subscribe(Handle self);
IMPORT(WASI_HTTP, "[method]future-incoming-response.get")
void future_response_get(Handle self, FutureResult* out);
IMPORT(WASI_HTTP, "[resource-drop]future-incoming-response") void future_response_drop(Handle self);
IMPORT(WASI_HTTP, "[method]incoming-response.status") int32_t incoming_response_status(Handle self);
IMPORT(WASI_HTTP, "[method]incoming-response.headers") Handle incoming_response_headers(Handle self);
IMPORT(WASI_HTTP, "[method]incoming-response.consume")
void incoming_response_consume(Handle self, HandleResult* out);
IMPORT(WASI_HTTP, "[resource-drop]incoming-response") void incoming_response_drop(Handle self);

static inline Handle expect_handle(HandleResult result) {
  if (result.failed) __builtin_trap();
  return result.handle;
}

static inline Handle make_fields(const Field* fields, size_t count) {
  HandleResult result;
  fields_from_list(fields, count, &result);
  return expect_handle(result);
}

// Value of the first field of that name; empty where there is none.
static inline Bytes get_field(Handle fields, Bytes name) {
  Bytes list;
  fields_get(fields, name.data, name.size, &list);
  Bytes none = {"", 0};
  return list.size ? *(const Bytes*)list.data : none;
}

// A response under way: its head is with the host, its body is not yet finished.
typedef struct {
  Handle body;
  Handle stream;
} Answer;

static inline Answer begin_answer(Handle out_param, int32_t status, Handle headers) {
  Handle response = response_new(headers);
  if (status != 200 && response_set_status(response, status)) __builtin_trap();
  HandleResult result;
  response_body(response, &result);
  Answer answer = {.body = expect_handle(result)};
  outparam_set(out_param, 0, response, 0, 0, 0, 0, 0, 0);
  outgoing_body_write(answer.body, &result);
  answer.stream = expect_handle(result);
  return answer;
}

static inline void end_answer(Answer answer, int32_t has_trailers, Handle trailers) {
  output_drop(answer.stream);
  HttpStatus status;
  outgoing_body_finish(answer.body, has_trailers, trailers, &status);
}

static inline void answer_text(Handle out_param, int32_t status, Bytes text) {
  Field type = {TEXT("content-type"), TEXT("text/plain")};
  Answer answer = begin_answer(out_param, status, make_fields(&type, 1));
  write_all(answer.stream, text.data, text.size);
  end_answer(answer, 0, 0);
}
