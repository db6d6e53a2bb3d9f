// One revision of a component on one worker: its instances, and what is needed to call them.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "capability/messaging.h"
#include "host/component_resolver.h"
#include "host/data_plane.h"
#include "host/parked_calls.h"
#include "runtime/import_call.h"
#include "runtime/runtime.h"
#include "wasi/context.h"
#include "wasi/http_handler.h"
#include "wrpc/server.h"

namespace wattle::host {

class DataWorker;

// Of one revision on one worker, which alone counts; read by the control side.
struct ComponentCounters {
  std::atomic<uint32_t> in_flight{0};
  std::atomic<uint64_t> calls{0};     // that have ended
  std::atomic<uint64_t> failures{0};  // of them, by the component's own doing
};

// Whether a call that ended so failed by the callee's own doing: a trap, its CPU time, deadline or memory.
// Not for want of an instance, nor because what it called in turn could not be reached, nor with its caller
// gone.
bool is_own_failure(const Error& error);

// Who an instance's calls come from: attached to the Host of every instance.
struct Caller {
  const std::string& component_id;
  DataWorker& worker;
};

// A change in a key-value store that a component watches.
struct KeyChange {
  std::string_view bucket;
  std::string_view key;
  std::optional<std::string_view> value;  // none: deleted
};

class Revision {
 public:
  struct Parts {
    const ComponentSpec& spec;
    std::shared_ptr<const runtime::LinkedComponent> linked;  // null: it is parked
    std::shared_ptr<ComponentCounters> counters;
    const std::function<void(const RevisionKey&)>& on_parked_called;
    engine::StorePool& spare_stores;
    async::OffloadPool& blocking;
    http::Client& http_client;
    const telemetry::Log& log;
    uint32_t workers;  // that share max_instances
    const std::function<Result<void>(wasi::Context&)>& grants;
  };
  static Result<std::shared_ptr<Revision>> create(DataWorker& worker, const Parts& parts);
  // When nobody calls it any more.
  ~Revision();
  Revision(const Revision&) = delete;
  Revision& operator=(const Revision&) = delete;

  // Nothing of it is in memory. While this is so, nothing but what is said here is called.
  bool is_parked() const { return parked_ != nullptr; }
  // Until something has taken its place, or it has left this host; then its calls are to be chosen anew.
  // Refused: as ParkedCalls::wait.
  Result<void> wait_while_parked();
  ParkedCalls* parked() { return parked_.get(); }

  // Makes an instance and gives it back, so that a component that cannot start is told before its first call.
  Result<void> warm_up();

  // Answers the exchange in every case.
  void handle_http(http::Exchange& exchange);
  // wasmcloud:messaging/handler; the inner string is the component's own error.
  Result<tl::expected<void, std::string>> handle_message(const capability::BrokerMessage& message);
  // wasi:keyvalue/watcher.
  Result<void> tell_watcher(const KeyChange& change);
  // Runs another component's call here.
  Result<void> run(runtime::ImportCall& call);
  // Answers another host's call.
  Result<wrpc::Reply> answer(wrpc::IncomingCall& call);
  // A function by the names that a caller has for it. Refused: not_found, naming what there is.
  Result<const runtime::ExportedFunction*> find_function(std::string_view interface, std::string_view name);

  // Whether a call that came now would wait behind another.
  bool is_crowded() const;
  // Whether a call that came now would be refused.
  bool is_full() const;
  bool serves_http() const { return http_ != nullptr; }
  runtime::InstancePool& pool() { return *pool_; }
  const std::string& id() const { return id_; }
  const runtime::LinkedComponent& linked() const { return *linked_; }
  // For a call that begins now.
  engine::CallLimits call_limits() const;
  // Counts a call for as long as it lives, and as a failure what it is told of such.
  class InFlight {
   public:
    explicit InFlight(Revision& revision) : counters_(*revision.counters_) { add(counters_.in_flight, 1u); }
    ~InFlight() {
      add(counters_.in_flight, ~0u);
      add(counters_.calls, uint64_t{1});
      if (has_failed_) add(counters_.failures, uint64_t{1});
    }
    InFlight(const InFlight&) = delete;
    InFlight& operator=(const InFlight&) = delete;
    void has_failed() { has_failed_ = true; }
    template <class T>
    void watch(const Result<T>& ended) {
      if (!ended && is_own_failure(ended.error())) has_failed();
    }

    // No other thread writes it. Released, so that who sees a failure sees its call too.
    template <class T>
    static void add(std::atomic<T>& counter, T step) {
      counter.store(counter.load(std::memory_order_relaxed) + step, std::memory_order_release);
    }

   private:
    ComponentCounters& counters_;
    bool has_failed_ = false;
  };

 private:
  struct Operation {
    std::shared_ptr<const runtime::ExportedFunction> function;
    std::shared_ptr<const wit::FunctionType> type;
    bool passes_handles = false;
  };
  Result<Operation> find_operation(std::string_view operation);
  Result<Operation> operation_of(std::shared_ptr<const runtime::ExportedFunction> function) const;
  Result<std::optional<wit::Value>> call(const runtime::ExportedFunction& function,
                                         const wit::Values& arguments, const engine::CallLimits& limits);
  // The same as run(), while somebody looks at calls.
  Result<void> run_seen(runtime::ImportCall& call, const runtime::ExportedFunction& function,
                        const engine::CallLimits& limits);
  Result<wrpc::Reply> answer_with_streams(wrpc::IncomingCall& incoming, const Operation& operation,
                                          const engine::CallLimits& limits, InFlight& in_flight);
  Revision(DataWorker& worker, const Parts& parts);

  const std::string id_;
  std::unique_ptr<ParkedCalls> parked_;
  std::shared_ptr<const runtime::LinkedComponent> linked_;
  std::shared_ptr<ComponentCounters> counters_;
  const ComponentLimits limits_;
  const uint32_t max_instances_, max_queue_;  // of this worker
  Caller caller_;
  ComponentResolver resolver_;
  wasi::Context context_;
  std::optional<runtime::InstancePool> pool_;
  std::unique_ptr<wasi::IncomingHandler> http_;
  struct KnownFunction {
    std::string interface, name;
    std::shared_ptr<const runtime::ExportedFunction> function;
  };
  std::vector<KnownFunction> known_functions_;
  // By their name on the wire, "ns:package/interface@1.0.0.function"; filled at the first call from outside.
  std::map<std::string, Operation, std::less<>> operations_;
};

}  // namespace wattle::host
