#include "nats/parser.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace wattle::nats {
namespace {

constexpr size_t kShownBytes = 40;

bool is_space(char c) {
  return c == ' ' || c == '\t';
}

bool same_word(std::string_view word, std::string_view upper) {
  if (word.size() != upper.size()) return false;
  for (size_t i = 0; i < word.size(); ++i) {
    const char c = word[i] >= 'a' && word[i] <= 'z' ? static_cast<char>(word[i] - 32) : word[i];
    if (c != upper[i]) return false;
  }
  return true;
}

std::string_view take_word(std::string_view& line) {
  size_t begin = 0;
  while (begin < line.size() && is_space(line[begin])) ++begin;
  size_t end = begin;
  while (end < line.size() && !is_space(line[end])) ++end;
  const std::string_view word = line.substr(begin, end - begin);
  line.remove_prefix(end);
  return word;
}

bool read_number(std::string_view word, uint64_t& number) {
  const auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), number);
  return problem == std::errc() && end == word.data() + word.size() && !word.empty();
}

// "'text'" without spaces around and quotes.
std::string_view unquote(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  if (text.size() >= 2 && text.front() == '\'' && text.back() == '\'') text = text.substr(1, text.size() - 2);
  return text;
}

// What a broken peer sent, fit for a message to people.
std::string shown(std::string_view line) {
  std::string text;
  for (char c : line.substr(0, kShownBytes)) text += c >= ' ' && c < 0x7f ? c : '?';
  return text;
}

}  // namespace

Parser::Step Parser::refuse(std::string problem) {
  problem_ = std::move(problem);
  return Step::malformed;
}

Parser::Step Parser::next(std::string_view input, Operation& operation) {
  if (!problem_.empty()) return Step::malformed;
  if (input.size() < wanted_ || input.empty()) return Step::more;
  const size_t end = input.find('\n', scanned_);
  if ((end == std::string_view::npos ? input.size() : end) > limits_.line_bytes)
    return refuse(fmt::format("a line of more than {} bytes", limits_.line_bytes));
  if (end == std::string_view::npos) {
    scanned_ = input.size();
    wanted_ = input.size() + 1;
    return Step::more;
  }
  scanned_ = end;  // for a message whose payload is still to come
  wanted_ = 0;
  std::string_view line = input.substr(0, end);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);

  operation = Operation{};
  operation.bytes = end + 1;
  std::string_view rest = line;
  const std::string_view word = take_word(rest);
  if (same_word(word, "MSG")) return read_message(input, rest, false, operation);
  if (same_word(word, "HMSG")) return read_message(input, rest, true, operation);
  if (same_word(word, "PING")) {
    operation.kind = Operation::Kind::ping;
  } else if (same_word(word, "PONG")) {
    operation.kind = Operation::Kind::pong;
  } else if (same_word(word, "+OK")) {
    operation.kind = Operation::Kind::ok;
  } else if (same_word(word, "-ERR")) {
    operation.kind = Operation::Kind::error;
    operation.text = unquote(rest);
  } else if (same_word(word, "INFO")) {
    operation.kind = Operation::Kind::info;
    operation.text = unquote(rest);
  } else {
    return refuse(fmt::format("a line that is not NATS: \"{}\"", shown(line)));
  }
  scanned_ = 0;
  return Step::operation;
}

// SUBJECT SID [REPLY] [HEADER-BYTES] TOTAL-BYTES
Parser::Step Parser::read_message(std::string_view input, std::string_view line, bool has_headers,
                                  Operation& operation) {
  std::array<std::string_view, 5> words;
  size_t count = 0;
  for (std::string_view word = take_word(line); !word.empty(); word = take_word(line)) {
    if (count == words.size()) return refuse("a message line with too many words");
    words[count++] = word;
  }
  const size_t least = has_headers ? 4 : 3;
  if (count != least && count != least + 1) return refuse("a message line with too few or too many words");
  uint64_t header_bytes = 0;
  uint64_t total_bytes = 0;
  if (!read_number(words[1], operation.subscription) || !read_number(words[count - 1], total_bytes) ||
      (has_headers && !read_number(words[count - 2], header_bytes)))
    return refuse("a message line whose numbers are none");
  if (total_bytes > limits_.message_bytes)
    return refuse(fmt::format("a message of more than {} bytes", limits_.message_bytes));
  if (header_bytes > total_bytes) return refuse("a message whose headers are longer than the whole");

  const size_t begin = operation.bytes;
  operation.bytes += total_bytes + 2;
  if (input.size() < operation.bytes) {
    wanted_ = operation.bytes;
    return Step::more;
  }
  if (input.substr(begin + total_bytes, 2) != "\r\n") return refuse("a message that is longer than it says");
  operation.kind = Operation::Kind::message;
  operation.subject = words[0];
  if (count == least + 1) operation.reply = words[2];
  operation.headers = input.substr(begin, header_bytes);
  operation.payload = input.substr(begin + header_bytes, total_bytes - header_bytes);
  scanned_ = 0;
  return Step::operation;
}

}  // namespace wattle::nats
