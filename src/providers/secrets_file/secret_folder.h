// Secrets in a folder of files that only their owner may read. Everything here blocks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "capability/secrets.h"

namespace wattle::providers {

class SecretFolder {
 public:
  static constexpr size_t kBytesMax = 1024 * 1024;

  explicit SecretFolder(std::string path) : path_(std::move(path)) {}

  // `version`: empty for the latest, whose version is the file's time. Refused: not_found, permission_denied
  // (others may read it), io.
  Result<capability::Secret> read(std::string_view name, std::string_view version) const;
  // Makes the folder if it is missing. The secret appears whole, readable by its owner alone. Refused:
  // invalid_argument (a name that cannot be), io.
  Result<void> write(std::string_view name, std::string_view value) const;
  // Refused: not_found.
  Result<void> remove(std::string_view name) const;
  // In their order, without older versions.
  Result<std::vector<std::string>> names() const;

 private:
  std::string path_;
};

}  // namespace wattle::providers
