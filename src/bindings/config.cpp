// wasi:config: store, and runtime, its older name.
#include <variant>

#include "bindings/add_to.h"
#include "bindings/invocation.h"

namespace wattle::bindings {
namespace {

using runtime::Host;

// upstream, io: neither can happen, since the values are at hand.
using WitError = std::variant<std::string, std::string>;
template <class T>
using Answer = tl::expected<T, WitError>;
using Entries = std::vector<std::tuple<std::string, std::string>>;

Answer<std::optional<std::string>> get(Host& host, std::string_view key) {
  const auto config = invocation_of(host).resolver().config();
  const auto found = config->find(std::string(key));
  return found == config->end() ? std::nullopt : std::optional(found->second);
}

Answer<Entries> get_all(Host& host) {
  const auto config = invocation_of(host).resolver().config();
  return Entries(config->begin(), config->end());
}

}  // namespace

void add_config(runtime::Linker& linker) {
  for (std::string_view interface : {"wasi:config/store@0.2.0-draft", "wasi:config/runtime@0.2.0-draft"}) {
    linker.function(interface, "get", [](Host& host, std::string_view key) { return get(host, key); });
    linker.function(interface, "get-all", [](Host& host) { return get_all(host); });
  }
}

}  // namespace wattle::bindings
