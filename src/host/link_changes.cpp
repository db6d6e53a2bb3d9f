#include "host/link_changes.h"

#include <algorithm>

#include "lattice/names.h"

namespace wattle::host {
namespace {

using lattice::LinkKey;
using lattice::LinkPhase;
using lattice::StoredLinks;
using namespace std::chrono_literals;

constexpr Duration kPatience = 1s;
// Calls that were on their way between hosts when a link was moved arrive within this.
constexpr Duration kGoingMin = 1s;
constexpr Duration kGoingMax = 60s;
// A change that is not finished then is one whose host has died.
constexpr Duration kUnfinishedMax = 2 * kGoingMax;
constexpr Duration kSettledPoll = 1ms;
constexpr Duration kRetry = 1s;
constexpr Duration kWriteTime = 5s;
constexpr uint64_t kAskMax_ms = 60'000;
constexpr size_t kRecordBytesMax = size_t{128} << 10;
constexpr size_t kFibersMax = 64;

uint64_t milliseconds_of(Duration duration) {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

// Whether it is so among the links that the store holds as `value`.
bool is_in_force(const lattice::Link& link, const std::string& value) {
  const auto links = lattice::parse_stored_links(value);
  return links && std::any_of(links->begin(), links->end(), [&](const lattice::StoredLink& each) {
           return each.phase == LinkPhase::in_force && each.link == link;
         });
}

}  // namespace

Result<std::unique_ptr<LinkChanges>> LinkChanges::start(LinkChangesParts parts) {
  std::unique_ptr<LinkChanges> changes(new LinkChanges(std::move(parts)));
  LinkChangesParts& own = changes->parts_;
  lattice::SubscribeOptions options;
  options.fibers_max = kFibersMax;
  WATTLE_TRY(changes->subscription_,
             own.bus.subscribe(lattice::link_state_subject(own.lattice, own.host_id), std::move(options),
                               [raw = changes.get()](const auto& message) { raw->answer(message); }));
  changes->spawn([raw = changes.get()] { raw->watch(); });
  return changes;
}

void LinkChanges::stop() {
  stopping_ = true;
  const async::MaskScope mask;  // all waits here are bounded
  obeyed_changed_.notify();
  if (subscription_) (void)subscription_->drain();
  subscription_.reset();
  for (const auto& fiber : fibers_) fiber->cancel();
  for (const auto& fiber : fibers_)
    while (!fiber->finished()) async::Fiber::current().yield();
  fibers_.clear();
}

void LinkChanges::spawn(std::function<void()> work) {
  if (stopping_) return;
  std::erase_if(fibers_, [](const auto& fiber) { return fiber->finished(); });
  fibers_.push_back(parts_.bus.worker().spawn(std::move(work)));
}

void LinkChanges::obeyed(std::shared_ptr<const lattice::StoreSnapshot> snapshot) {
  obeyed_ = std::move(snapshot);
  obeyed_changed_.notify();
}

// ---- What others ask of this host

void LinkChanges::answer(const lattice::Message& message) {
  if (message.reply.empty()) return;
  const auto request = lattice::parse_link_state(message.payload);
  auto answered = request ? answer(*request) : Result<std::string>(failure(request.error()));
  const lattice::Reply reply =
      answered ? lattice::Reply::ok("", std::move(*answered)) : lattice::Reply::refused(answered.error());
  (void)parts_.bus.publish(message.reply, lattice::to_json(reply));
}

Result<std::string> LinkChanges::answer(const lattice::LinkStateRequest& request) {
  const auto patience = std::chrono::milliseconds(std::min(request.timeout_ms, kAskMax_ms));
  const async::DeadlineScope deadline(Clock::now() + patience);
  const std::string key = lattice::LatticeState::key_of(request.key);
  if (!request.value.empty() || request.in_force) WATTLE_CHECK(wait_until_obeyed(request, key));
  if (request.copy.empty()) return std::string();
  return records(request, key);
}

Result<void> LinkChanges::wait_until_obeyed(const lattice::LinkStateRequest& request,
                                            const std::string& key) {
  const auto obeys = [&] {
    const auto value = obeyed_ ? obeyed_->find(key) : nullptr;
    return value != nullptr &&
           (request.in_force ? is_in_force(*request.in_force, *value) : *value == request.value);
  };
  while (!obeys()) {
    if (stopping_) return failure(ErrorCode::unavailable, "the host is shutting down");
    WATTLE_CHECK(obeyed_changed_.wait());
  }
  while (request.settled && !parts_.data.links_settled(request.key)) {
    if (stopping_) return failure(ErrorCode::unavailable, "the host is shutting down");
    WATTLE_CHECK(async::sleep_for(kSettledPoll));
  }
  return {};
}

Result<std::string> LinkChanges::records(const lattice::LinkStateRequest& request, const std::string& key) {
  refresh();
  const auto found = watched_.find(key);
  if (found == watched_.end() || found->second.copy != request.copy)
    return failure(ErrorCode::not_found, "this host does not record for that copy any more");
  Watched& watched = found->second;
  watched.asked = Clock::now();
  if (request.sequence == watched.sequence && request.sequence > 0) return watched.records;
  if (request.sequence != watched.sequence + 1)
    return failure(ErrorCode::not_found, "this host has not recorded from the copy's beginning");
  WATTLE_TRY(const auto taken, parts_.data.take_records(request.key, request.copy, kRecordBytesMax));
  // Asking the workers took a moment.
  const auto again = watched_.find(key);
  if (again == watched_.end() || again->second.copy != request.copy)
    return failure(ErrorCode::not_found, "this host does not record for that copy any more");
  again->second.sequence = request.sequence;
  again->second.records = lattice::to_json(taken);
  return again->second.records;
}

// ---- Replacing

bool LinkChanges::await_hosts(const LinkKey& key, const std::string& value, bool settled, Duration patience) {
  return await_hosts(
      parts_.live_hosts(),
      {.key = key, .value = value, .settled = settled, .timeout_ms = milliseconds_of(patience)});
}

void LinkChanges::await_providers(const lattice::Link& link) {
  std::vector<std::string> hosts = parts_.provider_hosts(link.source_id);
  for (std::string& host : parts_.provider_hosts(link.target)) hosts.push_back(std::move(host));
  if (await_hosts(hosts, {.key = lattice::LatticeState::key_of(link),
                          .in_force = link,
                          .timeout_ms = milliseconds_of(kPatience)}))
    return;
  parts_.log.warn("not every host of its provider has said that it obeys a link",
                  {{"link", lattice::describe(link)}});
}

bool LinkChanges::await_hosts(const std::vector<std::string>& hosts,
                              const lattice::LinkStateRequest& request) {
  // Shared with fibers that may outlive this one's patience.
  struct Asked {
    size_t left = 0;
    bool all_obey = true;
    async::Signal answered;
  };
  const auto asked = std::make_shared<Asked>();
  asked->left = hosts.size();
  for (const std::string& host : hosts)
    spawn([this, asked, host, request] {
      const async::DeadlineScope deadline(Clock::now() + std::chrono::milliseconds(request.timeout_ms) + 1s);
      if (!lattice::ask_link_state(parts_.bus, parts_.lattice, host, request)) asked->all_obey = false;
      --asked->left;
      asked->answered.notify();
    });
  const TimePoint until = Clock::now() + std::chrono::milliseconds(request.timeout_ms);
  async::Signal* const signals[] = {&asked->answered};
  while (asked->left > 0 && Clock::now() < until)
    if (!async::Signal::wait_any(signals, until)) return false;
  return asked->left == 0 && asked->all_obey;
}

Result<void> LinkChanges::replace(const lattice::Link& link) {
  WATTLE_CHECK(parts_.state.check_new(link));
  const LinkKey key = lattice::LatticeState::key_of(link);
  bool moved = false;
  WATTLE_TRY(const std::string announced,
             parts_.state.change_links(key, [&](StoredLinks links) -> Result<StoredLinks> {
               moved = lattice::moves(links, link);
               return moved ? lattice::announce(std::move(links), link)
                            : lattice::put(std::move(links), link);
             }));
  if (!moved) return {};
  if (!await_hosts(key, announced, false, kPatience))
    parts_.log.warn("not every host was ready when a link was put to another target",
                    {{"link", lattice::describe(link)}});
  WATTLE_TRY(std::string in_force,
             parts_.state.change_links(key, [&](StoredLinks links) -> Result<StoredLinks> {
               return lattice::put_in_force(std::move(links), link);
             }));
  retire_later(key, std::move(in_force));
  return {};
}

void LinkChanges::retire_later(const LinkKey& key, std::string value) {
  spawn([this, key, value = std::move(value)] {
    // Whoever changes it meanwhile retires this too.
    const std::string name = lattice::LatticeState::key_of(key);
    const auto is_same = [&] {
      const auto now = parts_.state.snapshot()->find(name);
      return now != nullptr && *now == value;
    };
    const TimePoint until = Clock::now() + kGoingMax;
    do {
      if (!async::sleep_for(kGoingMin) || !is_same()) return;
    } while (!await_hosts(key, value, true, kPatience) && Clock::now() < until);
    change(key, [&](StoredLinks links) -> Result<StoredLinks> {
      return lattice::to_json(links) == value ? lattice::retire(std::move(links)) : std::move(links);
    });
  });
}

Result<lattice::LinkCopyAck> LinkChanges::copy(const lattice::LinkCopyRequest& request) {
  using lattice::LinkCopyStep;
  const lattice::LinkCopy& copy = request.copy;
  if (request.step == LinkCopyStep::begin)
    WATTLE_CHECK(parts_.state.wait_for_configs(copy.next_target_config, kPatience));
  const auto step = [&](StoredLinks links) -> Result<StoredLinks> {
    switch (request.step) {
      case LinkCopyStep::begin:
        return lattice::begin_copy(std::move(links), copy);
      case LinkCopyStep::hold:
        return lattice::hold(std::move(links), copy);
      case LinkCopyStep::release:
        return lattice::release(std::move(links), copy);
      case LinkCopyStep::commit:
        return lattice::commit(std::move(links), copy);
      case LinkCopyStep::end:
        return lattice::end_copy(std::move(links), copy);
    }
    return links;
  };
  WATTLE_TRY(std::string value, parts_.state.change_links(request.key, step));
  if (request.step == LinkCopyStep::commit) retire_later(request.key, value);
  return lattice::LinkCopyAck{std::move(value)};
}

// ---- What the dead have left

void LinkChanges::change(const LinkKey& key, const lattice::LatticeState::Step& step) {
  const async::DeadlineScope deadline(Clock::now() + kWriteTime);
  if (auto changed = parts_.state.change_links(key, step); !changed)
    parts_.log.warn(
        "a link that was changing could not be set right, and is tried again",
        {{"link", lattice::LatticeState::key_of(key)}, {"reason", changed.error().full_message()}});
}

void LinkChanges::refresh() {
  const auto links = parts_.state.links();
  if (links == seen_) return;
  seen_ = links;
  const auto snapshot = parts_.state.snapshot();
  const TimePoint now = Clock::now();
  std::map<std::string, Watched> watched;
  for (const auto& entry : links->entries()) {
    if (entry.phase == LinkPhase::in_force && entry.copy.empty()) continue;
    const LinkKey key = lattice::LatticeState::key_of(entry.link);
    const std::string name = lattice::LatticeState::key_of(key);
    const auto value = snapshot->find(name);
    if (value == nullptr) continue;
    Watched& each = watched[name];
    each.key = key;
    each.value = *value;
    if (entry.phase == LinkPhase::in_force) {
      each.copy = entry.copy;
      each.hold = entry.hold;
    }
  }
  for (auto& [name, each] : watched) {
    const auto before = watched_.find(name);
    const bool known = before != watched_.end();
    each.since = known && before->second.value == each.value ? before->second.since : now;
    each.held_since = known && before->second.hold == each.hold ? before->second.held_since : now;
    each.asked = now;
    if (!known || before->second.copy != each.copy) continue;
    each.asked = before->second.asked;
    each.sequence = before->second.sequence;
    each.records = std::move(before->second.records);
  }
  watched_ = std::move(watched);
}

TimePoint LinkChanges::tend(Watched& watched) {
  const TimePoint now = Clock::now();
  const lattice::LinkCopy copy{.token = watched.copy, .attempt = watched.hold};
  if (!watched.hold.empty()) {
    const TimePoint due = watched.held_since + lattice::kHoldMax;
    if (now < due) return due;
    change(watched.key, [&](StoredLinks links) -> Result<StoredLinks> {
      return lattice::release(std::move(links), copy);
    });
    return now + kSettledPoll;
  }
  if (!watched.copy.empty()) {
    const TimePoint due = watched.asked + lattice::kRecordsLease;
    if (now < due) return due;
    parts_.log.warn("a copy of a link is given up: nobody asks for its records",
                    {{"link", lattice::LatticeState::key_of(watched.key)}});
    change(watched.key, [&](StoredLinks links) -> Result<StoredLinks> {
      return lattice::end_copy(std::move(links), copy);
    });
    return now + kRetry;
  }
  const TimePoint due = watched.since + kUnfinishedMax;
  if (now < due) return due;
  change(watched.key,
         [](StoredLinks links) -> Result<StoredLinks> { return lattice::retire(std::move(links)); });
  return now + kRetry;
}

void LinkChanges::watch() {
  async::Signal* const signals[] = {&parts_.state.changed()};
  while (!stopping_ && !async::Fiber::current().cancellation()) {
    refresh();
    TimePoint next = kNever;
    const auto keys = watched_;  // tending one may change all
    for (const auto& [name, copy] : keys)
      if (const auto found = watched_.find(name); found != watched_.end()) {
        Watched each = found->second;
        next = std::min(next, tend(each));
      }
    if (seen_ != parts_.state.links()) continue;
    if (!async::Signal::wait_any(signals, next)) return;
  }
}

}  // namespace wattle::host
