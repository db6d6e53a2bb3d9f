// wadm's API on the bus (api_types.h says which operations and fields), answered from the store of manifests
// and from what the manager knows. Started by the manager that leads: clients read what they have just
// written.
//
//   WATTLE_TRY(auto api, ApiServer::start(bus, store, {.lattice = "default",
//                                                      .status = [&](auto name) { return
//                                                      manager.status(name); }, .differences = [&](auto&
//                                                      next) { ... }}));
//   (void)publish_status(bus, "default", "shop", status);    // whenever it is another
//   WATTLE_CHECK(api->drain());
//
// Every request has a fiber of its own, a bounded number at once, with a deadline, and an answer: what cannot
// be read, too.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "lattice/bus.h"
#include "manager/api_types.h"
#include "manager/application_store.h"
#include "manager/status.h"

namespace wattle::manager {

// What the manager knows. Called on fibers of the bus's worker; may wait, within the fiber's deadline.
struct ApiHooks {
  // How an application of the store does, judged by what the store says now: never "deployed" of a version
  // that the store has not as the deployed one, and "undeployed" without a message only when nothing of it is
  // there any more.
  std::function<ApplicationStatus(std::string_view name)> status{};
  // What would change, on hosts, if `next` were deployed in place of what is.
  std::function<Result<std::vector<api::Difference>>(const Application& next)> differences{};
  // Whether this manager leads, at this moment: a process that was stopped meanwhile finds requests that
  // another one has answered since. Such a request gets no answer, and changes nothing.
  std::function<bool()> leads{};
};

struct ApiServerOptions {
  std::string lattice = std::string("default");
  ApiHooks hooks{};
  size_t fibers_max = 16;
  size_t waiting_max = 512;                             // requests that wait for a fiber; more are dropped
  Duration deadline = std::chrono::milliseconds(4800);  // of a request; wadm's clients wait for 5 s and less
};

class ApiServer {
 public:
  // On the bus's worker. `bus` and `store` outlive it. Refused as Bus::subscribe is.
  static Result<std::unique_ptr<ApiServer>> start(lattice::Bus& bus, ApplicationStore& store,
                                                  ApiServerOptions options);
  // Precondition: drained.
  ~ApiServer() = default;
  // Takes no more requests, and waits until those it has are answered. Fails when the fiber's deadline passes
  // meanwhile; requests still end, at their own deadlines, before this returns.
  Result<void> drain();

  // The answer to one request, as JSON: for who has requests from elsewhere.
  std::string answer(std::string_view subject, std::string_view body);

 private:
  struct Request {
    std::string_view name;
    std::string_view body;
    Problems& problems;  // gets what is wrong with the manifest
  };
  struct Operation;
  static const Operation kOperations[];

  ApiServer(lattice::Bus& bus, ApplicationStore& store, ApiServerOptions options)
      : bus_(bus), store_(store), options_(std::move(options)) {}
  void serve(const lattice::Message& message);

  // Of a whole request, in the order of api_types.h. An error becomes the answer's.
  Result<api::PutAnswer> put(const Request& request);
  Result<api::GetAnswer> get(const Request& request);
  Result<api::ListAnswer> list();
  Result<api::VersionsAnswer> versions(const Request& request);
  Result<api::DeployAnswer> deploy(const Request& request);
  Result<api::DeployAnswer> undeploy(const Request& request);
  Result<api::DeployAnswer> roll_back(const Request& request);
  Result<api::DeleteAnswer> remove(const Request& request);
  Result<api::StatusAnswer> status(const Request& request);
  Result<api::HistoryAnswer> history(const Request& request);
  Result<api::DiffAnswer> diff(const Request& request);
  api::ValidateAnswer validate(const Request& request);
  api::ImagesAnswer images();

  bool leads() const { return !options_.hooks.leads || options_.hooks.leads(); }
  // Refused: unavailable. Just before something is written.
  Result<void> check_leads() const;
  // The answer as JSON; while the bus does not carry it, with what the next of `shorter` leaves in it.
  template <class Answer>
  std::string json_that_fits(Result<Answer> answer, std::initializer_list<void (*)(Answer&)> shorter) const;
  std::string list_json();
  // Of a message, beside the headers of its trace.
  size_t answer_bytes_max() const;

  Result<std::shared_ptr<const ApplicationRecord>> find(std::string_view name);
  // Runs `work` with nobody else deploying or undeploying meanwhile.
  Result<void> alone(const std::function<Result<void>()>& work);
  // Checks a version beside what is deployed, and deploys it by `write`; with `force` though others use what
  // it does not share any more. `problems`: what refuses it.
  Result<void> deploy_checked(std::string_view name, const std::string& version, bool force,
                              const std::function<Result<void>()>& write, Problems& problems);
  Result<Application> read_one(std::string_view text, Problems& problems);
  ApplicationStatus status_of(const ApplicationRecord& record);

  lattice::Bus& bus_;
  ApplicationStore& store_;
  ApiServerOptions options_;
  std::unique_ptr<lattice::BusSubscription> subscription_;
  bool deploying_ = false;
  async::Signal deployed_;
  size_t serving_ = 0;
  async::Signal served_;
};

// Refused as Bus::publish is.
Result<void> publish_status(lattice::Bus& bus, std::string_view lattice, std::string_view name,
                            const ApplicationStatus& status);

}  // namespace wattle::manager
