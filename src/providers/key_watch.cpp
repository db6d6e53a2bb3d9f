#include "providers/key_watch.h"

#include "telemetry/log.h"

namespace wattle::providers {
namespace {

using namespace std::chrono_literals;

constexpr int kAttemptsMax = 5;
constexpr Duration kFirstPause = 50ms;
constexpr Duration kCallTimeout = 10s;

bool may_work_later(const Error& error) {
  return error.code() == ErrorCode::unavailable || error.code() == ErrorCode::overloaded;
}

}  // namespace

Result<WatchRules> WatchRules::read(const Settings& settings) {
  WatchRules rules;
  rules.bucket_ = settings.text("bucket", "default");
  for (const std::string& part : settings.list("watch")) {
    const size_t at = part.find('@');
    const std::string what = lower_case(part.substr(0, at));
    if (at == std::string::npos || (what != "set" && what != "del" && what != "all"))
      return failure(Error(ErrorCode::invalid_argument, fmt::format("\"{}\" says no change to watch", part))
                         .with_remedy("write SET@KEY, DEL@KEY or ALL@KEY, with commas between them"));
    Rule rule{.set = what != "del", .deleted = what != "set", .key = part.substr(at + 1)};
    if (rule.key.ends_with('*')) {
      rule.prefix = true;
      rule.key.pop_back();
    }
    rules.rules_.push_back(std::move(rule));
  }
  if (rules.rules_.empty()) rules.rules_.push_back({.set = true, .deleted = true, .prefix = true, .key = ""});
  return rules;
}

bool WatchRules::wants(std::string_view key, bool set) const {
  for (const Rule& rule : rules_) {
    if (!(set ? rule.set : rule.deleted)) continue;
    if (rule.prefix ? key.starts_with(rule.key) : key == rule.key) return true;
  }
  return false;
}

WatchDelivery::WatchDelivery(const capability::ProviderContext& context, std::string target, WatchRules rules)
    : worker_(context.worker),
      log_(context.log),
      components_(context.components),
      target_(std::move(target)),
      rules_(std::move(rules)) {}

void WatchDelivery::key_was_set(std::string_view key, std::string_view value) {
  if (rules_.wants_set(key)) add({std::string(key), std::string(value), true});
}

void WatchDelivery::key_was_deleted(std::string_view key) {
  if (rules_.wants_delete(key)) add({std::string(key), {}, false});
}

void WatchDelivery::add(Change change) {
  if (closed_) return;
  const size_t bytes = change.key.size() + change.value.size();
  if (changes_.size() >= kChangesMax || bytes_ + bytes > kBytesMax) {
    if (!std::exchange(dropping_, true))
      log_.warn("a component is too slow for the changes that it watches; some are left out",
                {{"component", target_}, {"bucket", rules_.bucket()}});
    return;
  }
  dropping_ = false;
  bytes_ += bytes;
  changes_.push_back(std::move(change));
  if (fiber_ == nullptr) fiber_ = worker_.spawn([self = shared_from_this()] { self->run(); });
}

void WatchDelivery::run() {
  while (!closed_ && !changes_.empty()) {
    const Change change = std::move(changes_.front());
    changes_.pop_front();
    bytes_ -= change.key.size() + change.value.size();
    auto delivered = deliver(change.key, change.set ? &change.value : nullptr);
    if (closed_) break;
    if (!delivered)
      log_.warn("a component did not take the change of a key that it watches",
                {{"component", target_},
                 {"bucket", rules_.bucket()},
                 {"reason", delivered.error().full_message()}});
  }
  fiber_ = nullptr;
}

Result<void> WatchDelivery::deliver(std::string_view key, const std::string* value) {
  Duration pause = kFirstPause;
  for (int attempt = 1;; ++attempt) {
    Result<void> called;
    {
      async::DeadlineScope scope(Clock::now() + kCallTimeout);
      called = value != nullptr ? components_.key_was_set(target_, rules_.bucket(), key, *value)
                                : components_.key_was_deleted(target_, rules_.bucket(), key);
    }
    if (called || closed_ || attempt == kAttemptsMax || !may_work_later(called.error())) return called;
    WATTLE_CHECK(async::sleep_for(pause));
    pause *= 2;
  }
}

void WatchDelivery::close() {
  closed_ = true;
  changes_.clear();
  if (fiber_ != nullptr) fiber_->cancel();
}

}  // namespace wattle::providers
