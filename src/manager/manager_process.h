// A manager on a lattice: listens to hosts, to the stores and to people, lets a Reconciler think, and does
// what it says. Several may run; one acts (leadership.h), the others know all that it knows and wait.
//
//   WATTLE_CHECK(run_manager({.lattice = "default", .client = {.urls = {url}}, .log = &log}));
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "manager/images.h"
#include "nats/client.h"
#include "telemetry/log.h"

namespace wattle::manager {

struct ManagerSetup {
  std::string lattice = std::string("default");
  nats::ClientOptions client{};
  std::string store_path{};  // the file that keeps manifests; empty: only the bus keeps them
  ImageTable images = default_images();
  const telemetry::Log* log = nullptr;  // outlives the manager
  // Told once, with the manager's id, when it knows the lattice: leading or not.
  std::function<void(const std::string& manager_id)> on_ready{};
};

// Until SIGINT or SIGTERM. What runs in the lattice goes on. Refused: what starting is refused with.
Result<void> run_manager(const ManagerSetup& setup);

}  // namespace wattle::manager
