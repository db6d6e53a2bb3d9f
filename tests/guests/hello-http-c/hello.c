// The smallest honest HTTP handler: nine host calls a request, no memory but the stack. bench/ measures with
// it.
#include "wasi_http.h"

HANDLER void handle(Handle request, Handle out_param) {
  request_drop(request);
  answer_text(out_param, 200, (Bytes)TEXT("hello from wattle\n"));
}
