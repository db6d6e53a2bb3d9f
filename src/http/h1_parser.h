// HTTP/1.1 messages as bytes (RFC 9112): heads, chunks and trailers. Pure functions and small machines on
// spans, without sockets, so that they can be fuzzed. Strict where leniency lets two parsers disagree about
// where a message ends (request smuggling): bare LF, obs-fold, space before a colon, Content-Length next to
// Transfer-Encoding, repeated Content-Length, and codings other than one final "chunked" are all refused.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "http/message.h"

namespace wattle::http {

struct HeadLimits {
  size_t bytes = 32 * 1024;  // the whole head or trailer section
  size_t fields = 128;
  size_t target_bytes = 16 * 1024;
};

// Why a message is refused: what to answer, what to tell, and the reader's words. Text is static.
struct ParseFailure {
  uint16_t status;
  ErrorCase reason;
  std::string_view message;

  Error error() const { return http_error(reason, std::string(message)); }
};

template <class T>
using Parsed = tl::expected<T, ParseFailure>;

// Finds where a head ends, as its bytes come in. One scanner a head.
class HeadScanner {
 public:
  // `input` is everything received of the message so far. The size of the head with its blank line, or 0 when
  // more is needed. Refused: LF without CR, more than `limits.bytes`.
  Parsed<size_t> scan(std::string_view input, const HeadLimits& limits);
  void reset() { scanned_ = line_start_ = 0; }
  // Some bytes of a head have come.
  bool started() const { return scanned_ > 0; }

 private:
  size_t scanned_ = 0;
  size_t line_start_ = 0;
};

enum class Framing : uint8_t { none, length, chunked, until_close };

struct MessageFraming {
  Framing framing = Framing::none;
  uint64_t length = 0;  // for Framing::length
  Protocol protocol = Protocol::http_1_1;
  bool keep_alive = true;
  bool response = false;
  bool expects_continue = false;  // requests: the client waits for 100 before it sends the body
};

// `head` is what HeadScanner delimited. Fills `request` (whose scheme the caller sets) and says how its body
// is framed. Host goes to `authority`; fields of the connection stay out of `fields`.
Parsed<MessageFraming> parse_request_head(std::string_view head, const HeadLimits& limits, Request& request);

// `to_head`: the request was HEAD, so that no body follows.
Parsed<MessageFraming> parse_response_head(std::string_view head, const HeadLimits& limits, bool to_head,
                                           Response& response);

// Takes the framing off a body, span by span.
class BodyDecoder {
 public:
  void begin(const MessageFraming& framing, const HeadLimits& limits);

  struct Step {
    size_t consumed = 0;            // bytes of the input that are used up
    std::span<const uint8_t> data;  // body bytes among them
    bool more_input = false;        // nothing can be done without more input
  };
  // At most `max_data` bytes of data (at least 1). Call again with what is left until done() or more_input.
  Parsed<Step> next(std::span<const uint8_t> input, size_t max_data);
  // The connection ended: fine only for until_close.
  Parsed<void> end_of_input();
  bool done() const { return state_ == State::done; }
  // With `bytes` more and then the connection's end, the body would not be whole for certain.
  bool would_be_cut_after(uint64_t bytes) const;
  uint64_t decoded_bytes() const { return decoded_; }
  // Those that may stand in a trailer section; nothing when there were none. Once done().
  std::optional<Fields> take_trailers();

 private:
  enum class State : uint8_t { done, length, chunk_size, chunk_data, chunk_end, trailers, until_close };
  Parsed<Step> next_chunk_size(std::string_view input);
  Parsed<Step> next_trailers(std::string_view input);
  ErrorCase trailer_size_reason() const {
    return response_ ? ErrorCase::http_response_trailer_section_size
                     : ErrorCase::http_request_trailer_section_size;
  }

  State state_ = State::done;
  HeadLimits limits_;
  bool response_ = false;
  uint64_t remaining_ = 0;
  uint64_t decoded_ = 0;
  size_t extension_bytes_ = 0;
  HeadScanner scanner_;
  std::optional<Fields> trailers_;
};

// HOST, HOST:PORT, [IPv6] or [IPv6]:PORT with characters that may stand there (RFC 3986 section 3.2), no
// userinfo.
bool is_authority(std::string_view text);
// Printable ASCII without spaces: what may stand in a request target.
bool is_target(std::string_view text);

}  // namespace wattle::http
