// A whole host: one control worker on the calling thread, data workers beside it, and what joins them to a
// lattice.
//
//   WATTLE_CHECK(run_host({.control = {.lattice = "default"}, .client = {.urls = {url}}, .workers = 2,
//                          .log = &log, .factories = factories}));
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "host/control.h"
#include "host/data_plane.h"
#include "nats/client.h"

namespace wattle::host {

struct HostSetup {
  HostOptions control{};
  nats::ClientOptions client{};
  uint32_t workers = 1;
  bool allow_file_load = false;
  std::string store_path{};     // the file that keeps links and configs; empty: only the bus keeps them
  std::string images_folder{};  // keeps images of the lattice's store; empty: none does
  const telemetry::Log* log = nullptr;  // these outlive the host
  std::vector<capability::ProviderFactory*> factories{};
  // How providers that are programs reach the bus; without it they are refused.
  std::function<Result<ProviderConnection>(std::string_view provider_id, std::string_view provider_xkey)>
      provider_connection{};
  // What runs one of `factories` as a process of its own, when its name is put behind it.
  std::vector<std::string> provider_command{};
  // Makes what fetches secrets, for the control worker; without it no secret can be had.
  std::function<FetchSecret(async::Worker& worker, async::OffloadPool& blocking)> secrets{};
  std::string admin_address{};  // where /livez and /readyz answer; empty: nowhere
  // Told once, with the host's id, when it answers calls.
  std::function<void(const std::string& host_id)> on_ready{};
};

// Until SIGINT, SIGTERM or host.stop has drained it. Precondition: the engine has been started. Refused: what
// starting is refused with.
Result<void> run_host(const HostSetup& setup);

}  // namespace wattle::host
