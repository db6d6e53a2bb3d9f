// What one component on one worker reaches through its links, for the host functions of src/bindings.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "bindings/invocation.h"
#include "lattice/links.h"

namespace wattle::host {

class DataWorker;

class ComponentResolver final : public bindings::CapabilityResolver {
 public:
  // Both outlive it. `config`: names, merged in order.
  ComponentResolver(const std::string& component_id, std::vector<std::string> config, DataWorker& worker)
      : id_(component_id), config_names_(std::move(config)), worker_(worker) {}

  Result<bindings::Target<capability::KeyValue>> key_value(std::string_view interface,
                                                           std::string_view link_name) override;
  Result<bindings::Target<capability::Blobstore>> blobstore(std::string_view interface,
                                                            std::string_view link_name) override;
  Result<bindings::Target<capability::Messaging>> messaging(std::string_view interface,
                                                            std::string_view link_name) override;
  Result<bindings::Target<capability::Postgres>> postgres(std::string_view interface,
                                                          std::string_view link_name) override;
  Result<bindings::Target<capability::OutgoingHttp>> outgoing_http(std::string_view interface,
                                                                   std::string_view link_name) override;
  // Those that its configs name, then what its link to a provider of secrets leads to.
  Result<bindings::Target<capability::Secrets>> secrets() override;
  std::shared_ptr<const bindings::Config> config() override;
  void log(bindings::LogLevel level, std::string_view context, std::string_view message) override;

 private:
  // `get` asks a provider of this worker for the capability; Remote is the client of one elsewhere.
  template <class Capability, class Remote>
  Result<bindings::Target<Capability>> find(std::string_view interface, std::string_view link_name,
                                            Capability* (capability::Provider::*get)());

  template <class Capability>
  std::shared_ptr<Capability> perhaps_seen(const lattice::Link& link, std::string_view interface,
                                           std::shared_ptr<Capability> capability);

  class OwnSecrets;

  const std::string& id_;
  const std::vector<std::string> config_names_;
  DataWorker& worker_;
  // As of the configs that it was merged from.
  std::shared_ptr<const lattice::ConfigTable> merged_from_;
  std::shared_ptr<const bindings::Config> merged_;
};

}  // namespace wattle::host
