// Requests, responses and bodies: what the server's handlers, the client's callers and src/wasi exchange.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "async/pipe.h"
#include "http/error.h"
#include "http/fields.h"

namespace wattle::http {

struct Request {
  std::string method = "GET";
  std::string scheme = "http";        // "http" or "https"
  std::string authority;              // HOST or HOST:PORT; not repeated in `fields` as Host
  std::string path_with_query = "/";  // begins with "/"; "*" for OPTIONS *; empty for CONNECT
  Fields fields;

  void clear();  // keeps the memory
};

struct Response {
  uint16_t status = 200;
  Fields fields;

  void clear();
};

// A body in flight: bytes through a pipe, then perhaps trailers. Both sides hold it; errors travel in the
// pipe.
//
// The writer writes, sets `trailers` if there are any, and closes (or aborts) the pipe. The reader reads to
// the end, then looks at `trailers`.
struct Body {
  explicit Body(size_t capacity_bytes = 64 * 1024) : pipe(capacity_bytes) {}

  async::Pipe pipe;
  std::optional<uint64_t> content_length;  // where it is known beforehand
  std::optional<Fields> trailers;
};

// The two ends of a new body. When the last copy of `reader` goes, reading stops; when the last copy of
// `writer` goes while the pipe is open, the body ends with an error: neither side waits for one who has left.
struct BodyEnds {
  std::shared_ptr<Body> reader;
  std::shared_ptr<Body> writer;
};
BodyEnds make_body(size_t capacity_bytes = 64 * 1024);
// One such end of a body whose other end is held by shared_ptr alone.
std::shared_ptr<Body> reading_end(std::shared_ptr<Body> body);
std::shared_ptr<Body> writing_end(std::shared_ptr<Body> body);

// A body that has ended already, holding `bytes`; capacity as needed.
std::shared_ptr<Body> body_of(std::span<const uint8_t> bytes);

// The value of Content-Length; nothing if there is none, or no number.
std::optional<uint64_t> content_length_of(const Fields& fields);

// Reads to the end. Refused: more than `limit_bytes` (invalid), and what the pipe fails with.
Result<std::string> read_all(Body& body, size_t limit_bytes);

inline std::span<const uint8_t> as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

enum class Protocol : uint8_t { http_1_0, http_1_1, http_2 };

// "OK" for 200; empty for an unknown status.
std::string_view reason_phrase(uint16_t status);

}  // namespace wattle::http
