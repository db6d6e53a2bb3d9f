// The control protocol of wasmCloud v1 from the side of who asks: the command line, managers.
//
//   ControlClient control(bus, {.lattice = "default"});
//   WATTLE_TRY(auto hosts, control.hosts());
//   WATTLE_TRY(auto warning, control.scale_component({.component_ref = "file:///a.wasm", ...}));
//
// Errors: unavailable when no host answers (its remedy says what to start), deadline_exceeded when one does
// not in time, malformed for an answer that cannot be read, and what the host refused with: its code, where
// it is wattle's, else invalid_argument.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "lattice/bus.h"
#include "lattice/control_types.h"
#include "lattice/link.h"
#include "lattice/link_requests.h"

namespace wattle::lattice {

struct ControlClientOptions {
  std::string lattice = std::string("default");
  Duration request_timeout = std::chrono::seconds(2);
  Duration auction_timeout = std::chrono::seconds(5);
  // Where many may answer, so long after the last answer no more are waited for.
  Duration quiet = std::chrono::milliseconds(400);
};

class ControlClient {
 public:
  // `bus` outlives it.
  explicit ControlClient(Bus& bus, ControlClientOptions options = {})
      : bus_(bus), options_(std::move(options)) {}

  // Every host that answers, by id.
  Result<std::vector<Host>> hosts();
  Result<HostInventory> inventory(std::string_view host_id);
  // Acknowledgements return the host's message: empty, or a warning.
  Result<std::string> stop_host(std::string_view host_id, std::optional<Duration> drain_timeout = {});
  Result<std::string> put_label(std::string_view host_id, const Label& label);
  Result<std::string> delete_label(std::string_view host_id, std::string_view key);

  // Who would run it; none is no failure.
  Result<std::vector<ComponentAuctionAck>> auction(const ComponentAuction& auction);
  Result<std::vector<ProviderAuctionAck>> auction(const ProviderAuction& auction);

  // To the host that the request names.
  Result<std::string> scale_component(const ScaleComponent& request);
  Result<std::string> update_component(const UpdateComponent& request);
  Result<std::string> start_provider(const StartProvider& request);
  Result<std::string> stop_provider(const StopProvider& request);

  Result<std::string> put_link(const Link& link);
  // Of wattle's hosts only: takes the interfaces from whatever other target they lead to, so that no call
  // fails; returns when calls go to the new one.
  Result<std::string> replace_link(const Link& link);
  // A step of a copy.
  Result<LinkCopyAck> copy_link(const LinkCopyRequest& request);
  Result<std::string> delete_link(const LinkKey& key);
  Result<std::vector<Link>> links();
  Result<std::string> put_config(std::string_view name, const StringMap& values);
  Result<std::string> delete_config(std::string_view name);
  // Refused: not_found.
  Result<StringMap> config(std::string_view name);
  Result<std::vector<StringMap>> claims();
  // Of wattle's hosts only: how calls to a component are shared among its revisions; an empty map deletes.
  Result<std::string> put_weights(std::string_view id, const RevisionWeights& weights);
  Result<WeightTable> weights();
  Result<std::string> put_registries(const RegistryCredentials& credentials);

 private:
  // `host_id` empty: whichever host answers.
  Result<Reply> request(std::string_view entity, std::string_view verb, std::string_view argument,
                        std::string_view payload, std::string_view host_id = {});
  Result<std::string> acknowledged(std::string_view entity, std::string_view verb, std::string_view argument,
                                   std::string_view payload, std::string_view host_id = {});
  Result<std::string> acknowledged_by_host(std::string_view host_id, std::string_view entity,
                                           std::string_view verb, std::string_view payload);
  template <class T>
  Result<T> asked(std::string_view entity, std::string_view verb, std::string_view argument,
                  std::string_view host_id = {});
  template <class T>
  Result<std::vector<T>> gathered(std::string_view entity, std::string_view verb, std::string_view payload,
                                  Duration timeout);
  Error unanswered(const Error& why, std::string_view subject, std::string_view host_id) const;

  Bus& bus_;
  ControlClientOptions options_;
};

}  // namespace wattle::lattice
