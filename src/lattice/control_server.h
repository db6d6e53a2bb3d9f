// The host's end of the control protocol of wasmCloud v1: listens on a lattice's control subjects, reads each
// request, asks a ControlHandler, and answers.
//
//   WATTLE_TRY(auto server, ControlServer::start(bus, handler, {.lattice = "default", .host_id = id}));
//
// Every request has a fiber of its own, a bounded number at once, with a deadline. What cannot be read is
// answered with success:false and the reason; a subject that is not one with "unsupported subject"; an
// auction that this host loses not at all.
#pragma once

#include <memory>
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

// What is said about a request that was taken on; a warning, often nothing.
struct Ack {
  std::string message;
};

// One function a request. An error becomes success:false with its message, causes and remedy. What takes long
// (fetching, compiling, starting) is begun here and told by an event when it has ended.
class ControlHandler {
 public:
  virtual ~ControlHandler() = default;

  virtual Result<Host> describe_host() = 0;
  virtual Result<HostInventory> inventory() = 0;
  virtual Result<Ack> stop_host(const StopHost& request) = 0;
  virtual Result<Ack> put_label(const Label& label) = 0;
  virtual Result<Ack> delete_label(const LabelKey& label) = 0;

  // Nothing: this host does not bid.
  virtual Result<std::optional<ComponentAuctionAck>> bid(const ComponentAuction& auction) = 0;
  virtual Result<std::optional<ProviderAuctionAck>> bid(const ProviderAuction& auction) = 0;

  virtual Result<Ack> scale_component(const ScaleComponent& request) = 0;
  virtual Result<Ack> update_component(const UpdateComponent& request) = 0;
  virtual Result<Ack> start_provider(const StartProvider& request) = 0;
  virtual Result<Ack> stop_provider(const StopProvider& request) = 0;

  // These are answered by one host for the whole lattice.
  virtual Result<Ack> put_link(const Link& link) = 0;
  // wattle's own: link.replace and link.copy.
  virtual Result<Ack> replace_link(const Link& link) = 0;
  virtual Result<LinkCopyAck> copy_link(const LinkCopyRequest& request) = 0;
  virtual Result<Ack> delete_link(const LinkKey& key) = 0;
  virtual Result<std::vector<Link>> links() = 0;
  virtual Result<Ack> put_config(const std::string& name, const StringMap& values) = 0;
  virtual Result<Ack> delete_config(const std::string& name) = 0;
  // Nothing: there is no such config.
  virtual Result<std::optional<StringMap>> config(const std::string& name) = 0;
  virtual Result<std::vector<StringMap>> claims() = 0;
  // wattle's own: weights.put and weights.get.
  virtual Result<Ack> put_weights(const PutWeights& request) = 0;
  virtual Result<WeightTable> weights() = 0;

  virtual Result<Ack> put_registries(const RegistryCredentials& credentials) = 0;
};

// The answer of host `host_id` to one request, or nothing where silence is the answer. What a ControlServer
// does with each message, for who has requests from elsewhere.
std::optional<Reply> answer_control_request(ControlHandler& handler, std::string_view lattice,
                                            std::string_view host_id, std::string_view subject,
                                            std::string_view payload);

struct ControlServerOptions {
  std::string lattice = std::string("default");
  std::string host_id{};
  bool component_auctions = true;
  bool provider_auctions = true;
  size_t fibers_max = 16;    // of each kind of subject
  size_t waiting_max = 512;  // requests of each kind that wait for a fiber; more are dropped
  Duration deadline = std::chrono::milliseconds(1800);  // v1's clients wait for 2 s
};

class ControlServer {
 public:
  // On the bus's worker. `bus` and `handler` outlive it. Refused as Bus::subscribe is.
  static Result<std::unique_ptr<ControlServer>> start(Bus& bus, ControlHandler& handler,
                                                      ControlServerOptions options);
  // Precondition: drained.
  ~ControlServer() = default;
  // Takes no more requests, and waits until those it has are answered. Fails when the fiber's deadline passes
  // meanwhile; requests still end, at their own deadlines, before this returns.
  Result<void> drain();

 private:
  ControlServer(Bus& bus, ControlHandler& handler, ControlServerOptions options)
      : bus_(bus), handler_(handler), options_(std::move(options)) {}
  Result<void> subscribe(std::string_view words, bool queued);
  void serve(const Message& message);

  Bus& bus_;
  ControlHandler& handler_;
  ControlServerOptions options_;
  std::vector<std::unique_ptr<BusSubscription>> subscriptions_;
  size_t serving_ = 0;
  async::Signal served_;
};

}  // namespace wattle::lattice
