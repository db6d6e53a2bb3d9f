// What a NATS server, or whoever publishes through one, can send: the protocol in one piece and cut at every
// kind of place, which must come to the same operations; headers, which must survive being written again;
// keys, credentials, URLs, subjects and JSON.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "nats/connector.h"
#include "nats/credentials.h"
#include "nats/jetstream_json.h"
#include "nats/message.h"
#include "nats/parser.h"
#include "nats/subject.h"
#include "nats/url.h"

namespace {

using namespace wattle::nats;

constexpr ParserLimits kLimits{.line_bytes = 512, .message_bytes = 4096};

struct Seen {
  Operation::Kind kind;
  uint64_t subscription;
  std::string bytes;
  bool operator==(const Seen&) const = default;
};

// Everything up to the first bytes that are refused or missing. `step` bytes arrive at a time.
std::vector<Seen> read_all(std::string_view input, size_t step) {
  std::vector<Seen> seen;
  Parser parser(kLimits);
  Operation operation;
  size_t begin = 0;
  size_t end = std::min(step, input.size());
  for (;;) {
    const std::string_view piece = input.substr(begin, end - begin);
    switch (parser.next(piece, operation)) {
      case Parser::Step::malformed:
        if (parser.problem().empty()) std::abort();
        return seen;
      case Parser::Step::more:
        if (parser.wanted_bytes() > kLimits.line_bytes + kLimits.message_bytes + 8) std::abort();
        if (end == input.size()) return seen;
        end = std::min(end + step, input.size());
        break;
      case Parser::Step::operation:
        if (operation.bytes == 0 || operation.bytes > piece.size()) std::abort();
        seen.push_back({operation.kind, operation.subscription,
                        std::string(operation.subject)
                            .append(1, '|')
                            .append(operation.reply)
                            .append(1, '|')
                            .append(operation.headers)
                            .append(1, '|')
                            .append(operation.payload)
                            .append(1, '|')
                            .append(operation.text)});
        begin += operation.bytes;
    }
  }
}

void read_headers(std::string_view block) {
  const Headers headers = Headers::parse(block);
  std::string again;
  if (!headers.append_to(again)) return;  // names with bytes that nobody may write
  if (Headers::parse(again).fields() != headers.fields()) std::abort();
}

void read_texts(std::string_view text) {
  if (auto key = KeyPair::from_seed(text); key && key->seed() != text) std::abort();
  (void)kind_of_public_key(text);
  (void)parse_credentials(text);
  if (auto urls = parse_urls(text))
    for (const Url& url : *urls)
      if (auto again = parse_urls(url.text()); !again || !again->front().same_place(url)) std::abort();
  if (check_subject(text) && !(check_pattern(text) && matches(text, text))) std::abort();
  (void)parse_server_info(text);
  (void)json::parse_time(text);
  if (auto answer = read_answer(text)) (void)read_stream_info(*answer);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::vector<Seen> whole = read_all(input, input.size() + 1);
  if (read_all(input, 1 + data[0]) != whole) std::abort();
  if (read_all(input, 1) != whole) std::abort();
  read_headers(input);
  read_texts(input);
  return 0;
}
