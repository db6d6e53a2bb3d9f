// Sends the request's body back as it comes in, with its content type and its trailers.
#include "http_echo.h"

HANDLER void handle(Handle request, Handle out_param) {
  guest_release_all();
  echo(request, out_param);
}
