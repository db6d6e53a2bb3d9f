// Tokens of WIT text, with their places and the documentation in front of them.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "wit/ast.h"

namespace wattle::wit {

enum class TokenKind : uint8_t {
  identifier,          // a label; `text` without %
  escaped_identifier,  // written with %: never a keyword
  integer,
  string,       // "..."; `text` with its quotes
  punctuation,  // one of = , : ; ( ) { } < > * / . @ _ or ->
  end,
};

struct Token {
  TokenKind kind = TokenKind::end;
  std::string_view text;
  ast::Position position;
  size_t offset = 0;  // bytes from the start of the text
  std::string documentation;
};

// Reads tokens one after the other. `text` must outlive it and be UTF-8.
class Lexer {
 public:
  Lexer(std::string_view file_name, std::string_view text) : file_name_(file_name), text_(text) {}

  // The next token; at the end, and ever after, kind `end`. Refuses characters that WIT does not know, labels
  // that are not kebab-case and comments without end.
  Result<Token> next();
  // A semantic version, which must start right here; for after "@" and "version =".
  Result<Version> version();

  // "file.wit:3:14: message"
  tl::unexpected<Error> error_at(ast::Position position, std::string_view message) const;
  // 'word' or "the end of the file", for messages.
  static std::string describe(const Token& token);
  ast::Position position() const { return position_; }

 private:
  Result<void> skip_space(std::string& documentation);
  Result<void> block_comment(std::string& documentation);
  void advance(size_t bytes);
  Result<Token> label(Token token);
  Result<Token> string(Token token);

  std::string_view file_name_;
  std::string_view text_;
  size_t offset_ = 0;
  ast::Position position_;
};

// Whether WIT reserves the word, so that an identifier of that name is written with %.
bool is_wit_keyword(std::string_view word);

}  // namespace wattle::wit
