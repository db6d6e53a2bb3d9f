// wasmcloud:secrets 0.1.0-draft as C++: a backend that keeps secrets. What `get` hands out is revealed only
// to the component that asked.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "capability/provider.h"

namespace wattle::capability {

// wasmcloud:secrets/store.secrets-error
struct SecretsError {
  enum class Kind : uint8_t { upstream, io, not_found };
  Kind kind = Kind::upstream;
  std::string message;
};

// wasmcloud:secrets/store.secret-value
struct Secret {
  std::string version;
  SecretValue value;
  bool is_bytes = false;  // else text
};

class Secrets {
 public:
  virtual ~Secrets() = default;
  // `version`: empty for the latest; `field` where a secret is a map.
  virtual tl::expected<Secret, SecretsError> get(const Caller& caller, std::string_view key,
                                                 std::string_view field, std::string_view version) = 0;
};

}  // namespace wattle::capability
