// Redis's protocol, RESP2: commands as arrays of bulk strings, replies of five kinds.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace wattle::providers::redis {

struct Reply {
  enum class Kind : uint8_t { null, text, error, integer, array };
  Kind kind = Kind::null;
  std::string text;  // of text and error
  int64_t integer = 0;
  std::vector<Reply> items;
};

struct ReplyLimits {
  size_t text_bytes_max = 512 * 1024 * 1024;  // Redis's own bound of a value
  size_t items_max = 1024 * 1024;             // of one array
  int depth_max = 7;
};

// What reading a reply came to.
struct ReplyProgress {
  size_t bytes = 0;         // of the reply; 0: it is not all there
  size_t needed_bytes = 1;  // then: how much input there must be before trying again is of use
};

// Reads the reply at the beginning of `input`. Refused (malformed): what is none, and what is above a limit.
Result<ReplyProgress> read_reply(std::string_view input, Reply& reply, const ReplyLimits& limits = {});

void append_command(std::string& out, std::span<const std::string_view> words);

}  // namespace wattle::providers::redis
