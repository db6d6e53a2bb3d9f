// Calls of custom interfaces between hosts, on one worker: out along links to components that run elsewhere,
// and in from whoever has a link to a component that runs here.
//
// A wattle host is asked by its own subject, the least loaded of those that run the target first (in the
// revision that was chosen, which the header wattle-revision tells it, where one was); another is
// asked only where the first certainly did not begin the call, or the link says that the function may be
// repeated. Who is on no list of ours (wasmCloud hosts, providers) is asked through the target's queue group.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bindings/remote_target.h"
#include "lattice/bus.h"
#include "lattice/links.h"
#include "lattice/membership.h"
#include "runtime/import_call.h"
#include "wrpc/client.h"
#include "wrpc/server.h"

namespace wattle::host {

class RemoteCalls {
 public:
  // Answers a call that its caller has a link for.
  using Answer = std::function<Result<wrpc::Reply>(wrpc::IncomingCall& call)>;
  using Links = std::function<std::shared_ptr<const lattice::LinkTable>()>;
  using Hosts = std::function<std::shared_ptr<const lattice::DirectorySnapshot>()>;
  // Of a call to what runs nowhere, tried first at that time: waits until it is worth another try. False: no
  // more of them.
  using WaitForIt = std::function<bool(const std::string& target, TimePoint first_tried)>;
  struct Surroundings {
    Links links{};
    Hosts hosts{};            // asked at each try
    WaitForIt wait_for_it{};  // empty: such calls fail at once
  };

  // On a fiber of the bus's worker. `bus` outlives it.
  static Result<std::unique_ptr<RemoteCalls>> start(lattice::Bus& bus, std::string lattice,
                                                    std::string host_id, Surroundings surroundings);
  // Precondition: nothing is served any more.
  ~RemoteCalls();
  RemoteCalls(const RemoteCalls&) = delete;
  RemoteCalls& operator=(const RemoteCalls&) = delete;

  // Runs `call` on another host. Refused besides what the callee answers: unavailable when no host that can
  // be reached runs the target. `image_ref`: of the revision that was chosen; empty: any.
  Result<void> call(runtime::ImportCall& call, const lattice::LinkTable::Entry& link,
                    const std::string& image_ref);

  // Ends the calls that this host was asked and cannot answer any more.
  void host_is_gone(const std::string& host_id);
  // Whether a host that can be reached has an instance that is free, as far as is known.
  bool has_room_elsewhere(std::string_view target, std::string_view image_ref,
                          const lattice::DirectorySnapshot& hosts) const;
  bool runs_elsewhere(std::string_view target, std::string_view image_ref,
                      const lattice::DirectorySnapshot& hosts) const;

  // Takes calls for a component or provider of this worker from now on, of whoever has a link to it; while
  // the bus is cut, once it is back.
  Result<void> serve(const std::string& id, Answer answer);
  // Takes no new ones, and waits for those under way within the fiber's deadline.
  void stop_serving(const std::string& id);

  // The way to the capabilities of `target`, wherever it runs.
  std::shared_ptr<const bindings::RemoteTarget> target(const lattice::LinkTable::Entry& link,
                                                       std::string_view image_ref);

 private:
  RemoteCalls(lattice::Bus& bus, std::string lattice, std::string host_id, Surroundings surroundings)
      : bus_(bus),
        lattice_(std::move(lattice)),
        host_id_(std::move(host_id)),
        surroundings_(std::move(surroundings)) {}
  Result<std::optional<wit::Value>> ask(wrpc::Call call, const wit::FunctionType& type,
                                        const wit::Values& arguments, wrpc::HandleWire* handles,
                                        const lattice::LinkTable::Entry& link, const std::string& image_ref);

  lattice::Bus& bus_;
  const std::string lattice_;
  const std::string host_id_;
  const Surroundings surroundings_;
  std::unique_ptr<wrpc::Client> client_;
  std::unique_ptr<wrpc::Server> server_;
  std::map<std::string, std::vector<std::unique_ptr<wrpc::Service>>, std::less<>> services_;
};

// The hosts to ask for `target`, best first: those that run it (a component: in the revision of `image_ref`,
// if that is not empty) and take calls, the least loaded first; at most `count_max`. `own_host` comes first
// where the target is a provider, and not at all where it is a component, which is called there without a
// bus.
std::vector<std::string> hosts_to_ask(const lattice::DirectorySnapshot& hosts, std::string_view target,
                                      std::string_view image_ref, std::string_view own_host,
                                      size_t count_max);

}  // namespace wattle::host
