#include "host/secrets.h"

#include <algorithm>

namespace wattle::host {
namespace {

constexpr Duration kFetchTime = std::chrono::seconds(5);
constexpr Duration kRetryMin = std::chrono::milliseconds(200);
constexpr Duration kRetryMax = std::chrono::seconds(10);

// A backend that does not answer is not asked again in the same round.
bool is_down(ErrorCode code) {
  return code == ErrorCode::unavailable || code == ErrorCode::deadline_exceeded;
}

bool same(const SecretTable& left, const SecretTable& right) {
  return left.held == right.held;  // what did not change is the same object
}

}  // namespace

const SecretTable::Held* SecretTable::find(std::string_view entity, std::string_view config) const {
  const auto found = held.find(SecretKey{std::string(entity), std::string(config)});
  return found == held.end() ? nullptr : found->second.get();
}

std::optional<SecretTable::Secrets> SecretTable::of(std::string_view entity,
                                                    const std::vector<std::string>& configs) const {
  Secrets secrets;
  for (const std::string& config : configs) {
    if (!lattice::names_secret(config)) continue;
    const Held* found = find(entity, config);
    if (found == nullptr || !found->secret) return {};
    secrets.insert_or_assign(found->reference.name, *found->secret);
  }
  return secrets;
}

std::map<std::string, capability::SecretValue> values_of(const SecretTable::Secrets& secrets) {
  std::map<std::string, capability::SecretValue> values;
  for (const auto& [name, secret] : secrets) values.emplace(name, secret.value);
  return values;
}

lattice::SecretMap texts_of(const SecretTable::Secrets& secrets) {
  lattice::SecretMap texts;
  for (const auto& [name, secret] : secrets) {
    if (secret.is_bytes)
      texts.emplace(name, std::vector<uint8_t>(secret.value.begin(), secret.value.end()));
    else
      texts.emplace(name, secret.value);
  }
  return texts;
}

void SecretKeeper::start(async::Worker& worker, std::function<WantedSecrets()> wanted,
                         std::function<void(std::shared_ptr<const SecretTable>)> tell) {
  wanted_ = std::move(wanted);
  tell_ = std::move(tell);
  fiber_ = worker.spawn([this] { run(); });
}

void SecretKeeper::stop() {
  if (fiber_ == nullptr) return;
  fiber_->cancel();
  const async::MaskScope mask;
  while (!fiber_->finished()) async::Fiber::current().yield();
  fiber_ = nullptr;
}

void SecretKeeper::wanted_changed() {
  dirty_ = true;
  asked_.notify();
}

void SecretKeeper::run() {
  std::shared_ptr<const lattice::ConfigTable> configs;
  std::shared_ptr<const lattice::LinkTable> links;
  async::Signal* const signals[] = {&asked_, &state_.changed()};
  Duration pause = kRetryMin;
  TimePoint next = kNever;
  while (!async::Fiber::current().cancellation()) {
    const bool news = dirty_ || configs != state_.configs() || links != state_.links();
    if (!news && Clock::now() < next) {
      if (!async::Signal::wait_any(signals, next)) return;
      continue;
    }
    if (news) pause = kRetryMin;
    dirty_ = false;
    configs = state_.configs();
    links = state_.links();
    next = kNever;
    if (!round()) {
      next = Clock::now() + pause;
      pause = std::min(pause * 2, kRetryMax);
    }
  }
}

bool SecretKeeper::round() {
  const uint64_t number = ++rounds_begun_;
  auto next = std::make_shared<SecretTable>();
  std::map<std::string, Error> down;
  bool complete = true;
  for (const auto& [key, token] : wanted_()) {
    auto held = hold(key, token, down);
    complete = complete && !held->problem;
    next->held.emplace(key, std::move(held));
  }
  if (!same(*next, *table_)) {
    table_ = std::move(next);
    tell_(table_);
    changed_.notify();
  }
  rounds_over_ = number;
  round_over_.notify();
  return complete;
}

std::shared_ptr<const SecretTable::Held> SecretKeeper::hold(const SecretKey& key, const std::string& token,
                                                            std::map<std::string, Error>& down) {
  const auto known = table_->held.find(key);
  const auto before = known == table_->held.end() ? nullptr : known->second;
  const auto failed = [&](Error problem, bool forget = false) {
    const bool is_known = before && before->problem && (!forget || !before->secret) &&
                          before->problem->full_message() == problem.full_message();
    if (is_known) return before;
    log_.warn("a secret cannot be had",
              {{"config", key.config}, {"for", key.entity}, {"reason", problem.full_message()}});
    auto held = before && !forget ? std::make_shared<SecretTable::Held>(*before)
                                  : std::make_shared<SecretTable::Held>();
    held->problem = std::move(problem);
    return std::shared_ptr<const SecretTable::Held>(std::move(held));
  };
  const auto configs = state_.configs();
  const auto config = configs->find(key.config);
  if (config == configs->end())
    return failed(Error(ErrorCode::not_found, fmt::format("there is no config \"{}\"", key.config))
                      .with_remedy("wattle secrets put"),
                  true);
  auto reference = lattice::parse_secret_reference(key.config, config->second);
  if (!reference) return failed(reference.error());
  if (before && !before->problem && before->reference == *reference && before->token == token) return before;
  const auto refused = [&](const Error& problem) {
    return failed(problem.with_context(fmt::format("the secret \"{}\" of the backend \"{}\" cannot be had",
                                                   reference->key, reference->backend)));
  };
  if (const auto other = down.find(reference->backend); other != down.end()) return refused(other->second);
  const async::DeadlineScope deadline(Clock::now() + kFetchTime);
  auto secret = fetch_(*reference, token);
  if (!secret) {
    if (is_down(secret.error().code())) down.emplace(reference->backend, secret.error());
    return refused(secret.error());
  }
  auto held = std::make_shared<SecretTable::Held>();
  held->reference = std::move(*reference);
  held->token = token;
  held->secret = std::move(*secret);
  return held;
}

Result<void> SecretKeeper::wait_for(const std::string& entity, const std::vector<std::string>& configs) {
  if (std::none_of(configs.begin(), configs.end(), lattice::names_secret)) return {};
  const uint64_t begun = rounds_begun_;
  wanted_changed();
  while (rounds_over_ <= begun) WATTLE_CHECK(round_over_.wait());
  for (const std::string& config : configs) {
    if (!lattice::names_secret(config)) continue;
    const SecretTable::Held* held = table_->find(entity, config);
    if (held == nullptr)
      return failure(ErrorCode::internal, "the secret \"{}\" of \"{}\" was not asked for", config, entity);
    if (held->problem) return failure(*held->problem);
  }
  return {};
}

}  // namespace wattle::host
