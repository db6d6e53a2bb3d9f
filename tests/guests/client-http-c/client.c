// Fetches http://AUTHORITY/PATH, named by the request's headers wattle-authority and wattle-path (and, for
// https, wattle-scheme), and answers with the status, content type and body that it got. 502 names the
// error-code's case.
#include "stream_copy.h"
#include "wasi_http.h"

static void answer_failure(Handle out_param, ErrorCode error) {
  static char text[64] = "the outgoing request failed: error-code case ";
  size_t size = sizeof("the outgoing request failed: error-code case ") - 1;
  size += write_decimal(text + size, error.tag);
  text[size++] = '\n';
  answer_text(out_param, 502, (Bytes){text, size});
}

// Sends the request and waits for the head of the response.
static HttpResult fetch(Handle request) {
  HttpResult sent;
  outgoing_handle(request, 0, 0, &sent);
  if (sent.failed) return sent;
  Handle future = sent.handle;
  FutureResult got;
  future_response_get(future, &got);
  while (!got.ready) {
    wait_for(future_response_subscribe(future));
    future_response_get(future, &got);
  }
  if (got.once.taken) __builtin_trap();
  future_response_drop(future);
  return got.once.result;
}

static void forward(Handle response, Handle out_param) {
  Handle headers = incoming_response_headers(response);
  Field type = {TEXT("content-type"), get_field(headers, (Bytes)TEXT("content-type"))};
  fields_drop(headers);
  HandleResult result;
  incoming_response_consume(response, &result);
  Handle body = expect_handle(result);
  incoming_body_stream(body, &result);
  Handle input = expect_handle(result);
  Handle answer_fields = make_fields(&type, type.value.size ? 1 : 0);
  Answer answer = begin_answer(out_param, incoming_response_status(response), answer_fields);
  bool whole = copy_stream(input, answer.stream);
  input_drop(input);
  incoming_body_drop(body);
  incoming_response_drop(response);
  if (whole) {
    end_answer(answer, 0, 0);
  } else {
    output_drop(answer.stream);
    outgoing_body_drop(answer.body);
  }
}

HANDLER void handle(Handle request, Handle out_param) {
  guest_release_all();
  Handle headers = request_headers(request);
  Bytes authority = get_field(headers, (Bytes)TEXT("wattle-authority"));
  Bytes path = get_field(headers, (Bytes)TEXT("wattle-path"));
  Bytes scheme = get_field(headers, (Bytes)TEXT("wattle-scheme"));
  fields_drop(headers);
  request_drop(request);
  if (!authority.size || !path.size) {
    answer_text(out_param, 400, (Bytes)TEXT("set the headers wattle-authority and wattle-path\n"));
    return;
  }
  Handle outgoing = outgoing_request_new(fields_new());
  int32_t tag = equal(scheme, (Bytes)TEXT("https")) ? SCHEME_HTTPS : SCHEME_HTTP;
  int32_t refused = outgoing_request_set_scheme(outgoing, 1, tag, 0, 0) |
                    outgoing_request_set_authority(outgoing, 1, authority.data, authority.size) |
                    outgoing_request_set_path(outgoing, 1, path.data, path.size);
  if (refused) {
    answer_text(out_param, 400, (Bytes)TEXT("the host refused the authority or the path\n"));
    return;
  }
  HttpResult response = fetch(outgoing);
  if (response.failed) {
    answer_failure(out_param, response.error);
  } else {
    forward(response.handle, out_param);
  }
}
