// Answering a request with its own body, as it comes in, with its content type and its trailers.
#pragma once

#include "stream_copy.h"
#include "wasi_http.h"

// Ends the incoming body; returns its trailers, if it had any.
static inline bool take_trailers(Handle body, Handle* trailers) {
  Handle future = incoming_body_finish(body);
  FutureResult got;
  future_trailers_get(future, &got);
  if (!got.ready) {
    wait_for(future_trailers_subscribe(future));
    future_trailers_get(future, &got);
  }
  bool present = got.ready && !got.once.taken && !got.once.result.failed && got.once.result.maybe.present;
  if (present) *trailers = got.once.result.maybe.handle;
  future_trailers_drop(future);
  return present;
}

// Takes both handles.
static inline void echo(Handle request, Handle out_param) {
  Handle headers = request_headers(request);
  Field type = {TEXT("content-type"), get_field(headers, (Bytes)TEXT("content-type"))};
  fields_drop(headers);
  HandleResult result;
  request_consume(request, &result);
  Handle body = expect_handle(result);
  incoming_body_stream(body, &result);
  Handle input = expect_handle(result);

  Answer answer = begin_answer(out_param, 200, make_fields(&type, type.value.size ? 1 : 0));
  bool whole = copy_stream(input, answer.stream);
  input_drop(input);
  if (!whole) {
    // A body that is dropped unfinished tells the client that it is cut short.
    incoming_body_drop(body);
    output_drop(answer.stream);
    outgoing_body_drop(answer.body);
  } else {
    Handle trailers = 0;
    bool present = take_trailers(body, &trailers);
    end_answer(answer, present, trailers);
  }
  request_drop(request);
}
