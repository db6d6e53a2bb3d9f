// HTTP/1.1 as a server and a client read it: head, framing and body, in one piece and cut into two, which
// must come to the same bytes.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "http/h1_parser.h"

namespace {

using namespace wattle::http;

constexpr HeadLimits kLimits{.bytes = 4096, .fields = 32, .target_bytes = 1024};

// The body's bytes, or nothing where it is refused or not whole. `cut` bytes come first.
std::optional<std::string> decode_body(const MessageFraming& framing, std::string_view input, size_t cut) {
  BodyDecoder decoder;
  decoder.begin(framing, kLimits);
  std::string body;
  size_t used = 0;
  size_t available = cut;
  while (!decoder.done()) {
    const std::string_view piece = input.substr(used, available - used);
    const auto step = decoder.next({reinterpret_cast<const uint8_t*>(piece.data()), piece.size()}, 1000);
    if (!step) return std::nullopt;
    if (step->consumed > piece.size()) std::abort();
    body.append(reinterpret_cast<const char*>(step->data.data()), step->data.size());
    used += step->consumed;
    if (!step->more_input) {
      if (step->consumed == 0 && step->data.empty() && !decoder.done()) std::abort();  // no progress
      continue;
    }
    if (available == input.size()) {
      if (!decoder.end_of_input()) return std::nullopt;
      break;
    }
    available = input.size();
  }
  if (decoder.decoded_bytes() != body.size()) std::abort();
  return body;
}

void read_message(bool is_request, std::string_view input, size_t cut) {
  HeadScanner scanner;
  auto head_bytes = scanner.scan(input.substr(0, std::min(cut, input.size())), kLimits);
  if (head_bytes && *head_bytes == 0) head_bytes = scanner.scan(input, kLimits);
  HeadScanner at_once;
  const auto same = at_once.scan(input, kLimits);
  if (head_bytes.has_value() != same.has_value() || (same && *same != *head_bytes)) std::abort();
  if (!head_bytes || *head_bytes == 0) return;
  if (*head_bytes > input.size()) std::abort();

  const std::string_view head = input.substr(0, *head_bytes);
  Request request;
  Response response;
  const auto framing = is_request ? parse_request_head(head, kLimits, request)
                                  : parse_response_head(head, kLimits, false, response);
  if (!framing) return;
  if (is_request && (!is_target(request.path_with_query) && !request.path_with_query.empty())) std::abort();
  const std::string_view rest = input.substr(*head_bytes);
  if (decode_body(*framing, rest, rest.size()) != decode_body(*framing, rest, std::min(cut, rest.size())))
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 2, size - 2);
  read_message(data[0] % 2 == 0, input, data[1]);
  return 0;
}
