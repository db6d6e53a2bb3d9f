#include "provider_process.h"

#include <algorithm>

#include "bindings/provider_server.h"
#include "lattice/authorize.h"
#include "lattice/json_fields.h"
#include "lattice/names.h"
#include "nats/nkey.h"
#include "wrpc/error.h"

namespace wattle::sdk {
namespace {

using capability::ProviderLink;
using lattice::ProviderLinkDefinition;

constexpr size_t kNewsMax = 10'000;
constexpr size_t kLinksMax = 100'000;
constexpr int kHealthAskedMax = 4;  // at once

template <class Link>
std::string key_of(const Link& link) {
  return fmt::format("{} {} {} {} {}", link.source_id, link.target, link.name, link.wit_namespace,
                     link.wit_package);
}

capability::SecretValue text_of(const lattice::SecretText& secret) {
  if (const auto* text = std::get_if<std::string>(&secret)) return *text;
  const auto& bytes = std::get<std::vector<uint8_t>>(secret);
  return {bytes.begin(), bytes.end()};
}

std::map<std::string, capability::SecretValue> texts_of(const lattice::SecretMap& secrets) {
  std::map<std::string, capability::SecretValue> texts;
  for (const auto& [name, secret] : secrets) texts.emplace(name, text_of(secret));
  return texts;
}

}  // namespace

// ---- Life

ProviderProcess::ProviderProcess(lattice::Bus& bus, lattice::HostData data, const telemetry::Log& log,
                                 ProcessOptions options)
    : bus_(bus),
      data_(std::move(data)),
      log_(log),
      options_(options),
      table_(lattice::LinkTable::build({})),
      fibers_(bus.worker()) {}

ProviderProcess::~ProviderProcess() = default;

Result<std::unique_ptr<ProviderProcess>> ProviderProcess::start(lattice::Bus& bus, lattice::HostData data,
                                                                capability::ProviderFactory& factory,
                                                                const telemetry::Log& log,
                                                                ProcessOptions options) {
  WATTLE_CHECK(lattice::check_id(data.provider_key, "the provider's id"));
  WATTLE_CHECK(lattice::check_lattice(data.lattice_rpc_prefix));
  std::unique_ptr<ProviderProcess> process(new ProviderProcess(bus, std::move(data), log, options));
  if (auto begun = process->begin(factory); !begun) {
    process->stop();
    return failure(std::move(begun).error());
  }
  return process;
}

Result<void> ProviderProcess::begin(capability::ProviderFactory& factory) {
  WATTLE_TRY(client_, wrpc::Client::start(bus_));
  WATTLE_TRY(server_, wrpc::Server::start(bus_, {.host = data_.host_id}));
  components_ =
      std::make_unique<bindings::RemoteComponents>(*client_, data_.lattice_rpc_prefix, data_.provider_key);
  WATTLE_TRY(provider_, factory.make({.worker = bus_.worker(),
                                      .blocking = blocking_,
                                      .log = log_,
                                      .components = *components_,
                                      .provider_id = data_.provider_key,
                                      .config = data_.config,
                                      .secrets = texts_of(data_.secrets)}));
  for (const ProviderLinkDefinition& definition : data_.link_definitions) {
    WATTLE_TRY(ProviderLink link, open(definition));
    put_link(std::move(link));
  }
  // Whom anybody calls, and whom a host calls that knows where we are.
  for (const std::string& prefix :
       {lattice::call_prefix(data_.lattice_rpc_prefix, data_.provider_key),
        lattice::host_call_prefix(data_.lattice_rpc_prefix, data_.host_id, data_.provider_key)}) {
    WATTLE_TRY(auto service,
               server_->serve(prefix, prefix, [this](wrpc::IncomingCall& call) { return answer(call); }));
    services_.push_back(std::move(service));
  }
  fibers_.spawn([this] { follow(); });
  return listen();
}

void ProviderProcess::wait() {
  while (!stop_asked_ && stop_.wait()) continue;
}

void ProviderProcess::ask_to_stop() {
  stop_asked_ = true;
  stop_.notify();
}

void ProviderProcess::stop() {
  stop_asked_ = true;
  const async::DeadlineScope deadline(Clock::now() + options_.drain_time);
  subscriptions_.clear();
  for (const auto& service : services_) (void)service->drain();
  services_.clear();
  if (provider_) provider_->drain();
  fibers_.stop();
  server_.reset();
  provider_.reset();
  components_.reset();
  client_.reset();
}

// ---- What the host says

Result<void> ProviderProcess::listen(std::string_view id, std::string_view verb,
                                     void (ProviderProcess::*take)(std::string)) {
  const std::string subject = lattice::provider_subject(data_.lattice_rpc_prefix, id, verb);
  // In the reader, so that what comes on several subjects keeps its order.
  WATTLE_TRY(auto subscription, bus_.subscribe(subject, {}, [this, take](lattice::Message message) {
    if (news_.size() >= kNewsMax) return log_.error("the host tells more than can be kept; some is lost");
    news_.push_back([this, take, json = std::move(message.payload)] { (this->*take)(json); });
    news_came_.notify();
  }));
  subscriptions_.push_back(std::move(subscription));
  return {};
}

// Health comes last, since whoever gets an answer to it takes us for ready.
Result<void> ProviderProcess::listen() {
  const std::string& id = data_.provider_key;
  std::vector<std::string> names{id};  // links with secrets come under the key that can open them
  if (!data_.provider_xkey_private_key.empty()) {
    WATTLE_TRY(const auto key, nats::CurveKeyPair::from_seed(data_.provider_xkey_private_key));
    names.push_back(key.public_key());
  }
  for (const std::string& name : names)
    WATTLE_CHECK(listen(name, "linkdefs.put", &ProviderProcess::take_put));
  WATTLE_CHECK(listen(id, "linkdefs.del", &ProviderProcess::take_deletion));
  WATTLE_CHECK(listen(id, "config.update", &ProviderProcess::take_config));
  WATTLE_TRY(auto shutdown,
             bus_.subscribe(lattice::provider_subject(data_.lattice_rpc_prefix, id, "default.shutdown"), {},
                            [this](const lattice::Message& message) { answer_shutdown(message); }));
  subscriptions_.push_back(std::move(shutdown));
  WATTLE_CHECK(bus_.flush());
  for (const std::string& name : names) {
    WATTLE_TRY(
        auto health,
        bus_.subscribe(lattice::provider_subject(data_.lattice_rpc_prefix, name, "health"), {},
                       [this](lattice::Message message) {
                         if (health_asked_ >= kHealthAskedMax) return;  // whoever asks, asks again
                         ++health_asked_;
                         fibers_.spawn([this, message = std::move(message)] { answer_health(message); });
                       }));
    subscriptions_.push_back(std::move(health));
  }
  return bus_.flush();
}

void ProviderProcess::follow() {
  while (!async::Fiber::current().cancellation()) {
    if (news_.empty()) {
      if (!news_came_.wait()) return;
      continue;
    }
    const auto piece = std::move(news_.front());
    news_.pop_front();
    piece();
  }
}

void ProviderProcess::take_put(std::string json) {
  auto definition = lattice::parse_provider_link(json);
  auto link = definition ? open(*definition) : failure(std::move(definition).error());
  if (!link) return log_.error(link.error().with_context("the host put a link that cannot be read"));
  put_link(*std::move(link));
}

void ProviderProcess::take_deletion(std::string json) {
  auto definition = lattice::parse_provider_link(json);
  if (!definition)
    return log_.error(definition.error().with_context("the host deleted a link that cannot be read"));
  ProviderLink link;
  link.source_id = definition->source_id;
  link.target = definition->target;
  link.name = definition->name;
  link.wit_namespace = definition->wit_namespace;
  link.wit_package = definition->wit_package;
  const std::string key = key_of(link);
  const auto found = links_.find(key);
  if (found == links_.end()) return;
  found->second.change = ++changes_;
  // As a source, nobody calls us through it.
  if (definition->target != data_.provider_key) return remove(key);
  found->second.leaving = true;
  fibers_.spawn([this, key, change = changes_] { let_go(key, change); });
}

void ProviderProcess::take_config(std::string json) {
  const auto parsed = lattice::parse_json<lattice::StringMap>(json);
  if (!parsed) return log_.error(parsed.error().with_context("the host told a config that cannot be read"));
  if (auto updated = provider_->update_config(*parsed); !updated)
    log_.error(updated.error().with_context("the new config is not used"));
}

void ProviderProcess::answer_health(const lattice::Message& message) {
  const capability::Health health = provider_->health();
  lattice::ProviderHealth answer{.healthy = health.healthy};
  if (!health.message.empty()) answer.message = health.message;
  --health_asked_;
  (void)bus_.publish(message.reply, lattice::to_json(answer));
}

// The subject is shared with processes of the same provider on other hosts.
void ProviderProcess::answer_shutdown(const lattice::Message& message) {
  const auto who = lattice::parse_object(message.payload, "the request to shut down");
  const auto* host = who ? who->if_contains("host_id") : nullptr;
  if (host == nullptr || !host->is_string() || host->get_string() != data_.host_id) return;
  (void)bus_.publish(message.reply, "shutting down");
  ask_to_stop();
}

// ---- Links

Result<ProviderLink> ProviderProcess::open(const ProviderLinkDefinition& definition) const {
  const bool is_target = definition.target == data_.provider_key;
  if (!is_target && definition.source_id != data_.provider_key)
    return failure(ErrorCode::invalid_argument,
                   "the link from \"{}\" to \"{}\" is not one of provider \"{}\"", definition.source_id,
                   definition.target, data_.provider_key);
  ProviderLink link{.source_id = definition.source_id,
                    .target = definition.target,
                    .name = definition.name,
                    .wit_namespace = definition.wit_namespace,
                    .wit_package = definition.wit_package,
                    .interfaces = definition.interfaces,
                    .config = is_target ? definition.target_config : definition.source_config,
                    .secrets = {}};
  const auto& sealed = is_target ? definition.target_secrets : definition.source_secrets;
  if (!sealed || sealed->empty()) return link;
  WATTLE_TRY(const auto key, nats::CurveKeyPair::from_seed(data_.provider_xkey_private_key));
  WATTLE_TRY(const std::string json,
             key.open(std::string(sealed->begin(), sealed->end()), data_.host_xkey_public_key));
  WATTLE_TRY(const auto secrets, lattice::parse_secrets(json));
  link.secrets = texts_of(secrets);
  return link;
}

void ProviderProcess::put_link(ProviderLink link) {
  const std::string key = key_of(link);
  if (!links_.contains(key) && links_.size() >= kLinksMax)
    return log_.error("there are more links than can be kept", {{"source", link.source_id}});
  Known& known = links_[key];
  known.change = ++changes_;
  known.leaving = false;
  const bool is_same = !known.refused && known.link.same_link(link) &&
                       known.link.interfaces == link.interfaces && known.link.config == link.config &&
                       known.link.secrets == link.secrets;
  if (is_same) return;
  auto put = provider_->put_link(link);
  known.refused = put ? std::nullopt : std::optional(put.error());
  if (!put)
    log_.error(put.error().with_context(
        fmt::format("the link \"{}\" of \"{}\" is refused", link.name, link.source_id)));
  known.link = std::move(link);
  links_changed();
}

// After who may still call through it has, and its last call; unless it was put again meanwhile.
void ProviderProcess::let_go(const std::string& key, uint64_t change) {
  if (!async::sleep_for(options_.link_patience)) return;
  while (true) {
    const auto found = links_.find(key);
    if (found == links_.end() || !found->second.leaving || found->second.change != change) return;
    if (found->second.calls == 0) return remove(key);
    if (!call_ended_.wait()) return;
  }
}

void ProviderProcess::remove(const std::string& key) {
  const auto found = links_.find(key);
  const Known known = std::move(found->second);
  links_.erase(found);
  links_changed();
  if (!known.refused) provider_->delete_link(known.link);
}

void ProviderProcess::links_changed() {
  std::vector<lattice::Link> links;
  for (const auto& [key, known] : links_)
    links.push_back({.source_id = known.link.source_id,
                     .target = known.link.target,
                     .name = known.link.name,
                     .wit_namespace = known.link.wit_namespace,
                     .wit_package = known.link.wit_package,
                     .interfaces = known.link.interfaces,
                     .source_config = {},
                     .target_config = {}});
  table_ = lattice::LinkTable::build(std::move(links));
  links_changed_.notify();
}

// ---- Calls

Result<std::string> ProviderProcess::authorize(const wrpc::IncomingCall& call) {
  const TimePoint until = Clock::now() + options_.link_patience;
  async::Signal* const signals[] = {&links_changed_};
  while (true) {
    const auto table = table_;
    auto allowed = lattice::authorize(*table, call.source_id, call.link_name, call.instance, call.function,
                                      data_.provider_key);
    if (allowed) {
      const lattice::Link& link = (*allowed)->link;
      std::string key = key_of(link);
      if (const auto& refused = links_.at(key).refused) return failure(*refused);
      return key;
    }
    if (Clock::now() >= until || stop_asked_) return failure(std::move(allowed).error());
    WATTLE_CHECK(async::Signal::wait_any(signals, until));
  }
}

Result<wrpc::Reply> ProviderProcess::answer(wrpc::IncomingCall& call) {
  const auto key = authorize(call);
  if (!key) return failure(wrpc::refused(key.error()));
  // It stays in links_ while it has calls.
  ++links_.at(*key).calls;
  auto reply = bindings::answer_call(*provider_, call);
  if (--links_.at(*key).calls == 0) call_ended_.notify();
  return reply;
}

}  // namespace wattle::sdk
