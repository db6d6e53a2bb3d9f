#include "component/names.h"

#include <algorithm>
#include <array>

#include "component/reader.h"

namespace wattle::component {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}

tl::unexpected<Error> refuse(uint64_t offset, std::string message) {
  return failure(error_at(ErrorCode::invalid, offset, message));
}

// Walks over a name from the left; everything it hands out is a view into it.
class NameCursor {
 public:
  NameCursor(std::string_view text, uint64_t offset) : rest_(text), offset_(offset) {}

  std::string_view rest() const { return rest_; }
  uint64_t offset() const { return offset_; }

  bool take(std::string_view prefix) {
    if (!rest_.starts_with(prefix)) return false;
    rest_.remove_prefix(prefix.size());
    return true;
  }
  Result<void> expect(std::string_view prefix) {
    if (take(prefix)) return {};
    return refuse(offset_, fmt::format("expected `{}` at `{}`", prefix, rest_));
  }
  // Everything in front of `end`, which stays.
  Result<std::string_view> take_before(char end) {
    const size_t length = rest_.find(end);
    if (length == std::string_view::npos)
      return refuse(offset_, fmt::format("failed to find `{}` character", end));
    return take_count(length);
  }
  std::string_view take_rest() { return take_count(rest_.size()); }
  // The longest run of characters that a label may have, as a label.
  Result<std::string_view> take_label() {
    size_t length = 0;
    while (length < rest_.size() && (is_lower(rest_[length]) || is_upper(rest_[length]) ||
                                     is_digit(rest_[length]) || rest_[length] == '-'))
      length += 1;
    return check_label(take_count(length));
  }
  Result<std::string_view> check_label(std::string_view label) const {
    if (!is_kebab_case(label)) return refuse(offset_, fmt::format("`{}` is not in kebab case", label));
    return label;
  }

 private:
  std::string_view take_count(size_t length) {
    const auto taken = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return taken;
  }
  std::string_view rest_;
  uint64_t offset_;
};

Result<void> check_version(std::string_view text, uint64_t offset) {
  if (auto version = check_semantic_version(text, offset); !version)
    return refuse(offset, fmt::format("`{}` is not a valid semver: {}", text, version.error().message()));
  return {};
}

Result<void> take_lower_case_label(NameCursor& cursor) {
  WATTLE_TRY(const auto label, cursor.take_label());
  const auto upper = std::find_if(label.begin(), label.end(), is_upper);
  if (upper != label.end())
    return refuse(cursor.offset(),
                  fmt::format("character `{}` is not lowercase in package name/namespace", *upper));
  return {};
}

// namespace ":" package ("/" projection)?
Result<void> take_package_path(NameCursor& cursor, bool needs_projection) {
  WATTLE_CHECK(take_lower_case_label(cursor));
  WATTLE_CHECK(cursor.expect(":"));
  WATTLE_CHECK(take_lower_case_label(cursor));
  if (cursor.take("/")) {
    WATTLE_CHECK(cursor.take_label());
    return {};
  }
  if (needs_projection) return refuse(cursor.offset(), "expected `/` after package name");
  return {};
}

bool is_base64(std::string_view text) {
  const size_t padding = text.size() - std::min(text.size(), text.find_last_not_of('=') + 1);
  const auto body = text.substr(0, text.size() - padding);
  return !body.empty() && padding <= 2 && std::all_of(body.begin(), body.end(), [](char c) {
    return is_digit(c) || is_lower(c) || is_upper(c) || c == '+' || c == '/';
  });
}

// One "ALGORITHM-BASE64?OPTIONS" of integrity metadata.
Result<void> check_hash(std::string_view hash, uint64_t offset) {
  std::string_view rest = hash;
  bool known = false;
  for (const std::string_view algorithm : {"sha256", "sha384", "sha512"}) {
    if (known || !rest.starts_with(algorithm)) continue;
    rest.remove_prefix(algorithm.size());
    known = true;
  }
  if (!known) return refuse(offset, fmt::format("unrecognized hash algorithm: `{}`", hash));
  if (!rest.starts_with('-'))
    return refuse(offset, fmt::format("expected `-` after hash algorithm: {}", hash));
  rest.remove_prefix(1);
  rest = rest.substr(0, rest.find('?'));
  if (!is_base64(rest)) return refuse(offset, fmt::format("not valid base64: `{}`", rest));
  return {};
}

// Hashes separated by white space, up to ">".
Result<void> take_integrity(NameCursor& cursor) {
  WATTLE_TRY(std::string_view metadata, cursor.take_before('>'));
  bool any = false;
  while (true) {
    const size_t start = metadata.find_first_not_of(" \t\n\r");
    if (start == std::string_view::npos) break;
    metadata.remove_prefix(start);
    const size_t length = std::min(metadata.find_first_of(" \t\n\r"), metadata.size());
    WATTLE_CHECK(check_hash(metadata.substr(0, length), cursor.offset()));
    metadata.remove_prefix(length);
    any = true;
  }
  if (!any) return refuse(cursor.offset(), "integrity hash cannot be empty");
  return cursor.expect(">");
}

Result<void> take_optional_integrity(NameCursor& cursor) {
  if (!cursor.take(",")) return {};
  WATTLE_CHECK(cursor.expect("integrity=<"));
  return take_integrity(cursor);
}

// "*", ">=LOW", "<HIGH" or ">=LOW <HIGH".
Result<void> check_version_range(std::string_view range, uint64_t offset) {
  if (range.starts_with(">=")) {
    range.remove_prefix(2);
    const size_t space = range.find(' ');
    WATTLE_CHECK(check_version(range.substr(0, space), offset));
    if (space == std::string_view::npos) return {};
    range.remove_prefix(space + 1);
    if (!range.starts_with('<')) return refuse(offset, "expected `<` at start of version range upper bounds");
    return check_version(range.substr(1), offset);
  }
  if (range.starts_with('<')) return check_version(range.substr(1), offset);
  return refuse(offset, "expected `>=` or `<` at start of version range");
}

Result<void> take_unlocked_dependency(NameCursor& cursor) {
  WATTLE_CHECK(cursor.expect("<"));
  WATTLE_CHECK(take_package_path(cursor, false));
  if (cursor.take("@") && !cursor.take("*")) {
    WATTLE_CHECK(cursor.expect("{"));
    WATTLE_TRY(const auto range, cursor.take_before('}'));
    WATTLE_CHECK(cursor.expect("}"));
    WATTLE_CHECK(check_version_range(range, cursor.offset()));
  }
  return cursor.expect(">");
}

Result<void> take_locked_dependency(NameCursor& cursor) {
  WATTLE_CHECK(cursor.expect("<"));
  WATTLE_CHECK(take_package_path(cursor, false));
  if (cursor.take("@")) {
    auto version = cursor.take_before('>');
    WATTLE_CHECK(check_version(version ? *version : cursor.take_rest(), cursor.offset()));
  }
  WATTLE_CHECK(cursor.expect(">"));
  return take_optional_integrity(cursor);
}

Result<void> take_url(NameCursor& cursor) {
  WATTLE_CHECK(cursor.expect("<"));
  WATTLE_TRY(const auto url, cursor.take_before('>'));
  if (url.find('<') != std::string_view::npos) return refuse(cursor.offset(), "url cannot contain `<`");
  WATTLE_CHECK(cursor.expect(">"));
  return take_optional_integrity(cursor);
}

Result<void> take_member(NameCursor& cursor, ExternName& name) {
  WATTLE_TRY(const auto resource, cursor.take_before('.'));
  WATTLE_TRY(name.resource, cursor.check_label(resource));
  cursor.take(".");
  return cursor.check_label(cursor.take_rest()).map([](auto) {});
}

Result<void> parse_into(NameCursor& cursor, ExternName& name) {
  using Kind = ExternName::Kind;
  if (cursor.take("[constructor]")) {
    name.kind = Kind::constructor;
    WATTLE_TRY(name.resource, cursor.check_label(cursor.take_rest()));
    return {};
  }
  if (cursor.take("[method]")) {
    name.kind = Kind::method;
    return take_member(cursor, name);
  }
  if (cursor.take("[static]")) {
    name.kind = Kind::static_function;
    return take_member(cursor, name);
  }
  if (cursor.take("unlocked-dep=")) {
    name.kind = Kind::dependency;
    return take_unlocked_dependency(cursor);
  }
  if (cursor.take("locked-dep=")) {
    name.kind = Kind::dependency;
    return take_locked_dependency(cursor);
  }
  if (cursor.take("url=")) {
    name.kind = Kind::url;
    return take_url(cursor);
  }
  if (cursor.take("integrity=")) {
    name.kind = Kind::hash;
    WATTLE_CHECK(cursor.expect("<"));
    return take_integrity(cursor);
  }
  if (name.text.find(':') == std::string_view::npos)
    return cursor.check_label(cursor.take_rest()).map([](auto) {});
  name.kind = Kind::interface;
  WATTLE_CHECK(take_package_path(cursor, true));
  if (cursor.take("@")) {
    name.has_version = true;
    name.version = cursor.take_rest();
  }
  return {};
}

// Dot-separated identifiers of a pre-release or a build.
Result<void> check_identifiers(std::string_view text, bool numbers_without_leading_zero, uint64_t offset) {
  while (true) {
    const size_t dot = text.find('.');
    const auto identifier = text.substr(0, dot);
    if (identifier.empty()) return refuse(offset, "empty identifier segment");
    for (const char c : identifier)
      if (!is_digit(c) && !is_lower(c) && !is_upper(c) && c != '-')
        return refuse(offset, fmt::format("unexpected character '{}'", c));
    if (numbers_without_leading_zero && identifier.size() > 1 && identifier[0] == '0' &&
        std::all_of(identifier.begin(), identifier.end(), is_digit))
      return refuse(offset, "invalid leading zero in pre-release identifier");
    if (dot == std::string_view::npos) return {};
    text.remove_prefix(dot + 1);
  }
}

Result<void> take_version_number(std::string_view& text, std::string_view what, uint64_t offset) {
  if (text.empty()) return refuse(offset, fmt::format("unexpected end of input while parsing {}", what));
  size_t length = 0;
  while (length < text.size() && is_digit(text[length])) length += 1;
  if (length == 0)
    return refuse(offset, fmt::format("unexpected character '{}' while parsing {}", text[0], what));
  if (length > 1 && text[0] == '0') return refuse(offset, fmt::format("invalid leading zero in {}", what));
  if (length > 20) return refuse(offset, fmt::format("value of {} exceeds 64 bits", what));
  text.remove_prefix(length);
  return {};
}

}  // namespace

bool is_kebab_case(std::string_view label) {
  bool first = true;
  while (true) {
    const size_t hyphen = label.find('-');
    const auto word = label.substr(0, hyphen);
    if (word.empty()) return false;
    if (first && is_digit(word[0])) return false;
    const bool has_lower = std::any_of(word.begin(), word.end(), is_lower);
    const bool has_upper = std::any_of(word.begin(), word.end(), is_upper);
    if (has_lower && has_upper) return false;
    if (!std::all_of(word.begin(), word.end(),
                     [](char c) { return is_lower(c) || is_upper(c) || is_digit(c); }))
      return false;
    if (hyphen == std::string_view::npos) return true;
    label.remove_prefix(hyphen + 1);
    first = false;
  }
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (is_upper(c)) c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

Result<ExternName> parse_extern_name(std::string_view text, uint64_t offset) {
  ExternName name;
  name.text = text;
  NameCursor cursor(text, offset);
  WATTLE_CHECK(parse_into(cursor, name));
  if (!cursor.rest().empty())
    return refuse(offset, fmt::format("trailing characters found: `{}`", cursor.rest()));
  return name;
}

// Explainer.md "Name Uniqueness": lower case, "l.l" of a method or static function is "l", annotations other
// than [constructor] do not count.
std::string canonical_name(const ExternName& name) {
  using Kind = ExternName::Kind;
  switch (name.kind) {
    case Kind::label:
    case Kind::constructor:
      return lower_case(name.text);
    case Kind::method:
    case Kind::static_function: {
      const std::string plain = lower_case(name.text.substr(name.text.find(']') + 1));
      const size_t dot = plain.find('.');
      return plain.substr(0, dot) == plain.substr(dot + 1) ? plain.substr(0, dot) : plain;
    }
    case Kind::interface: {
      const size_t at = std::min(name.text.find('@'), name.text.size());
      return lower_case(name.text.substr(0, at)) + std::string(name.text.substr(at));
    }
    default:
      return std::string(name.text);
  }
}

Result<void> check_semantic_version(std::string_view text, uint64_t offset) {
  if (text.empty()) return refuse(offset, "empty string, expected a semver version");
  constexpr std::array<std::string_view, 3> kParts = {"major version number", "minor version number",
                                                      "patch version number"};
  for (size_t i = 0; i < kParts.size(); i++) {
    WATTLE_CHECK(take_version_number(text, kParts[i], offset));
    if (i + 1 == kParts.size()) break;
    if (text.empty())
      return refuse(offset, fmt::format("unexpected end of input while parsing {}", kParts[i]));
    if (text[0] != '.')
      return refuse(offset, fmt::format("unexpected character '{}' after {}", text[0], kParts[i]));
    text.remove_prefix(1);
  }
  if (text.starts_with('-')) {
    text.remove_prefix(1);
    const size_t plus = std::min(text.find('+'), text.size());
    WATTLE_CHECK(check_identifiers(text.substr(0, plus), true, offset));
    text.remove_prefix(plus);
  }
  if (text.starts_with('+')) return check_identifiers(text.substr(1), false, offset);
  if (!text.empty())
    return refuse(offset, fmt::format("unexpected character '{}' after {}", text[0], kParts[2]));
  return {};
}

}  // namespace wattle::component
