// Calls from a provider process into components, over the bus.
#pragma once

#include <string>

#include "bindings/remote_target.h"

namespace wattle::bindings {

class RemoteComponents final : public capability::ComponentCalls {
 public:
  // `client` outlives this. The provider calls under its own id.
  RemoteComponents(wrpc::Client& client, std::string lattice, std::string provider_id)
      : client_(client), lattice_(std::move(lattice)), provider_id_(std::move(provider_id)) {}

  void handle_http(std::string_view target, http::Exchange& exchange) override;
  Result<tl::expected<void, std::string>> handle_message(std::string_view target,
                                                         const capability::BrokerMessage& message) override;
  Result<void> key_was_set(std::string_view target, std::string_view bucket, std::string_view key,
                           std::string_view value) override;
  Result<void> key_was_deleted(std::string_view target, std::string_view bucket,
                               std::string_view key) override;
  Result<std::string> call_encoded(std::string_view target, std::string_view interface,
                                   std::string_view function, std::string_view parameters,
                                   const wrpc::IsWhole& is_whole) override;

 private:
  RemoteTarget component(std::string_view id) const;
  // Without a link's name, which the callee then does not ask for.
  capability::Caller caller() const { return {provider_id_, ""}; }

  wrpc::Client& client_;
  const std::string lattice_;
  const std::string provider_id_;
};

// A change that a provider tells a component: the parameters of wrpc:keyvalue/watcher's on-set and on-delete,
// for the host that answers. Refused: unsupported (another function), malformed.
struct KeyChange {
  std::string bucket;
  std::string key;
  std::optional<std::string> value;  // none: deleted
};
Result<KeyChange> key_change_of(wrpc::IncomingCall& call);

}  // namespace wattle::bindings
