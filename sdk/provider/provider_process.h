// A provider on the bus: told of its links by its host, called by components, asked how it is. run.cpp makes
// one of a process; internal to the SDK.
//
//   WATTLE_TRY(auto process, ProviderProcess::start(bus, data, factory, log));
//   process->wait();    // until the host says "shut down"
//   process->stop();
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "async/fiber_group.h"
#include "async/offload.h"
#include "async/signal.h"
#include "bindings/remote_components.h"
#include "capability/provider.h"
#include "lattice/bus.h"
#include "lattice/links.h"
#include "lattice/provider_host_data.h"
#include "telemetry/log.h"
#include "wrpc/server.h"

namespace wattle::sdk {

struct ProcessOptions {
  // News of links reach hosts and providers at different times. A call that comes before its link waits so
  // long for it, and a link that was deleted serves so long what hosts sent before they heard.
  Duration link_patience = std::chrono::seconds(1);
  Duration drain_time = std::chrono::milliseconds(250);  // hosts kill what has not ended after 300 ms
};

class ProviderProcess {
 public:
  // Answers as healthy when it returns: the links of `data` were put. On a fiber; `bus`, `factory` and `log`
  // outlive it. Refused: malformed (data), what the factory and the bus refuse.
  static Result<std::unique_ptr<ProviderProcess>> start(lattice::Bus& bus, lattice::HostData data,
                                                        capability::ProviderFactory& factory,
                                                        const telemetry::Log& log,
                                                        ProcessOptions options = {});
  // Precondition: stopped.
  ~ProviderProcess();
  ProviderProcess(const ProviderProcess&) = delete;
  ProviderProcess& operator=(const ProviderProcess&) = delete;

  void wait();
  void ask_to_stop();
  // Takes no more calls, lets those in flight finish within drain_time, drains the provider.
  void stop();

 private:
  struct Known {
    capability::ProviderLink link;
    std::optional<Error> refused;  // by the provider, which then does not have the link
    bool leaving = false;
    uint64_t change = 0;  // of the last put or deletion
    size_t calls = 0;     // under way through it
  };

  ProviderProcess(lattice::Bus& bus, lattice::HostData data, const telemetry::Log& log,
                  ProcessOptions options);
  Result<void> begin(capability::ProviderFactory& factory);
  Result<void> listen();
  Result<void> listen(std::string_view id, std::string_view verb, void (ProviderProcess::*take)(std::string));
  void follow();
  void take_put(std::string json);
  void take_deletion(std::string json);
  void take_config(std::string json);
  void answer_health(const lattice::Message& message);
  void answer_shutdown(const lattice::Message& message);

  Result<capability::ProviderLink> open(const lattice::ProviderLinkDefinition& definition) const;
  void put_link(capability::ProviderLink link);
  void let_go(const std::string& key, uint64_t change);
  void remove(const std::string& key);
  void links_changed();
  Result<wrpc::Reply> answer(wrpc::IncomingCall& call);
  // The key of the link that the call came through.
  Result<std::string> authorize(const wrpc::IncomingCall& call);

  lattice::Bus& bus_;
  const lattice::HostData data_;
  const telemetry::Log& log_;
  const ProcessOptions options_;
  async::OffloadPool blocking_;
  std::unique_ptr<wrpc::Client> client_;
  std::unique_ptr<wrpc::Server> server_;
  std::unique_ptr<bindings::RemoteComponents> components_;
  std::unique_ptr<capability::Provider> provider_;
  std::vector<std::unique_ptr<wrpc::Service>> services_;
  std::vector<std::unique_ptr<lattice::BusSubscription>> subscriptions_;
  std::map<std::string, Known> links_;
  std::shared_ptr<const lattice::LinkTable> table_;  // of links_, for looking up
  uint64_t changes_ = 0;
  async::Signal links_changed_;
  async::Signal call_ended_;
  std::deque<std::function<void()>> news_;  // what the host said, in its order
  async::Signal news_came_;
  int health_asked_ = 0;  // fibers of fibers_, so that they end before the provider does
  bool stop_asked_ = false;
  async::Signal stop_;
  async::FiberGroup fibers_;
};

}  // namespace wattle::sdk
