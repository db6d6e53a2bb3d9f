// wasmcloud:secrets: store and reveal.
#include "capability/secrets.h"

#include <variant>

#include "bindings/add_to.h"
#include "bindings/byte_string.h"
#include "bindings/invocation.h"
#include "runtime/error_mapping.h"
#include "wit/transcode.h"

namespace wattle::bindings {
namespace {

using capability::SecretsError;
using runtime::Host;

constexpr std::string_view kStore = "wasmcloud:secrets/store@0.1.0-draft";
constexpr std::string_view kReveal = "wasmcloud:secrets/reveal@0.1.0-draft";

class SecretHandle : public runtime::HostResource {
 public:
  static constexpr std::string_view kInterface = "wasmcloud:secrets/store";
  static constexpr std::string_view kName = "secret";
  explicit SecretHandle(capability::Secret secret) : secret_(std::move(secret)) {}
  bool move_to(runtime::HostResources&) override { return true; }
  const capability::Secret& secret() const { return secret_; }

 private:
  capability::Secret secret_;
};

// upstream, io, not-found
using WitError = std::variant<std::string, std::string, std::monostate>;
// string, bytes
using WitValue = std::variant<std::string, ByteString>;

WitError error_of(SecretsError error) {
  switch (error.kind) {
    case SecretsError::Kind::not_found:
      return WitError(std::in_place_index<2>);
    case SecretsError::Kind::io:
      return WitError(std::in_place_index<1>, std::move(error.message));
    case SecretsError::Kind::upstream:
      break;
  }
  return WitError(std::in_place_index<0>, std::move(error.message));
}

tl::expected<std::unique_ptr<SecretHandle>, WitError> get(Host& host, std::string_view key) {
  auto target = invocation_of(host).resolver().secrets();
  if (!target)
    return tl::make_unexpected(WitError(std::in_place_index<0>, runtime::error_text(target.error())));
  auto secret = target->capability->get(target->caller(), key, "", "");
  if (!secret) return tl::make_unexpected(error_of(std::move(secret.error())));
  return std::make_unique<SecretHandle>(std::move(*secret));
}

// What is declared as text and is none goes as bytes: a text that is not UTF-8 cannot cross.
WitValue reveal(const capability::Secret& secret) {
  const std::string& value = secret.value;
  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(value.data()), value.size());
  if (secret.is_bytes || !wit::validate_utf8(bytes))
    return WitValue(std::in_place_index<1>, ByteString{value});
  return WitValue(std::in_place_index<0>, value);
}

}  // namespace

void add_secrets(runtime::Linker& linker) {
  linker.resource<SecretHandle>();
  linker.function(kStore, "get", [](Host& host, std::string_view key) { return get(host, key); });
  linker.function(kReveal, "reveal", [](Host&, SecretHandle& secret) { return reveal(secret.secret()); });
}

}  // namespace wattle::bindings
