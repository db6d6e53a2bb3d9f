// The supervisor of a lattice's processes on this machine: a nats-server, if it is to start one, hosts and
// managers. What dies is started again, a host within 200 ms the first time. They die with it, however it
// ends.
//
//   Supervisor supervisor(worker, options);
//   WATTLE_CHECK(supervisor.start());      // everything is ready
//   ...
//   supervisor.stop();                     // hosts drain, then the server ends
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/offload.h"
#include "async/signal.h"
#include "cli/bus_server.h"
#include "cli/lattice_connection.h"
#include "host/child_process.h"
#include "telemetry/log.h"

namespace wattle::cli {

struct SupervisorOptions {
  Connection connection{};            // its processes are filled in
  std::string connection_file{};      // where it is written, and removed
  std::optional<BusServer> server{};  // nothing: the bus is elsewhere
  uint32_t hosts = 1;
  uint32_t managers = 1;
  std::string program{};  // of both
  std::vector<std::string> host_arguments{};
  std::vector<std::string> manager_arguments{};
  std::string
      data_folder{};  // each keeps its data in a folder of its own there: host-0, host-1, manager-0, ...
  int errors = -1;    // a descriptor for what children log; -1: our standard error
  Duration start_time = std::chrono::seconds(60);  // until everything is ready
  Duration drain_time = std::chrono::seconds(10);  // of hosts; what is left then is killed
  const telemetry::Log* log = nullptr;             // outlives it
};

class Supervisor {
 public:
  Supervisor(async::Worker& worker, SupervisorOptions options);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // On a fiber. Refused: what a child cannot be started with; unavailable when one ends before it is ready;
  // deadline_exceeded. stop() then ends the others.
  Result<void> start();
  // Drains hosts, then ends the server, then removes the connection's file. On a fiber; once.
  void stop();
  // Everything is killed at once; stop(), wherever it waits, goes on. Not from a fiber.
  void kill_all();

  // What the ready hosts said about themselves: JSON objects.
  std::vector<std::string> ready_hosts() const;

 private:
  struct Child;

  Child& add(std::string role, host::ChildOptions options);
  std::vector<Child*> add_all(std::string_view role, uint32_t count,
                              const std::vector<std::string>& arguments);
  Result<void> wait_until_ready(Child& child, TimePoint until);
  void keep(Child& child);
  void live_once(Child& child);
  void await_ready(Child& child, int output);
  Result<void> await_server(const Child& child);
  void write_connection();
  void end(const std::function<bool(const Child&)>& which, Duration patience);

  async::Worker& worker_;
  SupervisorOptions options_;
  async::OffloadPool blocking_;
  std::list<std::unique_ptr<Child>> children_;
  async::Signal changed_;
};

}  // namespace wattle::cli
