// A NATS message and its headers. Headers follow ADR-4: a block that begins with "NATS/1.0", perhaps a status
// ("NATS/1.0 503"), then lines "Name: value". Names are compared as they are written.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace wattle::nats {

class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<std::pair<std::string, std::string>> fields) : fields_(fields) {}

  // Reads a block as it came. Lines that are no header are left out, and so is everything after the first
  // 1024: what strangers send must not end a connection.
  static Headers parse(std::string_view block);

  bool empty() const { return fields_.empty() && status_ == 0; }
  // The first value under `name`.
  std::optional<std::string_view> find(std::string_view name) const;
  // Replaces every value under `name`.
  void set(std::string_view name, std::string_view value);
  void add(std::string_view name, std::string_view value) { fields_.emplace_back(name, value); }
  const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }

  // 0 if the server gave none. 503: nobody subscribes; 100: heartbeat or flow control; 404, 408, 409: the end
  // of a pull request.
  int status() const { return status_; }
  const std::string& description() const { return description_; }

  // Appends the block. Refused (invalid_argument): a name that is empty or holds a colon, a space or a
  // control character, a value with a line break.
  Result<void> append_to(std::string& out) const;

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
  int status_ = 0;
  std::string description_;
};

struct Message {
  std::string subject;
  std::string reply;  // where an answer goes; empty if none is wanted
  Headers headers;
  std::string payload;
};

}  // namespace wattle::nats
