#include "host/data_worker.h"

#include <algorithm>

#include "bindings/key_value_wire.h"
#include "bindings/messaging_wire.h"
#include "bindings/provider_server.h"
#include "bindings/remote_components.h"
#include "bindings/remote_http.h"
#include "lattice/authorize.h"
#include "lattice/names.h"
#include "runtime/error_mapping.h"
#include "telemetry/log.h"
#include "wrpc/error.h"
#include "wrpc/protocol.h"

namespace wattle::host {
namespace {

constexpr std::string_view kIncomingHandler = "wasi:http/incoming-handler";
constexpr std::string_view kWatcher = "wasi:keyvalue/watcher";
constexpr Duration kDrainPoll = std::chrono::milliseconds(2);

std::string told_of(std::string_view first, std::string_view second) {
  return fmt::format("({}, {})", spied_text(first), spied_text(second));
}

Error runs_nowhere(std::string_view target) {
  return Error(ErrorCode::unavailable,
               fmt::format("component \"{}\" runs on no host that can be reached", target))
      .with_remedy(fmt::format("start it: wattle start component FILE --id {}", target));
}

// Of a call along this link that begins now.
TimePoint deadline_of(const lattice::LinkTable::Entry& link) {
  return link.rules.timeout ? Clock::now() + *link.rules.timeout : kNever;
}

Error serves_no_http(std::string_view target) {
  return Error(ErrorCode::not_found,
               fmt::format("component \"{}\" serves no HTTP: it does not export wasi:http/incoming-handler",
                           target))
      .with_remedy("link one that does");
}

}  // namespace

// Calls of one provider of this worker into components.
class DataWorker::ProviderCalls final : public capability::ComponentCalls {
 public:
  ProviderCalls(DataWorker& worker, std::string provider_id)
      : worker_(worker), provider_id_(std::move(provider_id)) {}

  void handle_http(std::string_view target, http::Exchange& exchange) override {
    worker_.handle_http(provider_id_, target, exchange);
  }
  Result<tl::expected<void, std::string>> handle_message(std::string_view target,
                                                         const capability::BrokerMessage& message) override {
    return worker_.handle_message(provider_id_, target, message);
  }
  Result<void> key_was_set(std::string_view target, std::string_view bucket, std::string_view key,
                           std::string_view value) override {
    return worker_.tell_watcher(provider_id_, target, {.bucket = bucket, .key = key, .value = value});
  }
  Result<void> key_was_deleted(std::string_view target, std::string_view bucket,
                               std::string_view key) override {
    return worker_.tell_watcher(provider_id_, target, {.bucket = bucket, .key = key, .value = {}});
  }

 private:
  DataWorker& worker_;
  const std::string provider_id_;
};

DataWorker::DataWorker(DataShared& shared)
    : shared_(shared),
      spy_glass_(shared.options.host_id),
      http_client_(std::make_unique<http::Client>(loop_, shared.blocking, http::ClientOptions{})),
      hosts_(std::make_shared<const lattice::DirectorySnapshot>(
          std::vector<std::shared_ptr<const lattice::HostLease>>())),
      components_(shared.options.host_id) {}

DataWorker::~DataWorker() = default;

void DataWorker::start() {
  // Keeps the worker running while nothing happens.
  loop_.spawn([this] {
    while (!stopping_) (void)stopped_.wait();
  });
  thread_ = std::thread([this] {
    loop_.run();
    http_client_.reset();
  });
}

void DataWorker::stop() {
  loop_.post([this] {
    stopping_ = true;
    stopped_.notify();
  });
  thread_.join();
}

Result<void> DataWorker::connect() {
  WATTLE_TRY(bus_, shared_.options.connect(loop_));
  WATTLE_TRY(remote_, RemoteCalls::start(*bus_, shared_.options.lattice, shared_.options.host_id,
                                         [this] { return surroundings_.links; }));
  spy_glass_.set_bus(bus_.get());
  return {};
}

// ---- What the control side tells

Result<std::shared_ptr<Revision>> DataWorker::make_revision(
    const ComponentSpec& spec, std::shared_ptr<const runtime::LinkedComponent> linked,
    std::shared_ptr<ComponentCounters> counters) {
  return Revision::create(*this, {.spec = spec,
                                  .linked = std::move(linked),
                                  .counters = std::move(counters),
                                  .spare_stores = shared_.spare_stores,
                                  .blocking = shared_.blocking,
                                  .http_client = *http_client_,
                                  .log = *shared_.options.log,
                                  .workers = shared_.options.workers,
                                  .grants = shared_.options.grants});
}

// Calls in flight hold the revision that was there before.
Result<void> DataWorker::put_revision(const ComponentSpec& spec, std::shared_ptr<Revision> revision) {
  components_.put(spec, std::move(revision));
  if (remote_ == nullptr) return {};
  auto served = remote_->serve(
      spec.id,
      [this, id = spec.id](wrpc::IncomingCall& call) -> Result<wrpc::Reply> { return answer(id, call); });
  if (!served) components_.remove({spec.id, spec.digest});
  return served;
}

void DataWorker::rename_revision(const RevisionKey& key, const std::string& image_ref) {
  components_.rename(key, image_ref);
}

// Interfaces whose resources become values on the wire have answers of their own.
Result<wrpc::Reply> DataWorker::answer(const std::string& component_id, wrpc::IncomingCall& call) {
  const auto* chosen =
      components_.choose_here(component_id, call.headers->find(wrpc::kRevisionHeader).value_or(""));
  if (chosen == nullptr) return failure(wrpc::refused(runs_nowhere(component_id)));
  const std::shared_ptr<Revision> revision = *chosen;
  if (call.instance.starts_with("wrpc:http/incoming-handler")) {
    if (!revision->serves_http()) return failure(wrpc::refused(serves_no_http(component_id)));
    return bindings::answer_incoming(
        call, [this, revision, source = std::string(call.source_id)](http::Exchange& exchange) {
          const auto sighting = look_at_http(source, revision->id(), exchange);
          revision->handle_http(exchange);
        });
  }
  if (call.instance.starts_with("wrpc:keyvalue/watcher")) {
    WATTLE_TRY(const auto change, bindings::key_change_of(call));
    const auto sighting = spy_glass_.look(call.source_id, component_id, kWatcher, call.function);
    if (sighting != nullptr) sighting->arguments(told_of(change.bucket, change.key));
    WATTLE_CHECK(revision->tell_watcher({.bucket = change.bucket, .key = change.key, .value = change.value}));
    return wrpc::Reply{};
  }
  return revision->answer(call);
}

std::unique_ptr<Sighting> DataWorker::look_at_http(std::string_view source, const std::string& target,
                                                   http::Exchange& exchange) {
  auto sighting = spy_glass_.look(source, target, kIncomingHandler, "handle");
  if (sighting != nullptr)
    sighting->arguments(
        fmt::format("({} {})", exchange.request().method, exchange.request().path_with_query));
  return sighting;
}

bool DataWorker::serves_http(const std::string& id) const {
  const Revision* revision = components_.newest(id);
  return revision != nullptr && revision->serves_http();
}

void DataWorker::remove_component(const std::string& id) {
  if (remote_ != nullptr) remote_->stop_serving(id);
  components_.remove(id);
}

void DataWorker::remove_revision(const RevisionKey& key) {
  if (components_.has_only(key)) return remove_component(key.id);
  components_.remove(key);
}

void DataWorker::set_weights(std::shared_ptr<const lattice::WeightTable> weights) {
  components_.follow(std::move(weights));
}

Result<void> DataWorker::put_provider(const BuiltinProviderSpec& spec, capability::ProviderFactory& factory) {
  const auto config = lattice::merge_configs(*surroundings_.configs, spec.config);
  const auto secrets =
      values_of(surroundings_.secrets->of(spec.id, spec.config).value_or(SecretTable::Secrets()));
  if (auto running = providers_.find(spec.id); running != providers_.end()) {
    running->second.spec = spec;
    return running->second.provider->update_config(config);
  }
  RunningProvider running{spec, std::make_unique<ProviderCalls>(*this, spec.id), nullptr, {}};
  WATTLE_TRY(std::unique_ptr<capability::Provider> made, factory.make({.worker = loop_,
                                                                       .blocking = shared_.blocking,
                                                                       .log = *shared_.options.log,
                                                                       .components = *running.calls,
                                                                       .provider_id = spec.id,
                                                                       .config = config,
                                                                       .secrets = secrets}));
  running.provider = std::move(made);
  auto& placed = providers_.insert_or_assign(spec.id, std::move(running)).first->second;
  if (remote_ != nullptr)
    WATTLE_CHECK(
        remote_->serve(spec.id, [this, id = spec.id](wrpc::IncomingCall& call) -> Result<wrpc::Reply> {
          const auto provider = find_provider(id);
          if (provider == nullptr) return failure(wrpc::refused(runs_nowhere(id)));
          return bindings::answer_call(*provider, call);
        }));
  std::vector<Error> refused;
  give_links(placed, refused);
  if (!refused.empty()) return failure(std::move(refused.front()));
  return {};
}

void DataWorker::remove_provider(const std::string& id) {
  const auto found = providers_.find(id);
  if (found == providers_.end()) return;
  if (remote_ != nullptr) remote_->stop_serving(id);
  RunningProvider running = std::move(found->second);
  providers_.erase(found);
  running.provider->drain();
}

std::vector<capability::ProviderLink> DataWorker::links_of(const RunningProvider& running) const {
  const std::string& provider_id = running.spec.id;
  std::vector<capability::ProviderLink> links;
  const auto add = [&](const lattice::LinkTable::Entry& entry, const lattice::StringMap& config,
                       const std::vector<std::string>& config_names) {
    const lattice::Link& link = entry.link;
    // A provider calls along what is in force, and is called along the others too.
    if (link.source_id == provider_id && entry.phase != lattice::LinkPhase::in_force) return;
    capability::ProviderLink wanted{.source_id = link.source_id,
                                    .target = link.target,
                                    .name = link.name,
                                    .wit_namespace = link.wit_namespace,
                                    .wit_package = link.wit_package,
                                    .interfaces = link.interfaces,
                                    .config = config,
                                    .secrets = {}};
    if (const auto secrets = surroundings_.secrets->of(provider_id, config_names)) {
      wanted.secrets = values_of(*secrets);
    } else {
      // Until they are known, what it was.
      const auto before = std::find_if(running.links.begin(), running.links.end(),
                                       [&](const auto& known) { return known.same_link(wanted); });
      if (before == running.links.end()) return;
      wanted = *before;
    }
    links.push_back(std::move(wanted));
  };
  for (const auto* entry : surroundings_.links->of_source(provider_id))
    add(*entry, entry->source_config, entry->link.source_config);
  for (const auto* entry : surroundings_.links->of_target(provider_id))
    add(*entry, entry->target_config, entry->link.target_config);
  return links;
}

// Tells the provider what is gone, then what is new or has changed; of a link that it calls along, and that
// leads elsewhere now, first the new target, so that it is never without one.
void DataWorker::give_links(RunningProvider& running, std::vector<Error>& refused) {
  const auto wanted = links_of(running);
  const auto is_same = [](const capability::ProviderLink& left, const capability::ProviderLink& right) {
    return left.same_link(right) && left.interfaces == right.interfaces && left.config == right.config &&
           left.secrets == right.secrets;
  };
  const auto has_moved = [&](const capability::ProviderLink& known) {
    return known.source_id == running.spec.id &&
           std::any_of(wanted.begin(), wanted.end(), [&](capability::ProviderLink each) {
             each.target = known.target;
             return each.same_link(known);
           });
  };
  std::vector<capability::ProviderLink> kept, left;
  for (const auto& known : running.links) {
    const bool stays =
        std::any_of(wanted.begin(), wanted.end(), [&](const auto& each) { return each.same_link(known); });
    if (stays) {
      kept.push_back(known);
    } else if (has_moved(known)) {
      left.push_back(known);
    } else {
      running.provider->delete_link(known);
    }
  }
  for (const auto& link : wanted) {
    if (std::any_of(kept.begin(), kept.end(), [&](const auto& each) { return is_same(each, link); }))
      continue;
    auto put = running.provider->put_link(link);
    if (!put) {
      refused.push_back(std::move(put).error());
      continue;
    }
    std::erase_if(kept, [&](const auto& each) { return each.same_link(link); });
    kept.push_back(link);
  }
  for (const auto& link : left) running.provider->delete_link(link);
  running.links = std::move(kept);
}

std::vector<Error> DataWorker::set_surroundings(const Surroundings& surroundings) {
  const auto before = std::exchange(surroundings_, surroundings);
  gates_.follow(surroundings_.links);
  std::vector<Error> refused;
  for (auto& [id, running] : providers_) {
    const auto config = lattice::merge_configs(*surroundings_.configs, running.spec.config);
    if (config != lattice::merge_configs(*before.configs, running.spec.config))
      if (auto updated = running.provider->update_config(config); !updated)
        refused.push_back(std::move(updated).error());
    give_links(running, refused);
  }
  return refused;
}

void DataWorker::set_directory(std::shared_ptr<const lattice::DirectorySnapshot> hosts) {
  const auto before = std::exchange(hosts_, std::move(hosts));
  components_.follow(hosts_);
  if (remote_ == nullptr) return;
  for (const auto& host : before->hosts())
    if (hosts_->find(host->host_id) == nullptr) remote_->host_is_gone(host->host_id);
}

void DataWorker::drain() {
  while (!providers_.empty()) remove_provider(providers_.begin()->first);
  if (remote_ != nullptr)
    for (const std::string& id : components_.ids()) remote_->stop_serving(id);
  for (const auto& revision : components_.revisions()) {
    while (revision->pool().counts().busy > 0 && async::sleep_for(kDrainPoll)) {
    }
    revision->pool().shut_down(Error(ErrorCode::unavailable, "the host is shutting down"));
  }
  components_.clear();
  remote_.reset();
  spy_glass_.set_bus(nullptr);
  if (bus_ != nullptr) (void)bus_->drain();
  bus_.reset();
  http_client_->close_idle();
}

// ---- What happens here

std::shared_ptr<capability::Provider> DataWorker::find_provider(std::string_view id) const {
  const auto found = providers_.find(id);
  return found == providers_.end() ? nullptr : found->second.provider;
}

bool DataWorker::goes_here(std::string_view target, const RunningComponents::Choice& choice) const {
  if (choice.here == nullptr) return false;
  return remote_ == nullptr || !(*choice.here)->is_full() ||
         !remote_->runs_elsewhere(target, choice.image_ref, *hosts_);
}

Result<void> DataWorker::call(const Caller& caller, runtime::ImportCall& call) {
  const runtime::LinkedImport& import = call.import();
  const std::string_view interface(import.interface.data(),
                                   std::min(import.interface.find('@'), import.interface.size()));
  WATTLE_TRY(const auto* entry, lattice::authorize(*surroundings_.links, caller.component_id, "default",
                                                   import.interface, lattice::wire_function(import.name)));
  const async::DeadlineScope deadline(deadline_of(*entry));
  const auto choice = components_.choose(entry->link.target);
  if (goes_here(entry->link.target, choice)) {
    const auto held = *choice.here;  // for the call, whatever is put meanwhile
    return held->run(call);
  }
  if (remote_ == nullptr) return failure(runs_nowhere(entry->link.target));
  // Kept for the call, whatever is told meanwhile.
  const auto links = surroundings_.links;
  const auto hosts = hosts_;
  const std::string image_ref(choice.image_ref);
  return remote_->call(call, *entry, image_ref, *hosts);
}

Result<std::shared_ptr<const bindings::RemoteTarget>> DataWorker::remote_target(
    const lattice::LinkTable::Entry& link, std::string_view image_ref) {
  if (remote_ == nullptr) return failure(runs_nowhere(link.link.target));
  return remote_->target(link, image_ref, [this] { return hosts_; });
}

Result<tl::expected<void, std::string>> DataWorker::handle_message(const std::string& provider_id,
                                                                   std::string_view target,
                                                                   const capability::BrokerMessage& message) {
  constexpr std::string_view kHandler = "wasmcloud:messaging/handler";
  const auto links = surroundings_.links;
  WATTLE_TRY(const auto* entry,
             lattice::authorize(*links, provider_id, {}, kHandler, "handle-message", target));
  const async::DeadlineScope deadline(deadline_of(*entry));
  const auto choice = components_.choose(target);
  if (goes_here(target, choice)) {
    const auto held = *choice.here;
    const auto sighting = spy_glass_.look(provider_id, target, kHandler, "handle-message");
    if (sighting != nullptr) sighting->arguments(told_of(message.subject, message.body));
    return held->handle_message(message);
  }
  WATTLE_TRY(const auto elsewhere, remote_target(*entry, choice.image_ref));
  return elsewhere->call<tl::expected<void, std::string>>(
      {provider_id, entry->link.name}, bindings::messaging_wire::kHandler, "handle-message",
      bindings::messaging_wire::message_to_wire(message));
}

Result<void> DataWorker::tell_watcher(const std::string& provider_id, std::string_view target,
                                      const KeyChange& change) {
  const auto links = surroundings_.links;
  WATTLE_TRY(const auto* entry, lattice::authorize(*links, provider_id, {}, kWatcher, "on-set", target));
  const async::DeadlineScope deadline(deadline_of(*entry));
  const auto choice = components_.choose(target);
  if (goes_here(target, choice)) {
    const auto held = *choice.here;
    const auto sighting =
        spy_glass_.look(provider_id, target, kWatcher, change.value ? "on-set" : "on-delete");
    if (sighting != nullptr) sighting->arguments(told_of(change.bucket, change.key));
    return held->tell_watcher(change);
  }
  WATTLE_TRY(const auto elsewhere, remote_target(*entry, choice.image_ref));
  const capability::Caller caller{provider_id, entry->link.name};
  const std::string bucket(change.bucket), key(change.key);
  if (!change.value)
    return elsewhere->call_without_result(caller, bindings::key_value_wire::kWatcher, "on-delete", bucket,
                                          key);
  const bindings::ByteString value{std::string(*change.value)};
  return elsewhere->call_without_result(caller, bindings::key_value_wire::kWatcher, "on-set", bucket, key,
                                        value);
}

void DataWorker::handle_http(const std::string& provider_id, std::string_view target,
                             http::Exchange& exchange) {
  const auto links = surroundings_.links;
  auto entry = lattice::authorize(*links, provider_id, {}, kIncomingHandler, "handle", target);
  if (!entry) return fail_http(provider_id, exchange, entry.error());
  const async::DeadlineScope deadline(deadline_of(**entry));
  const auto choice = components_.choose(target);
  if (goes_here(target, choice)) {
    const std::shared_ptr<Revision> revision = *choice.here;
    if (!revision->serves_http()) return fail_http(provider_id, exchange, serves_no_http(target));
    const auto sighting = look_at_http(provider_id, revision->id(), exchange);
    return revision->handle_http(exchange);
  }
  const auto elsewhere = remote_target(**entry, choice.image_ref);
  if (!elsewhere) return fail_http(provider_id, exchange, elsewhere.error());
  if (auto done = bindings::forward_exchange(**elsewhere, {provider_id, (*entry)->link.name}, exchange);
      !done)
    log_http_failure(provider_id, exchange, done.error());
}

void DataWorker::fail_http(const std::string& provider_id, http::Exchange& exchange, const Error& error) {
  bindings::answer_failure(exchange, error);
  log_http_failure(provider_id, exchange, error);
}

void DataWorker::log_http_failure(const std::string& provider_id, http::Exchange& exchange,
                                  const Error& error) {
  if (exchange.disconnected()) return;  // by itself
  log().error("request failed", {{"provider", provider_id},
                                 {"method", exchange.request().method},
                                 {"path", exchange.request().path_with_query},
                                 {"code", to_string(error.code())},
                                 {"error", runtime::error_text(error)}});
}

}  // namespace wattle::host
