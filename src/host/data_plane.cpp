#include "host/data_plane.h"

#include <fmt/ranges.h>

#include <mutex>

#include "bindings/add_to.h"
#include "host/data_worker.h"
#include "host/run_on.h"
#include "wasi/add_to.h"

namespace wattle::host {
namespace {

class Plane final : public DataPlane {
 public:
  explicit Plane(DataPlaneOptions options) : shared_(std::move(options)) {
    for (uint32_t index = 0; index < shared_.options.workers; ++index)
      workers_.push_back(std::make_unique<DataWorker>(shared_));
  }
  ~Plane() override { stop(); }

  Result<void> start() {
    wasi::add_to(linker_);
    bindings::add_to(linker_);
    WATTLE_CHECK(bindings::declare_types(linker_));
    linker_.link_other_interfaces([](runtime::ImportCall& call) -> Result<void> {
      auto& caller = call.host().state<Caller>();
      return caller.worker.call(caller, call);
    });
    for (auto& worker : workers_) worker->start();
    running_ = true;
    if (!shared_.options.connect) return {};
    for (auto& worker : workers_)
      if (auto connected = run_on(worker->loop(), [&] { return worker->connect(); }); !connected) {
        on_all([](DataWorker& each) { each.drain(); });
        return connected;
      }
    return {};
  }

  Result<void> put_component(const ComponentSpec& spec) override {
    if (is_same_revision(spec)) return {};
    std::shared_ptr<const runtime::LinkedComponent> linked;
    if (!spec.parked) {
      WATTLE_TRY(linked, async::offload(shared_.blocking, [&] { return linker_.link(spec.component); }));
    }
    const auto counters = counters_of({spec.id, spec.digest});
    std::vector<std::shared_ptr<Revision>> made;
    for (auto& worker : workers_) {
      auto revision = run_on(worker->loop(), [&]() -> Result<std::shared_ptr<Revision>> {
        WATTLE_TRY(auto fresh, worker->make_revision(spec, linked, counters[made.size()]));
        // What fails in the first instance fails in all of them.
        if (!spec.parked && worker == workers_.front()) WATTLE_CHECK(fresh->warm_up());
        return fresh;
      });
      if (!revision) {
        give_back(made);
        return failure(
            revision.error().with_context(fmt::format("component \"{}\" cannot be started", spec.id)));
      }
      made.push_back(std::move(*revision));
    }
    keep({spec.id, spec.digest}, {spec, counters});
    Result<void> put;
    for (size_t index = 0; index < workers_.size(); ++index) {
      auto one = run_on(workers_[index]->loop(),
                        [&] { return workers_[index]->put_revision(spec, std::move(made[index])); });
      if (!one) put = std::move(one);
    }
    return put;
  }

  void refuse_calls(const RevisionKey& key, const Error& reason, TimePoint until) override {
    for (auto& worker : workers_)
      worker->loop().post(
          [each = worker.get(), key, reason, until] { each->refuse_calls(key, reason, until); });
  }

  bool serves_http(const std::string& id) override {
    DataWorker& first = *workers_.front();
    return run_on(first.loop(), [&] { return first.serves_http(id); });
  }

  void remove_component(const std::string& id) override {
    on_all([&](DataWorker& worker) { worker.remove_component(id); });
    const std::scoped_lock lock(mutex_);
    std::erase_if(told_, [&](const auto& told) { return told.first.id == id; });
  }

  void remove_revision(const RevisionKey& key) override {
    on_all([&](DataWorker& worker) { worker.remove_revision(key); });
    const std::scoped_lock lock(mutex_);
    told_.erase(key);
  }

  Result<void> put_provider(const BuiltinProviderSpec& spec) override {
    WATTLE_TRY(auto* factory, find_factory(spec.name));
    for (auto& worker : workers_) {
      auto put = run_on(worker->loop(), [&] { return worker->put_provider(spec, *factory); });
      if (!put)
        return failure(put.error().with_context(fmt::format("provider \"{}\" cannot be started", spec.id)));
    }
    return {};
  }

  void remove_provider(const std::string& id) override {
    on_all([&](DataWorker& worker) { worker.remove_provider(id); });
  }

  std::vector<Refusal> set_links(std::shared_ptr<const lattice::LinkTable> links) override {
    surroundings_.links = std::move(links);
    return tell_surroundings();
  }
  std::vector<Refusal> set_configs(std::shared_ptr<const lattice::ConfigTable> configs) override {
    surroundings_.configs = std::move(configs);
    return tell_surroundings();
  }

  bool links_settled(const lattice::LinkKey& key) override {
    for (auto& worker : workers_)
      if (!run_on(worker->loop(), [&] { return worker->gates().settled(key); })) return false;
    return true;
  }

  Result<lattice::LinkRecords> take_records(const lattice::LinkKey& key, const std::string& copy,
                                            size_t bytes_max) override {
    lattice::LinkRecords all;
    size_t bytes = 0;
    for (auto& worker : workers_) {
      if (bytes >= bytes_max) {
        all.more = true;
        break;
      }
      WATTLE_TRY(auto some,
                 run_on(worker->loop(), [&] { return worker->gates().take(key, copy, bytes_max - bytes); }));
      for (auto& record : some.records) {
        bytes += size_bytes(record);
        all.records.push_back(std::move(record));
      }
      all.used.insert(all.used.end(), some.used.begin(), some.used.end());
      all.more = all.more || some.more;
    }
    return all;
  }

  std::vector<Refusal> set_secrets(std::shared_ptr<const SecretTable> secrets) override {
    surroundings_.secrets = std::move(secrets);
    return tell_surroundings();
  }

  void set_weights(std::shared_ptr<const lattice::WeightTable> weights) override {
    for (auto& worker : workers_)
      run_on(worker->loop(), [&] {
        worker->set_weights(weights);
        return true;
      });
  }

  void set_directory(std::shared_ptr<const lattice::DirectorySnapshot> hosts) override {
    for (auto& worker : workers_)
      worker->loop().post([each = worker.get(), hosts] { each->set_directory(hosts); });
  }

  void set_spies(std::shared_ptr<const SpyTable> spies) override {
    for (auto& worker : workers_)
      worker->loop().post([each = worker.get(), spies] { each->spy_glass().set_table(spies); });
  }

  std::map<RevisionKey, ComponentLoad> loads() const override {
    const std::scoped_lock lock(mutex_);
    std::map<RevisionKey, ComponentLoad> loads;
    for (const auto& [key, told] : told_) {
      ComponentLoad& load = loads[key];
      uint32_t in_flight = 0;
      for (const auto& counters : told.counters) {
        in_flight += counters->in_flight;
        // In this order, so that failures are never more than calls.
        load.failures += counters->failures;
        load.calls += counters->calls;
      }
      load.capacity = told.spec.max_instances;
      load.in_flight = std::min(in_flight, load.capacity);
      load.queued = in_flight - load.in_flight;
    }
    return loads;
  }

  void drain() override {
    on_all([](DataWorker& worker) { worker.drain(); });
    stop();
  }

 private:
  using Counters = std::vector<std::shared_ptr<ComponentCounters>>;  // of one revision, on each worker
  struct Told {
    ComponentSpec spec;
    Counters counters;
  };
  std::optional<Told> told_of(const RevisionKey& key) const {
    const std::scoped_lock lock(mutex_);
    const auto found = told_.find(key);
    return found == told_.end() ? std::nullopt : std::optional(found->second);
  }
  void keep(const RevisionKey& key, Told told) {
    const std::scoped_lock lock(mutex_);
    told_.insert_or_assign(key, std::move(told));
  }
  // Those that count already, or new ones.
  Counters counters_of(const RevisionKey& key) const {
    if (const auto told = told_of(key)) return told->counters;
    Counters fresh(workers_.size());
    for (auto& each : fresh) each = std::make_shared<ComponentCounters>();
    return fresh;
  }
  // Whether this is what runs, perhaps under another image reference, which it then has.
  bool is_same_revision(const ComponentSpec& spec) {
    auto told = told_of({spec.id, spec.digest});
    if (!told) return false;
    told->spec.image_ref = spec.image_ref;
    if (told->spec != spec) return false;
    for (auto& worker : workers_)
      run_on(worker->loop(), [&] {
        worker->rename_revision({spec.id, spec.digest}, spec.image_ref);
        return true;
      });
    keep({spec.id, spec.digest}, std::move(*told));
    return true;
  }

  Result<capability::ProviderFactory*> find_factory(std::string_view name) const {
    std::vector<std::string_view> names;
    for (auto* factory : shared_.options.factories) {
      if (factory->name() == name) return factory;
      names.push_back(factory->name());
    }
    return failure(Error(ErrorCode::not_found, fmt::format("this host has no built-in provider \"{}\"", name))
                       .with_remedy(fmt::format("it has {}", fmt::join(names, ", "))));
  }

  // Revisions end on their own workers.
  void give_back(std::vector<std::shared_ptr<Revision>>& made) {
    for (size_t index = 0; index < made.size(); ++index)
      run_on(workers_[index]->loop(), [&] {
        made[index].reset();
        return true;
      });
  }

  std::vector<Refusal> tell_surroundings() {
    std::vector<Refusal> refused;
    for (auto& worker : workers_) {
      auto more = run_on(worker->loop(), [&] { return worker->set_surroundings(surroundings_); });
      // Every worker refuses the same; but only the first listens, and can fail at that.
      if (refused.empty()) refused = std::move(more);
    }
    return refused;
  }

  // On all workers at once, since each may wait for its own calls to end, and for the others.
  template <class Work>
  void on_all(Work work) {
    async::Fiber& fiber = async::Fiber::current();
    async::MaskScope mask;
    size_t left = workers_.size();
    async::Signal changed;
    for (auto& worker : workers_)
      worker->loop().post([&, deadline = fiber.deadline(), each = worker.get()] {
        each->loop().spawn([&, deadline, each] {
          async::Fiber::current().set_deadline(deadline);
          work(*each);
          fiber.worker().post([&] {
            --left;
            changed.notify();
          });
        });
      });
    while (left > 0) (void)changed.wait();
  }

  void stop() {
    if (!std::exchange(running_, false)) return;
    for (auto& worker : workers_) worker->stop();
    workers_.clear();
  }

  DataShared shared_;
  runtime::Linker linker_;
  std::vector<std::unique_ptr<DataWorker>> workers_;
  bool running_ = false;
  Surroundings surroundings_;
  mutable std::mutex mutex_;  // of what follows
  std::map<RevisionKey, Told> told_;
};

}  // namespace

Result<std::unique_ptr<DataPlane>> DataPlane::start(DataPlaneOptions options) {
  auto plane = std::make_unique<Plane>(std::move(options));
  WATTLE_CHECK(plane->start());
  return plane;
}

}  // namespace wattle::host
