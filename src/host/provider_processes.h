// Providers that are programs: started as wasmCloud v1 starts them (one line of base64 JSON on standard
// input, an environment that holds nothing but logging), supervised, and told of links and configs over the
// bus as these change.
//
//   ProviderProcesses processes({.bus = bus, .state = state, .log = log, .tell = ...}, {.host_id = id});
//   WATTLE_CHECK(processes.start({.provider_id = "kv", .provider_ref = "file:///usr/lib/kv"}));
//
// provider_programs.h says which references there are.
//
// A provider that ends is started again, at first at once, then after waits that double; one that does not
// answer its health checks is told as failed. What is said to run has answered.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "host/child_process.h"
#include "host/provider_programs.h"
#include "host/secrets.h"
#include "lattice/bus.h"
#include "lattice/events.h"
#include "lattice/lattice_state.h"
#include "lattice/provider_host_data.h"
#include "telemetry/log.h"

namespace wattle::host {

// How a provider reaches the bus, with credentials that reach its own subjects only.
struct ProviderConnection {
  std::string url;
  std::string user_jwt{};
  std::string user_seed{};
};

struct ProviderProcessOptions {
  std::string lattice = std::string("default");
  std::string host_id{};
  Duration start_time = std::chrono::seconds(10);  // until the first answer to a health check
  Duration health_interval = std::chrono::seconds(30);
  Duration health_timeout = std::chrono::seconds(2);
  Duration shutdown_delay = std::chrono::milliseconds(300);  // between asking and killing
  Duration backoff_min = std::chrono::milliseconds(100);
  Duration backoff_max = std::chrono::seconds(30);
  Duration steady_after = std::chrono::seconds(60);  // a life so long begins the waits anew
  uint64_t rpc_timeout_ms = 2000;
  std::string log_level{};  // empty: the provider's own choice
};

// All of these outlive it.
struct ProviderProcessParts {
  lattice::Bus& bus;
  lattice::LatticeState& state;
  const telemetry::Log& log;
  ProviderPrograms& programs;
  // `provider_xkey`: the provider's public key of this start, under which it hears of links.
  std::function<Result<ProviderConnection>(std::string_view provider_id, std::string_view provider_xkey)>
      connection;
  SecretKeeper* secrets = nullptr;  // null: there are none
  // Events of health.
  std::function<void(const lattice::Event&)> tell;
  // A provider's running() has changed.
  std::function<void()> on_change{};
};

// One call at a time for each provider.
class ProviderProcesses {
 public:
  ProviderProcesses(ProviderProcessParts parts, ProviderProcessOptions options);
  // Precondition: every provider was stopped.
  ~ProviderProcesses();
  ProviderProcesses(const ProviderProcesses&) = delete;
  ProviderProcesses& operator=(const ProviderProcesses&) = delete;

  // Returns when it has answered a health check; supervises it from then on. Refused: already_exists, what
  // ProviderPrograms::find refuses, io (the program), unavailable (it ended at once), deadline_exceeded (it
  // does not answer within start_time).
  Result<void> start(const lattice::StartProvider& request);
  // Asks it to shut down, then ends it. Not being there is no failure.
  void stop(const std::string& provider_id);
  // Started, and its last health check was answered well.
  bool running(const std::string& provider_id) const;
  // Of a signed archive.
  std::optional<lattice::ComponentClaims> claims(const std::string& provider_id) const;
  // Of what was started; for tests and for people. 0: it is down now.
  pid_t pid(const std::string& provider_id) const;

 private:
  struct Supervised;

  ProviderProcessParts parts_;
  ProviderProcessOptions options_;
  std::map<std::string, std::unique_ptr<Supervised>> providers_;
};

}  // namespace wattle::host
