// A program as a child of this process, waited for on a fiber.
//
//   WATTLE_TRY(auto child, ChildProcess::start(worker, {.program = "/usr/bin/kv", .input = line}));
//   WATTLE_TRY(std::string how, child->wait());     // "ended with code 1", "was killed by signal 9"
//
// It ends with this process, and with its object: nothing is left behind.
#pragma once

#include <sys/types.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/fiber.h"
#include "async/signal.h"
#include "base/result.h"

namespace wattle::host {

struct ChildOptions {
  std::string program{};                   // a path
  std::vector<std::string> arguments{};    // without the program's name
  std::vector<std::string> environment{};  // "NAME=value": all that it gets
  std::string input{};                     // what its standard input holds, to the end
  int output = -1;                         // a descriptor for its standard output; -1: its standard error
  int errors = -1;                         // one for its standard error; -1: ours
  bool own_group = false;                  // so that what a terminal sends to our group does not reach it
};

class ChildProcess {
 public:
  // From the worker's thread, which the child does not outlive. Refused: not_found, permission_denied, io.
  static Result<std::unique_ptr<ChildProcess>> start(async::Worker& worker, const ChildOptions& options);
  // Kills it, if it still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  // How it ended; nothing while it runs.
  const std::optional<std::string>& ended() const { return ended_; }
  // Whether it ended by itself, with code 0.
  bool ended_well() const { return ended_well_; }
  // Notified when it has ended.
  async::Signal& changed() { return changed_; }
  // Within the fiber's deadline.
  Result<std::string> wait();
  // Nothing if it has ended.
  void signal(int number);

 private:
  ChildProcess(async::Worker& worker, pid_t pid, int descriptor);
  void listen();
  void reap();

  async::Worker& worker_;
  pid_t pid_;
  boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type> descriptor_;
  std::optional<std::string> ended_;
  bool ended_well_ = false;
  async::Signal changed_;
  // Told to the completion of the last wait, which may come after this object.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace wattle::host
