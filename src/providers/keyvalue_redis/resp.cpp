#include "providers/keyvalue_redis/resp.h"

#include <charconv>

namespace wattle::providers::redis {
namespace {

constexpr size_t kLineBytesMax = 64 * 1024;

class Reader {
 public:
  Reader(std::string_view input, const ReplyLimits& limits) : input_(input), limits_(limits) {}

  // False: the input ends before the reply does.
  Result<bool> read(Reply& reply, int depth) {
    std::string_view line;
    WATTLE_TRY(const bool whole, read_line(line));
    if (!whole) return false;
    if (line.empty()) return refuse("an empty line");
    const char sign = line.front();
    line.remove_prefix(1);
    switch (sign) {
      case '+':
      case '-':
        reply.kind = sign == '+' ? Reply::Kind::text : Reply::Kind::error;
        reply.text = line;
        return true;
      case ':': {
        reply.kind = Reply::Kind::integer;
        WATTLE_TRY(reply.integer, number(line));
        return true;
      }
      case '$':
        return read_text(line, reply);
      case '*':
        return read_array(line, reply, depth);
      default:
        return refuse("a line of no kind that it knows");
    }
  }

  size_t position() const { return position_; }
  size_t needed() const { return needed_; }

 private:
  static tl::unexpected<Error> refuse(std::string_view what) {
    return failure(ErrorCode::malformed, "the server's reply has {}", what);
  }

  Result<int64_t> number(std::string_view text) const {
    int64_t value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc() || end != text.data() + text.size()) return refuse("a number that is none");
    return value;
  }

  Result<bool> read_line(std::string_view& line) {
    const size_t end = input_.find("\r\n", position_);
    if (end == std::string_view::npos) {
      if (input_.size() - position_ > kLineBytesMax) return refuse("a line without end");
      needed_ = input_.size() + 1;
      return false;
    }
    if (end - position_ > kLineBytesMax) return refuse("a line that is too long");
    line = input_.substr(position_, end - position_);
    position_ = end + 2;
    return true;
  }

  Result<bool> read_text(std::string_view line, Reply& reply) {
    WATTLE_TRY(const int64_t bytes, number(line));
    if (bytes == -1) return true;  // null
    if (bytes < 0 || static_cast<uint64_t>(bytes) > limits_.text_bytes_max)
      return refuse("a text of a length that is none");
    const auto length = static_cast<size_t>(bytes);
    if (input_.size() - position_ < length + 2) {
      needed_ = position_ + length + 2;
      return false;
    }
    if (input_.substr(position_ + length, 2) != "\r\n") return refuse("a text longer than it says");
    reply.kind = Reply::Kind::text;
    reply.text = input_.substr(position_, length);
    position_ += length + 2;
    return true;
  }

  Result<bool> read_array(std::string_view line, Reply& reply, int depth) {
    WATTLE_TRY(const int64_t count, number(line));
    if (count == -1) return true;  // null
    if (count < 0 || static_cast<uint64_t>(count) > limits_.items_max)
      return refuse("an array of a length that is none");
    if (depth >= limits_.depth_max) return refuse("arrays in arrays without end");
    reply.kind = Reply::Kind::array;
    for (int64_t i = 0; i < count; ++i) {
      WATTLE_TRY(const bool whole, read(reply.items.emplace_back(), depth + 1));
      if (!whole) return false;
    }
    return true;
  }

  std::string_view input_;
  const ReplyLimits& limits_;
  size_t position_ = 0;
  size_t needed_ = 0;
};

}  // namespace

Result<ReplyProgress> read_reply(std::string_view input, Reply& reply, const ReplyLimits& limits) {
  reply = Reply();
  Reader reader(input, limits);
  WATTLE_TRY(const bool whole, reader.read(reply, 0));
  if (whole) return ReplyProgress{.bytes = reader.position(), .needed_bytes = 0};
  return ReplyProgress{.bytes = 0, .needed_bytes = reader.needed()};
}

void append_command(std::string& out, std::span<const std::string_view> words) {
  fmt::format_to(std::back_inserter(out), "*{}\r\n", words.size());
  for (const std::string_view word : words) {
    fmt::format_to(std::back_inserter(out), "${}\r\n", word.size());
    out.append(word).append("\r\n");
  }
}

}  // namespace wattle::providers::redis
