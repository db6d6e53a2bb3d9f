// The NATS client protocol, as the server speaks it: INFO, MSG, HMSG, PING, PONG, +OK and -ERR. The parser
// looks at bytes that its caller keeps, copies none, and remembers only how far it has looked.
//
//   Operation operation;
//   while (parser.next(input, operation) == Parser::Step::operation) {
//     ...                                         // its views point into `input`
//     input.remove_prefix(operation.bytes);
//   }
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace wattle::nats {

struct Operation {
  enum class Kind : uint8_t { info, message, ping, pong, ok, error };
  Kind kind = Kind::ok;
  std::string_view text;  // of info: JSON; of error: the text between the quotes
  std::string_view subject;
  std::string_view reply;    // empty if there is none
  std::string_view headers;  // the block with its version line; empty if there is none
  std::string_view payload;
  uint64_t subscription = 0;
  size_t bytes = 0;  // how much of the input it takes
};

struct ParserLimits {
  size_t line_bytes = 64 * 1024;  // INFO lists all servers of a cluster
  size_t message_bytes = 64 * 1024 * 1024;
};

class Parser {
 public:
  Parser() = default;
  explicit Parser(ParserLimits limits) : limits_(limits) {}

  enum class Step : uint8_t { operation, more, malformed };
  // Reads the operation that `input` begins with. more: it is not whole; call again with the same bytes and
  // more behind them. malformed: problem() says why, and the connection is of no use any more.
  Step next(std::string_view input, Operation& operation);
  // After `more`: how long the input must be at least before asking again makes sense.
  size_t wanted_bytes() const { return wanted_; }
  const std::string& problem() const { return problem_; }

 private:
  Step read_message(std::string_view input, std::string_view line, bool has_headers, Operation& operation);
  Step refuse(std::string problem);

  ParserLimits limits_;
  size_t scanned_ = 0;  // no line ends before this
  size_t wanted_ = 0;
  std::string problem_;
};

}  // namespace wattle::nats
