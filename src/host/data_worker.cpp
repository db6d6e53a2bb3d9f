#include "host/data_worker.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "bindings/key_value_wire.h"
#include "bindings/messaging_wire.h"
#include "bindings/provider_server.h"
#include "bindings/remote_components.h"
#include "bindings/remote_http.h"
#include "lattice/authorize.h"
#include "lattice/names.h"
#include "runtime/error_mapping.h"
#include "runtime/memory_trim.h"
#include "telemetry/log.h"
#include "wrpc/error.h"
#include "wrpc/protocol.h"

namespace wattle::host {
namespace {

constexpr std::string_view kIncomingHandler = "wasi:http/incoming-handler";
constexpr std::string_view kWatcher = "wasi:keyvalue/watcher";
constexpr Duration kDrainPoll = std::chrono::milliseconds(2);
// Of calls to what an application declares and runs nowhere, as between two versions of which never both run.
constexpr Duration kWaitForItMax = std::chrono::seconds(10);
constexpr Duration kLookAgain = std::chrono::milliseconds(50);
constexpr size_t kWaitingCallsMax = 10'000;  // of each worker

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

// As ProviderLink::same_link() tells links apart.
using LinkIdentity =
    std::tuple<std::string_view, std::string_view, std::string_view, std::string_view, std::string_view>;
LinkIdentity identity_of(const capability::ProviderLink& link) {
  return {link.source_id, link.name, link.wit_namespace, link.wit_package, link.target};
}

// Wherever it leads.
LinkIdentity way_of(const capability::ProviderLink& link) {
  return {link.source_id, link.name, link.wit_namespace, link.wit_package, {}};
}

bool says_the_same(const capability::ProviderLink& left, const capability::ProviderLink& right) {
  return left.same_link(right) && left.interfaces == right.interfaces && left.config == right.config &&
         left.secrets == right.secrets;
}

Refusal refusal_of(const std::string& provider_id, const capability::ProviderLink& link, Error reason) {
  return {provider_id,
          {.source_id = link.source_id,
           .target = link.target,
           .name = link.name,
           .wit_namespace = link.wit_namespace,
           .wit_package = link.wit_package},
          std::move(reason)};
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
  WATTLE_TRY(remote_, RemoteCalls::start(
                          *bus_, shared_.options.lattice, shared_.options.host_id,
                          {.links = [this] { return surroundings_.links; },
                           .hosts = [this] { return hosts_; },
                           .wait_for_it = [this](const std::string& target,
                                                 TimePoint since) { return wait_for_it(target, since); }}));
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
                                  .on_parked_called = shared_.options.on_parked_called,
                                  .spare_stores = shared_.spare_stores,
                                  .blocking = shared_.blocking,
                                  .http_client = *http_client_,
                                  .log = *shared_.options.log,
                                  .workers = shared_.options.workers,
                                  .grants = shared_.options.grants});
}

// Calls in flight hold the revision that was there before.
Result<void> DataWorker::put_revision(const ComponentSpec& spec, std::shared_ptr<Revision> revision) {
  const auto before = components_.find({spec.id, spec.digest});
  components_.put(spec, std::move(revision));
  if (before != nullptr && before->is_parked()) before->parked()->end();
  if (before != nullptr && spec.parked) runtime::trim_memory_soon(loop_);
  if (remote_ == nullptr) return {};
  auto served = remote_->serve(
      spec.id,
      [this, id = spec.id](wrpc::IncomingCall& call) -> Result<wrpc::Reply> { return answer(id, call); });
  if (!served) components_.remove({spec.id, spec.digest});
  return served;
}

void DataWorker::refuse_calls(const RevisionKey& key, const Error& reason, TimePoint until) {
  const auto revision = components_.find(key);
  if (revision != nullptr && revision->is_parked()) revision->parked()->refuse(reason, until);
}

void DataWorker::rename_revision(const RevisionKey& key, const std::string& image_ref) {
  components_.rename(key, image_ref);
}

// Interfaces whose resources become values on the wire have answers of their own.
Result<wrpc::Reply> DataWorker::answer(const std::string& component_id, wrpc::IncomingCall& call) {
  std::shared_ptr<Revision> revision;
  for (;;) {
    const auto* chosen =
        components_.choose_here(component_id, call.headers->find(wrpc::kRevisionHeader).value_or(""));
    if (chosen == nullptr) return failure(wrpc::refused(runs_nowhere(component_id)));
    revision = *chosen;
    if (!revision->is_parked()) break;
    if (auto waited = revision->wait_while_parked(); !waited)
      return failure(wrpc::refused(std::move(waited).error()));
  }
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
  // First what is parked: its calls would be waited for, and nobody answers them any more.
  for (const RevisionKey& key : components_.parked(id)) end_revision(key);
  if (remote_ != nullptr) remote_->stop_serving(id);
  components_.remove(id);
}

void DataWorker::remove_revision(const RevisionKey& key) {
  if (components_.has_only(key)) return remove_component(key.id);
  end_revision(key);
}

void DataWorker::end_revision(const RevisionKey& key) {
  const auto ended = components_.find(key);
  components_.remove(key);
  if (ended != nullptr && ended->is_parked()) ended->parked()->end();
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
  std::vector<Refusal> refused;
  // First: a call that comes along one of its links is not to find it without.
  give_links(running, refused);
  auto& placed = providers_.insert_or_assign(spec.id, std::move(running)).first->second;
  if (remote_ != nullptr)
    WATTLE_CHECK(
        remote_->serve(spec.id, [this, id = spec.id](wrpc::IncomingCall& call) -> Result<wrpc::Reply> {
          const auto provider = find_provider(id);
          if (provider == nullptr) return failure(wrpc::refused(runs_nowhere(id)));
          return bindings::answer_call(*provider, call);
        }));
  refused.clear();
  give_links(placed, refused);  // as they are by now
  if (!refused.empty()) return failure(std::move(refused.front().reason));
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
// leads elsewhere now, first the new target, so that it is never without one. One provider may have thousands
// of links, of which one is another.
void DataWorker::give_links(RunningProvider& running, std::vector<Refusal>& refused) {
  const auto wanted = links_of(running);
  if (std::equal(wanted.begin(), wanted.end(), running.links.begin(), running.links.end(), says_the_same))
    return;
  std::set<LinkIdentity> stay, ways;
  for (const auto& each : wanted) {
    stay.insert(identity_of(each));
    ways.insert(way_of(each));
  }
  const auto before = running.links;  // deleting may wait
  std::map<LinkIdentity, const capability::ProviderLink*> known;
  std::vector<const capability::ProviderLink*> left;
  for (const auto& each : before) {
    if (stay.contains(identity_of(each)))
      known.emplace(identity_of(each), &each);
    else if (each.source_id == running.spec.id && ways.contains(way_of(each)))
      left.push_back(&each);
    else
      running.provider->delete_link(each);
  }
  std::vector<capability::ProviderLink> told;
  for (const auto& link : wanted) {
    const auto same = known.find(identity_of(link));
    if (same == known.end() || !says_the_same(*same->second, link)) {
      if (auto put = running.provider->put_link(link); !put) {
        refused.push_back(refusal_of(running.spec.id, link, std::move(put).error()));
        if (same != known.end()) told.push_back(*same->second);
        continue;
      }
    }
    told.push_back(link);
  }
  for (const auto* link : left) running.provider->delete_link(*link);
  running.links = std::move(told);
}

std::vector<Refusal> DataWorker::set_surroundings(const Surroundings& surroundings) {
  const auto before = std::exchange(surroundings_, surroundings);
  gates_.follow(surroundings_.links);
  if (before.links != surroundings_.links) links_changed_.notify();
  std::vector<Refusal> refused;
  for (auto& [id, running] : providers_) {
    const auto config = lattice::merge_configs(*surroundings_.configs, running.spec.config);
    if (running.refused_config || config != lattice::merge_configs(*before.configs, running.spec.config)) {
      auto updated = running.provider->update_config(config);
      running.refused_config = updated ? std::optional<Error>() : std::move(updated).error();
    }
    if (running.refused_config) refused.push_back({id, {}, *running.refused_config});
    give_links(running, refused);
  }
  return refused;
}

void DataWorker::set_directory(std::shared_ptr<const lattice::DirectorySnapshot> hosts) {
  const auto before = std::exchange(hosts_, std::move(hosts));
  components_.follow(hosts_);
  places_changed_.notify();
  if (remote_ == nullptr) return;
  for (const auto& host : before->hosts())
    if (hosts_->find(host->host_id) == nullptr) remote_->host_is_gone(host->host_id);
}

void DataWorker::drain() {
  while (!providers_.empty()) remove_provider(providers_.begin()->first);
  const Error reason(ErrorCode::unavailable, "the host is shutting down");
  const auto revisions = components_.revisions();
  for (const auto& revision : revisions)
    if (revision->is_parked()) revision->parked()->refuse(reason, kNever);
  if (remote_ != nullptr)
    for (const std::string& id : components_.ids()) remote_->stop_serving(id);
  for (const auto& revision : revisions) {
    if (revision->is_parked()) continue;
    while (revision->pool().counts().busy > 0 && async::sleep_for(kDrainPoll)) {
    }
    revision->pool().shut_down(reason);
  }
  components_.clear();
  remote_.reset();
  spy_glass_.set_bus(nullptr);
  if (bus_ != nullptr) (void)bus_->drain();
  bus_.reset();
  http_client_->close_idle();
}

// ---- What happens here

bool DataWorker::runs_somewhere(const std::string& id) const {
  if (components_.newest(id) != nullptr || providers_.contains(id)) return true;
  const auto places = hosts_->places(id);
  return std::any_of(places.begin(), places.end(), [](const auto& place) { return !place.host->draining; });
}

bool DataWorker::wait_for_it(const std::string& target, TimePoint since) {
  if (!surroundings_.links->is_declared(target) || waiting_calls_ >= kWaitingCallsMax) return false;
  const TimePoint until = std::min(since + kWaitForItMax, async::Fiber::current().deadline());
  async::Signal* const changed[] = {&places_changed_};
  bool runs = false;
  ++waiting_calls_;
  do {
    // What the directory says may be older than what was just found out.
    if (!async::Signal::wait_any(changed, std::min(Clock::now() + kLookAgain, until))) break;
    runs = runs_somewhere(target);
  } while (!runs && Clock::now() < until);
  --waiting_calls_;
  return runs && Clock::now() < until;
}

bool DataWorker::wait_for_link(const std::string& source, TimePoint since) {
  const TimePoint until = std::min(since + kWaitForItMax, async::Fiber::current().deadline());
  if (!surroundings_.links->is_forming(source) || waiting_calls_ >= kWaitingCallsMax || Clock::now() >= until)
    return false;
  async::Signal* const changed[] = {&links_changed_};
  ++waiting_calls_;
  const bool goes_on = async::Signal::wait_any(changed, until).has_value();
  --waiting_calls_;
  return goes_on;
}

Result<const lattice::LinkTable::Entry*> DataWorker::link_of(const Caller& caller,
                                                             const runtime::LinkedImport& import) {
  const auto find = [&] {
    return lattice::authorize(*surroundings_.links, caller.component_id, "default", import.interface,
                              lattice::wire_function(import.name));
  };
  auto link = find();
  if (link) return link;
  const TimePoint since = Clock::now();
  while (!link && wait_for_link(caller.component_id, since)) link = find();
  return link;
}

std::shared_ptr<capability::Provider> DataWorker::find_provider(std::string_view id) const {
  const auto found = providers_.find(id);
  return found == providers_.end() ? nullptr : found->second.provider;
}

bool DataWorker::goes_here(std::string_view target, const RunningComponents::Choice& choice) const {
  if (choice.here == nullptr) return false;
  const Revision& here = **choice.here;
  if (remote_ == nullptr || !here.is_crowded()) return true;
  if (remote_->has_room_elsewhere(target, choice.image_ref, *hosts_)) return false;
  return !here.is_full() || !remote_->runs_elsewhere(target, choice.image_ref, *hosts_);
}

// Chosen again after each wait, by what has been told meanwhile.
Result<std::shared_ptr<Revision>> DataWorker::revision_here(std::string_view target,
                                                            RunningComponents::Choice& choice) {
  for (;;) {
    choice = components_.choose(target);
    if (!goes_here(target, choice)) return nullptr;
    auto held = *choice.here;
    if (!held->is_parked()) return held;
    WATTLE_CHECK(held->wait_while_parked());
  }
}

Result<void> DataWorker::call(const Caller& caller, runtime::ImportCall& call) {
  WATTLE_TRY(const auto* entry, link_of(caller, call.import()));
  const async::DeadlineScope deadline(deadline_of(*entry));
  const auto choice = components_.choose(entry->link.target);
  if (goes_here(entry->link.target, choice)) {
    const auto held = *choice.here;  // for the call, whatever is put meanwhile
    if (!held->is_parked()) return held->run(call);
    WATTLE_CHECK(held->wait_while_parked());
    return this->call(caller, call);  // by the links of now
  }
  if (remote_ == nullptr) return failure(runs_nowhere(entry->link.target));
  // Kept for the call, whatever is told meanwhile.
  const auto links = surroundings_.links;
  const std::string image_ref(choice.image_ref);
  return remote_->call(call, *entry, image_ref);
}

Result<std::shared_ptr<const bindings::RemoteTarget>> DataWorker::remote_target(
    const lattice::LinkTable::Entry& link, std::string_view image_ref) {
  if (remote_ == nullptr) return failure(runs_nowhere(link.link.target));
  return remote_->target(link, image_ref);
}

Result<tl::expected<void, std::string>> DataWorker::handle_message(const std::string& provider_id,
                                                                   std::string_view target,
                                                                   const capability::BrokerMessage& message) {
  constexpr std::string_view kHandler = "wasmcloud:messaging/handler";
  const auto links = surroundings_.links;
  WATTLE_TRY(const auto* entry,
             lattice::authorize(*links, provider_id, {}, kHandler, "handle-message", target));
  const async::DeadlineScope deadline(deadline_of(*entry));
  RunningComponents::Choice choice;
  WATTLE_TRY(const auto held, revision_here(target, choice));
  if (held != nullptr) {
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
  RunningComponents::Choice choice;
  WATTLE_TRY(const auto held, revision_here(target, choice));
  if (held != nullptr) {
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
  RunningComponents::Choice choice;
  const auto here = revision_here(target, choice);
  if (!here) return fail_http(provider_id, exchange, here.error());
  if (const auto& revision = *here; revision != nullptr) {
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
