#include "providers/keyvalue_redis/watch.h"

#include <random>

namespace wattle::providers::redis {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kLeaseMs = "3000";
constexpr Duration kRenewal = 1s;
constexpr Duration kNextTry = 500ms;
constexpr Duration kCommandTimeout = 2s;

constexpr std::string_view kTakeScript = R"(
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) return 1 end
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
return 0
)";
constexpr std::string_view kGiveBackScript = R"(
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 0
)";

std::string random_token() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", device(), device(), device(), device());
}

bool is_deletion(std::string_view event) {
  return event == "del" || event == "expired" || event == "evicted" || event == "rename_from";
}

bool is_change(std::string_view event) {
  return event == "set" || event == "incrby" || event == "incrbyfloat" || event == "append" ||
         event == "setrange" || event == "setbit" || event == "rename_to" || event == "restore" ||
         event == "copy_to";
}

}  // namespace

Watch::Watch(const capability::ProviderContext& context, std::shared_ptr<Client> client, std::string name,
             Layout layout, std::shared_ptr<WatchDelivery> delivery)
    : worker_(context.worker),
      blocking_(context.blocking),
      log_(context.log),
      client_(std::move(client)),
      lease_key_(fmt::format("{}watch:{}", kOwnPrefix, name)),
      token_(random_token()),
      layout_(std::move(layout)),
      delivery_(std::move(delivery)) {}

void Watch::start() {
  fiber_ = worker_.spawn([self = shared_from_this()] { self->run(); });
}

void Watch::stop() {
  stopped_ = true;
  if (fiber_ != nullptr) fiber_->cancel();
  worker_.spawn([self = shared_from_this()] { self->give_lease_back(); });
}

void Watch::run() {
  while (!stopped_) {
    if (take_lease()) {
      auto listened = listen();
      if (stopped_) break;
      if (!listened)
        log_.debug("watching Redis was interrupted", {{"reason", listened.error().full_message()}});
    }
    if (!async::sleep_for(kNextTry)) break;
  }
  fiber_ = nullptr;
}

bool Watch::take_lease() {
  const async::DeadlineScope deadline(Clock::now() + kCommandTimeout);
  auto reply = client_->command({"EVAL", kTakeScript, "1", lease_key_, token_, kLeaseMs}, Repeat::allowed);
  return reply && reply->integer == 1;
}

void Watch::give_lease_back() {
  const async::DeadlineScope deadline(Clock::now() + kCommandTimeout);
  (void)client_->command({"EVAL", kGiveBackScript, "1", lease_key_, token_}, Repeat::never);
}

// Not every server lets its clients do so; then an administrator has to.
void Watch::turn_notifications_on() {
  const async::DeadlineScope deadline(Clock::now() + kCommandTimeout);
  auto now = client_->command({"CONFIG", "GET", "notify-keyspace-events"}, Repeat::allowed);
  std::string flags = now && now->items.size() == 2 ? now->items[1].text : std::string();
  const bool all = flags.find('A') != std::string::npos;
  for (const char flag : {'K', 'g', '$', 'x', 'e'})
    if (flags.find(flag) == std::string::npos && (flag == 'K' || !all)) flags += flag;
  auto set = client_->command({"CONFIG", "SET", "notify-keyspace-events", flags}, Repeat::never);
  if (!set && !stopped_)
    log_.warn(
        "Redis does not let its keyspace notifications be turned on; set notify-keyspace-events to Kg$xe",
        {{"reason", set.error().full_message()}});
}

Result<void> Watch::subscribe(http::Transport& transport, http::WaitingOwner& owner) {
  const std::string pattern =
      fmt::format("__keyspace@{}__:{}", client_->options().address.database, layout_.pattern());
  const std::string_view words[] = {"PSUBSCRIBE", pattern};
  std::string command;
  append_command(command, words);
  (void)transport.send(command);
  const async::DeadlineScope deadline(Clock::now() + kCommandTimeout);
  WATTLE_TRY(const Reply reply, next_reply(transport, owner));
  if (reply.kind == Reply::Kind::error) return failure(ErrorCode::invalid, "Redis refused: {}", reply.text);
  return {};
}

Result<void> Watch::listen() {
  turn_notifications_on();
  http::WaitingOwner owner;
  WATTLE_TRY(const auto transport, connect(worker_, blocking_, client_->options(), owner));
  WATTLE_CHECK(subscribe(*transport, owner));
  while (!stopped_) {
    const TimePoint renewal = Clock::now() + kRenewal;
    while (Clock::now() < renewal) {
      const async::DeadlineScope deadline(renewal);
      auto notification = next_reply(*transport, owner);
      if (notification) {
        WATTLE_CHECK(hear(*notification));
      } else if (notification.error().code() != ErrorCode::deadline_exceeded) {
        return failure(notification.error());
      }
    }
    if (!take_lease()) return failure(ErrorCode::unavailable, "another watch holds the lease");
  }
  return {};
}

Result<void> Watch::hear(const Reply& notification) {
  if (notification.items.size() != 4) return {};
  const std::string_view channel = notification.items[2].text;
  const std::string_view event = notification.items[3].text;
  const size_t colon = channel.find(':');
  if (colon == std::string_view::npos) return {};
  const std::string_view redis_key = channel.substr(colon + 1);
  const auto key = layout_.key_of(redis_key);
  if (!key) return {};
  if (is_deletion(event)) {
    delivery_->key_was_deleted(*key);
    return {};
  }
  if (!is_change(event) || !delivery_->rules().wants_set(*key)) return {};
  const async::DeadlineScope deadline(Clock::now() + kCommandTimeout);
  WATTLE_TRY(const Reply value, client_->command({"GET", redis_key}, Repeat::allowed));
  // Deleted since: that is told next.
  if (value.kind == Reply::Kind::text) delivery_->key_was_set(*key, value.text);
  return {};
}

}  // namespace wattle::providers::redis
