#include "nats/subject.h"

#include <sodium.h>

namespace wattle::nats {
namespace {

// Refuses `text`, or returns nothing. One pass, since every message's subject comes through here.
Result<void> check(std::string_view text, bool wildcards) {
  const auto refuse = [&](std::string_view why) {
    return failure(ErrorCode::invalid_argument, "\"{}\" is not a NATS subject: {}",
                   text.substr(0, kSubjectBytesMax), why);
  };
  if (text.empty()) return refuse("it is empty");
  if (text.size() > kSubjectBytesMax) return refuse("it is too long");
  size_t word = 0;  // where the current word begins
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] != '.') {
      if (static_cast<unsigned char>(text[i]) <= ' ' || text[i] == 0x7f)
        return refuse("it holds a space or a control character");
      continue;
    }
    if (i == word) return refuse("it has an empty word");
    if (i == word + 1 && (text[word] == '*' || text[word] == '>')) {
      if (!wildcards) return refuse("it holds a wildcard");
      if (text[word] == '>' && i != text.size()) return refuse("\">\" stands before its end");
    }
    word = i + 1;
  }
  return {};
}

}  // namespace

Result<void> check_subject(std::string_view subject) {
  return check(subject, false);
}

Result<void> check_pattern(std::string_view pattern) {
  return check(pattern, true);
}

bool matches(std::string_view pattern, std::string_view subject) {
  for (;;) {
    if (pattern == ">") return true;
    const size_t pattern_end = pattern.find('.');
    const size_t subject_end = subject.find('.');
    if (pattern.substr(0, pattern_end) != "*" &&
        pattern.substr(0, pattern_end) != subject.substr(0, subject_end))
      return false;
    if (pattern_end == std::string_view::npos || subject_end == std::string_view::npos)
      return pattern_end == subject_end;
    pattern.remove_prefix(pattern_end + 1);
    subject.remove_prefix(subject_end + 1);
  }
}

std::string unique_name() {
  constexpr std::string_view kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::string name(22, '0');
  for (char& c : name) c = kDigits[randombytes_uniform(static_cast<uint32_t>(kDigits.size()))];
  return name;
}

}  // namespace wattle::nats
