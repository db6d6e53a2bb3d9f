// What a provider or a link was configured with, by key. Keys are compared without regard to case, as
// wasmCloud's providers do; a value under an earlier source is replaced by one under a later, so that a
// link's own settings come after its provider's, and secrets come last.
//
//   Settings settings({&context.config, &context.secrets, &link.config, &link.secrets});
//   WATTLE_TRY(const Duration timeout, settings.milliseconds("timeout_ms", 10s));
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace wattle::providers {

class Settings {
 public:
  using Map = std::map<std::string, std::string>;
  Settings(std::initializer_list<const Map*> sources);

  bool has(std::string_view key) const { return find(key).has_value(); }
  // Also when it is empty.
  bool mentions(std::string_view key) const;
  // Nothing when it is not there or empty.
  std::optional<std::string> find(std::string_view key) const;
  std::string text(std::string_view key, std::string_view otherwise = {}) const;
  // What stands between commas, without the spaces around it; empty parts are left out.
  std::vector<std::string> list(std::string_view key) const;
  // Each refuses (invalid_argument, naming the key and never the value) what is no such thing.
  Result<bool> flag(std::string_view key, bool otherwise) const;
  Result<uint64_t> number(std::string_view key, uint64_t otherwise, uint64_t least, uint64_t most) const;
  Result<Duration> milliseconds(std::string_view key, Duration otherwise) const;

 private:
  Map values_;  // under keys in lower case
};

// `text` in lower case, where it is ASCII.
std::string lower_case(std::string_view text);

}  // namespace wattle::providers
