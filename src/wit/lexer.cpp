#include "wit/lexer.h"

#include <algorithm>
#include <array>

#include "wit/transcode.h"

namespace wattle::wit {
namespace {

constexpr uint32_t kMaxCommentDepth = 100;

// Sorted, for binary search (WIT.md "Keywords").
constexpr std::array<std::string_view, 42> kKeywords = {
    "as",  "async",  "bool",   "borrow",  "char",   "constructor", "enum",    "export",    "f32",
    "f64", "flags",  "from",   "func",    "future", "import",      "include", "interface", "list",
    "map", "option", "own",    "package", "record", "resource",    "result",  "s16",       "s32",
    "s64", "s8",     "static", "stream",  "string", "tuple",       "type",    "u16",       "u32",
    "u64", "u8",     "use",    "variant", "with",   "world"};
static_assert(std::is_sorted(kKeywords.begin(), kKeywords.end()));

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_label_character(char c) {
  return is_digit(c) || is_letter(c) || c == '-';
}

// One line of documentation, without what comments commonly start and end with.
void append_documentation(std::string& documentation, std::string_view line) {
  if (line.starts_with(' ')) line.remove_prefix(1);
  while (!line.empty() && (line.back() == ' ' || line.back() == '\r')) line.remove_suffix(1);
  if (!documentation.empty()) documentation += '\n';
  documentation += line;
}

}  // namespace

bool is_wit_keyword(std::string_view word) {
  return std::binary_search(kKeywords.begin(), kKeywords.end(), word);
}

tl::unexpected<Error> Lexer::error_at(ast::Position position, std::string_view message) const {
  return failure(ErrorCode::malformed, "{}:{}:{}: {}", file_name_, position.line, position.column, message);
}

std::string Lexer::describe(const Token& token) {
  if (token.kind == TokenKind::end) return "the end of the file";
  return fmt::format("'{}{}'", token.kind == TokenKind::escaped_identifier ? "%" : "", token.text);
}

void Lexer::advance(size_t bytes) {
  for (size_t i = 0; i < bytes; i++) {
    char c = text_[offset_++];
    if (c == '\n') {
      position_.line++;
      position_.column = 1;
    } else if ((static_cast<uint8_t>(c) & 0xc0) != 0x80) {
      position_.column++;
    }
  }
}

// From "/*" to the "*/" that balances it.
Result<void> Lexer::block_comment(std::string& documentation) {
  ast::Position start = position_;
  std::string_view rest = text_.substr(offset_);
  size_t end = 2;
  for (uint32_t depth = 1; depth > 0;) {
    size_t mark = rest.find_first_of("*/", end);
    if (mark == rest.npos || mark + 1 >= rest.size())
      return error_at(start, "the comment does not end: */ is missing");
    std::string_view pair = rest.substr(mark, 2);
    end = mark + (pair == "*/" || pair == "/*" ? 2 : 1);
    if (pair == "*/") depth--;
    if (pair == "/*" && ++depth > kMaxCommentDepth) return error_at(start, "comments are nested too deeply");
  }
  if (rest.starts_with("/**") && end > 5) append_documentation(documentation, rest.substr(3, end - 5));
  advance(end);
  return {};
}

Result<void> Lexer::skip_space(std::string& documentation) {
  while (offset_ < text_.size()) {
    std::string_view rest = text_.substr(offset_);
    if (rest.starts_with("//")) {
      size_t end = std::min(rest.find('\n'), rest.size());
      if (rest.starts_with("///")) append_documentation(documentation, rest.substr(3, end - 3));
      advance(end);
    } else if (rest.starts_with("/*")) {
      WATTLE_CHECK(block_comment(documentation));
    } else if (rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\n' || rest[0] == '\r') {
      advance(1);
    } else {
      break;
    }
  }
  return {};
}

Result<Token> Lexer::next() {
  Token token;
  WATTLE_CHECK(skip_space(token.documentation));
  token.position = position_;
  token.offset = offset_;
  if (offset_ == text_.size()) return token;
  std::string_view rest = text_.substr(offset_);
  char first = rest[0];
  if (is_letter(first) || first == '%') return label(std::move(token));
  if (first == '"') return string(std::move(token));
  if (is_digit(first)) {
    size_t length = 1;
    while (length < rest.size() && is_digit(rest[length])) length++;
    token.kind = TokenKind::integer;
    token.text = rest.substr(0, length);
  } else if (rest.starts_with("->")) {
    token.kind = TokenKind::punctuation;
    token.text = rest.substr(0, 2);
  } else if (std::string_view("=,:;(){}<>*/.@_").find(first) != std::string_view::npos) {
    token.kind = TokenKind::punctuation;
    token.text = rest.substr(0, 1);
  } else {
    size_t at = 0;
    char32_t character = next_utf8(rest, at);
    if (character < 0x20 || character == 0x7f)
      return error_at(position_, fmt::format("the control character {:#x} has no place here",
                                             static_cast<uint32_t>(character)));
    return error_at(position_, fmt::format("the character '{}' has no place here", rest.substr(0, at)));
  }
  advance(token.text.size());
  return token;
}

Result<Token> Lexer::label(Token token) {
  std::string_view rest = text_.substr(offset_);
  size_t start = rest[0] == '%' ? 1 : 0;
  size_t end = start;
  // "->" right after a label is no part of it.
  while (end < rest.size() && is_label_character(rest[end]) && !rest.substr(end).starts_with("->")) end++;
  token.kind = start == 1 ? TokenKind::escaped_identifier : TokenKind::identifier;
  token.text = rest.substr(start, end - start);
  if (!is_label(token.text))
    return error_at(token.position,
                    fmt::format("'{}' is not a kebab-case name: words of letters and digits, each in "
                                "one case, with single hyphens between",
                                rest.substr(0, std::max<size_t>(end, 1))));
  advance(end);
  return token;
}

Result<Token> Lexer::string(Token token) {
  std::string_view rest = text_.substr(offset_);
  size_t end = 1;
  while (end < rest.size() && rest[end] != '"' && rest[end] != '\n') end += rest[end] == '\\' ? 2 : 1;
  if (end >= rest.size() || rest[end] != '"')
    return error_at(token.position, "the string does not end: \" is missing");
  token.kind = TokenKind::string;
  token.text = rest.substr(0, end + 1);
  advance(end + 1);
  return token;
}

Result<Version> Lexer::version() {
  std::string unused;
  WATTLE_CHECK(skip_space(unused));
  size_t length = version_length(text_.substr(offset_));
  if (length == 0) return error_at(position_, "expected a semantic version like 0.2.0");
  Result<Version> version = parse_version(text_.substr(offset_, length));
  advance(length);
  return version;
}

}  // namespace wattle::wit
