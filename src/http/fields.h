// Header and trailer fields: an ordered multimap from case-insensitive names to values (RFC 9110 section 5).
// All text lies in one buffer that clear() keeps, so a connection's next request costs no allocation.
//
//   Fields fields;
//   WATTLE_CHECK(fields.append("content-type", "text/plain"));
//   for (auto [name, value] : fields) ...
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace wattle::http {

// token, RFC 9110 section 5.6.2: what names and methods are made of.
bool is_token(std::string_view text);
// field-value, RFC 9110 section 5.5: no control characters but HTAB; bytes from 0x80 on are allowed.
bool is_field_value(std::string_view text);
// The same name, whatever the case of its ASCII letters.
bool same_name(std::string_view a, std::string_view b);
// Fields that belong to one connection, not to the message (RFC 9110 section 7.6.1): Connection, Keep-Alive,
// Proxy-Connection, TE, Transfer-Encoding, Upgrade, HTTP2-Settings. The server and client write their own.
bool is_connection_field(std::string_view name);
// Connection fields, and those that only a host may decide on: Host, Proxy-Authenticate, Proxy-Authorization.
bool is_forbidden_field(std::string_view name);
// Fields that a trailer section must not carry (RFC 9110 section 6.5.1): framing, routing, authentication,
// content.
bool is_forbidden_trailer(std::string_view name);

class Fields {
 public:
  struct Field {
    std::string_view name;   // as it was given; valid until the fields change
    std::string_view value;  // without spaces around it
  };
  class Iterator {
   public:
    Iterator(const Fields* fields, size_t index) : fields_(fields), index_(index) {}
    Field operator*() const { return (*fields_)[index_]; }
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    bool operator==(const Iterator&) const = default;

   private:
    const Fields* fields_;
    size_t index_;
  };

  size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  // Bytes of names and values together.
  size_t bytes() const { return live_bytes_; }
  Field operator[](size_t index) const {
    const Entry& entry = entries_[index];
    return {{text_.data() + entry.start, entry.name_bytes},
            {text_.data() + entry.start + entry.name_bytes, entry.value_bytes}};
  }
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, entries_.size()}; }

  bool has(std::string_view name) const { return get(name).has_value(); }
  // The first value of this name.
  std::optional<std::string_view> get(std::string_view name) const;
  std::vector<std::string_view> get_all(std::string_view name) const;

  // Refused (invalid_argument): a name that is no token, a value with a control character.
  Result<void> append(std::string_view name, std::string_view value);
  // Replaces every field of this name by one.
  Result<void> set(std::string_view name, std::string_view value);
  // How many there were.
  size_t erase(std::string_view name);
  void clear();

  // For parsers that have checked both already.
  void append_checked(std::string_view name, std::string_view value);

 private:
  struct Entry {
    uint32_t start;
    uint32_t name_bytes;
    uint32_t value_bytes;
  };
  std::string text_;
  std::vector<Entry> entries_;
  size_t live_bytes_ = 0;
};

}  // namespace wattle::http
