#include "cli/link_copy.h"

#include <algorithm>

#include "lattice/events.h"
#include "lattice/links.h"
#include "providers/parallel.h"

namespace wattle::cli {
namespace {

using lattice::LinkCopyStep;
using lattice::LinkRecord;
using namespace std::chrono_literals;

constexpr Duration kHostsKnown = 5s;
constexpr Duration kBeginTime = 60s;  // for calls that began before
constexpr Duration kCollectInterval = 500ms;
// From asking for the hold to asking for the swap: the hosts give up a little later.
constexpr Duration kSwapTime = 600ms;
constexpr Duration kPause = 250ms;
constexpr Duration kRetryPause = 100ms;
constexpr int kSwapsMax = 20;
constexpr int kRoundsMax = 1000;
constexpr int kTriesMax = 3;
constexpr size_t kLittle = 100;
constexpr size_t kFibersMax = 16;
constexpr size_t kBigFibersMax = 2;
constexpr uint64_t kBigBytes = uint64_t{4} << 20;
constexpr size_t kCollectedMax = 1'000'000;
constexpr size_t kSuspiciousMax = 10'000;

uint64_t milliseconds(Duration duration) {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

// Whether the host that was asked may have done it all the same.
bool was_not_heard(const Error& error) {
  return error.code() == ErrorCode::deadline_exceeded || error.code() == ErrorCode::unavailable;
}

Error nothing_has_changed(const Error& why) {
  return why.with_context("nothing was swapped, the link leads where it led").with_remedy(why.remedy());
}

}  // namespace

Result<CopyCounts> LinkCopy::run() {
  key_ = {.source_id = plan_.from.source_id,
          .name = plan_.from.name,
          .wit_namespace = plan_.from.wit_namespace,
          .wit_package = plan_.from.wit_package};
  copy_ = {.token = lattice::event_id(),
           .attempt = {},
           .target = plan_.from.target,
           .next_target = plan_.to.target,
           .next_target_config = plan_.to.target_config};
  WATTLE_CHECK(check_target());
  bool ended = false;
  std::shared_ptr<async::Fiber> collector;
  const auto done = [&]() -> Result<void> {
    WATTLE_CHECK(begin());
    collector = lattice_.bus.worker().spawn([&] {
      keep_collecting();
      ended = true;
      collected_changed_.notify();
    });
    WATTLE_CHECK(copy_everything());
    WATTLE_CHECK(catch_up());
    WATTLE_CHECK(verify());
    for (int tries = 0; tries < kSwapsMax; ++tries) {
      WATTLE_CHECK(catch_up());
      WATTLE_TRY(const bool swapped, try_to_swap());
      if (swapped) return {};
      WATTLE_CHECK(async::sleep_for(kPause));
    }
    return failure(Error(ErrorCode::overloaded,
                         fmt::format("what is written cannot be copied within {} ms while calls are held; "
                                     "tried {} times",
                                     milliseconds(kSwapTime), kSwapsMax))
                       .with_remedy("try again when less is written, or when no call takes that long"));
  }();
  if (collector) {
    collector->cancel();
    const async::MaskScope mask;
    while (!ended) (void)collected_changed_.wait();
  }
  if (!done) {
    const async::DeadlineScope deadline(Clock::now() + 5s);
    copy_.attempt.clear();
    (void)take_step(LinkCopyStep::end, Duration::zero());
    // A step that was asked for may have been taken without our hearing of it.
    if (const auto there = leads_there(); !there || !*there)
      return failure(nothing_has_changed(done.error()));
  }
  return counts_;
}

// ---- Beginning

Result<void> LinkCopy::check_target() {
  counts_.doing = "looking at the target";
  for (const std::string& container : plan_.containers) {
    WATTLE_CHECK(ends_.make(container));
    const auto names = ends_.list(Side::to, container);
    for (;;) {
      WATTLE_TRY(const auto page, names->next());
      if (page.empty()) break;
      if (!plan_.overwrite)
        return failure(Error(ErrorCode::already_exists,
                             fmt::format("\"{}\" holds something already at the target \"{}\": \"{}\", for "
                                         "example",
                                         container, plan_.to.target, page.front()))
                           .with_remedy("--overwrite has it deleted"));
      WATTLE_CHECK(
          for_each(page, [&](const std::string& name) { return ends_.remove_at_target(container, name); }));
    }
  }
  return {};
}

Result<void> LinkCopy::begin() {
  counts_.doing = "waiting for hosts";
  WATTLE_TRY(directory_, lattice::Directory::start(lattice_.bus, lattice_.name));
  {
    const async::DeadlineScope deadline(Clock::now() + kHostsKnown);
    while (!directory_->settled()) WATTLE_CHECK(async::sleep_for(20ms));
  }
  for (const auto& host : directory_->snapshot()->hosts()) hosts_.emplace(host->host_id, Host{});
  if (hosts_.empty())
    return failure(ErrorCode::unavailable, "no host of the lattice \"{}\" is alive", lattice_.name);
  auto begun = take_step(LinkCopyStep::begin, kBeginTime);
  if (begun) return {};
  if (begun.error().code() != ErrorCode::deadline_exceeded) return failure(begun.error());
  return failure(begun.error().with_context(
      fmt::format("calls along the link that began before the copy have not ended within {} s",
                  milliseconds(kBeginTime) / 1000)));
}

// With every host behind it, unless `patience` is nothing.
Result<std::string> LinkCopy::take_step(LinkCopyStep step, Duration patience) {
  auto ack = lattice_.control.copy_link({.step = step, .key = key_, .copy = copy_});
  // What was done, and not heard of, can be asked for again.
  for (int tries = 1; !ack && tries < kTriesMax && was_not_heard(ack.error()); ++tries)
    ack = lattice_.control.copy_link({.step = step, .key = key_, .copy = copy_});
  if (!ack) return failure(std::move(ack).error());
  value_ = std::move(ack->value);
  if (patience > Duration::zero()) WATTLE_CHECK(await_hosts(value_, patience));
  return value_;
}

Result<void> LinkCopy::await_hosts(const std::string& value, Duration patience) {
  std::vector<std::string> names;
  for (const auto& [name, host] : hosts_) names.push_back(name);
  return providers::for_each_in_parallel(names.size(), kFibersMax, [&](size_t index) -> Result<void> {
    WATTLE_CHECK(lattice::ask_link_state(
        lattice_.bus, lattice_.name, names[index],
        {.key = key_, .value = value, .settled = true, .timeout_ms = milliseconds(patience)}));
    return {};
  });
}

// ---- What was written meanwhile

Result<void> LinkCopy::check_hosts() {
  const auto snapshot = directory_->snapshot();
  for (const auto& [name, host] : hosts_)
    if (const auto* lease = snapshot->find(name); lease == nullptr || lease->draining)
      return failure(Error(ErrorCode::unavailable,
                           fmt::format("host {} has died or stopped while it recorded what is written", name))
                         .with_remedy("begin again"));
  // Who has joined records from its beginning: it found the copy going on.
  for (const auto& host : snapshot->hosts()) hosts_.emplace(host->host_id, Host{});
  return {};
}

Result<void> LinkCopy::collect_from(const std::string& host) {
  for (bool more = true; more;) {
    auto& sequence = hosts_[host].sequence;
    const lattice::LinkStateRequest request{.key = key_,
                                            .value = {},
                                            .settled = false,
                                            .timeout_ms = 2000,
                                            .copy = copy_.token,
                                            .sequence = sequence + 1};
    auto records = lattice::ask_link_state(lattice_.bus, lattice_.name, host, request);
    // The same one again gets the same answer.
    for (int tries = 1; !records && tries < kTriesMax; ++tries) {
      if (records.error().code() != ErrorCode::deadline_exceeded) break;
      records = lattice::ask_link_state(lattice_.bus, lattice_.name, host, request);
    }
    if (!records) return failure(std::move(records).error());
    ++sequence;
    for (auto& record : records->records) collected_.insert(std::move(record));
    used_.insert(records->used.begin(), records->used.end());
    more = records->more;
    if (collected_.size() > kCollectedMax)
      return failure(Error(ErrorCode::overloaded, "more is written than can be copied")
                         .with_remedy("copy when less is written"));
  }
  return {};
}

Result<void> LinkCopy::collect() {
  while (collecting_) WATTLE_CHECK(collected_changed_.wait());
  collecting_ = true;
  const auto done = [&]() -> Result<void> {
    WATTLE_CHECK(check_hosts());
    std::vector<std::string> names;
    for (const auto& [name, host] : hosts_) names.push_back(name);
    return providers::for_each_in_parallel(names.size(), kFibersMax,
                                           [&](size_t index) { return collect_from(names[index]); });
  }();
  collecting_ = false;
  collected_changed_.notify();
  return done;
}

// So that hosts know that the copy goes on, and keep little. What fails here fails again where it counts.
void LinkCopy::keep_collecting() {
  while (async::sleep_for(kCollectInterval))
    if (!pause_collecting_) (void)collect();
}

Result<void> LinkCopy::check_used() {
  for (const std::string& container : used_)
    if (std::find(plan_.containers.begin(), plan_.containers.end(), container) == plan_.containers.end())
      return failure(Error(ErrorCode::invalid_argument,
                           fmt::format("\"{}\" uses \"{}\" through this link too, which is not copied",
                                       plan_.from.source_id, container))
                         .with_remedy("name everything that it uses"));
  return {};
}

// ---- Copying

Result<void> LinkCopy::for_each(const std::vector<std::string>& names,
                                const std::function<Result<void>(const std::string&)>& work) {
  return providers::for_each_in_parallel(names.size(), has_big_ones_ ? kBigFibersMax : kFibersMax,
                                         [&](size_t index) -> Result<void> {
                                           Result<void> done;
                                           for (int tries = 0; tries < kTriesMax; ++tries) {
                                             if (tries > 0) WATTLE_CHECK(async::sleep_for(kRetryPause));
                                             done = work(names[index]);
                                             if (done || done.error().code() != ErrorCode::unavailable) break;
                                           }
                                           return done;
                                         });
}

Result<void> LinkCopy::copy_one(const std::string& container, const std::string& name) {
  if (Clock::now() >= copy_until_)
    return failure(ErrorCode::deadline_exceeded, "too much is left to copy while calls are held");
  const auto bytes = ends_.copy(container, name);
  if (!bytes) {
    // It may still be done, and then come after a later one: looked at again at the end.
    suspicious_.insert({container, name, false});
    return failure(bytes.error());
  }
  counts_.copied_bytes += *bytes;
  if (*bytes >= kBigBytes) has_big_ones_ = true;
  return {};
}

Result<void> LinkCopy::copy_everything() {
  counts_.doing = "copying";
  for (const std::string& container : plan_.containers) {
    const auto names = ends_.list(Side::from, container);
    for (;;) {
      WATTLE_TRY(const auto page, names->next());
      if (page.empty()) break;
      const auto copied = for_each(page, [&](const std::string& name) -> Result<void> {
        WATTLE_CHECK(copy_one(container, name));
        ++counts_.copied;
        return {};
      });
      WATTLE_CHECK(copied);
      WATTLE_CHECK(check_hosts());
      WATTLE_CHECK(check_used());
    }
  }
  return {};
}

Result<void> LinkCopy::copy_records() {
  const Records records = std::exchange(collected_, {});
  std::map<std::string, std::vector<std::string>> names;
  for (const LinkRecord& record : records) {
    if (!record.all) {
      names[record.container].push_back(record.name);
      continue;
    }
    // Cleared: what is not there any more goes.
    const auto there = ends_.list(Side::to, record.container);
    for (;;) {
      WATTLE_TRY(const auto page, there->next());
      if (page.empty()) break;
      WATTLE_CHECK(for_each(page, [&](const std::string& name) { return copy_one(record.container, name); }));
    }
  }
  for (const auto& [container, some] : names) {
    WATTLE_CHECK(for_each(some, [&](const std::string& name) { return copy_one(container, name); }));
    counts_.copied_again += some.size();
  }
  return {};
}

Result<void> LinkCopy::catch_up() {
  counts_.doing = "copying what was written meanwhile";
  for (int round = 0; round < kRoundsMax; ++round) {
    WATTLE_CHECK(collect());
    WATTLE_CHECK(check_used());
    const size_t count = collected_.size();
    const TimePoint begun = Clock::now();
    WATTLE_CHECK(copy_records());
    if (count <= kLittle || Clock::now() - begun < kSwapTime / 8) return {};
  }
  return failure(Error(ErrorCode::overloaded, "more is written than can be copied")
                     .with_remedy("copy when less is written"));
}

// ---- Verifying

// What differs may have been written meanwhile: it is copied again, and looked at again at the end.
Result<void> LinkCopy::verify_from(Side side, const std::string& container) {
  const auto names = ends_.list(side, container);
  for (;;) {
    WATTLE_TRY(const auto page, names->next());
    if (page.empty()) return {};
    WATTLE_CHECK(for_each(page, [&](const std::string& name) -> Result<void> {
      // What the source has is compared; what only the target has shows by being there.
      WATTLE_TRY(const bool is_right, side == Side::from ? ends_.same(container, name)
                                                         : ends_.exists(Side::from, container, name));
      if (side == Side::from) ++counts_.verified;
      if (is_right) return {};
      collected_.insert({container, name, false});
      suspicious_.insert({container, name, false});
      if (suspicious_.size() > kSuspiciousMax)
        return failure(ErrorCode::invalid,
                       "too much of what was copied reads differently at the target \"{}\"", plan_.to.target);
      return {};
    }));
    WATTLE_CHECK(check_hosts());
  }
}

Result<void> LinkCopy::verify() {
  for (const std::string& container : plan_.containers)
    for (const Side side : {Side::from, Side::to}) {
      counts_.doing = "verifying";
      WATTLE_CHECK(verify_from(side, container));
      WATTLE_CHECK(catch_up());
    }
  // What has settled since is right; what is still being written is looked at while calls are held.
  std::erase_if(suspicious_, [&](const LinkRecord& record) {
    const auto equal = ends_.same(record.container, record.name);
    return equal && *equal;
  });
  return {};
}

// ---- Swapping

Result<bool> LinkCopy::copy_while_held(TimePoint until) {
  const auto left = [&] { return std::max<Duration>(until - Clock::now(), 1ms); };
  // Every host holds calls, and those from before have ended: nothing is written any more.
  if (auto held = await_hosts(value_, left()); !held) {
    if (held.error().code() == ErrorCode::deadline_exceeded) return false;
    return failure(std::move(held).error());
  }
  WATTLE_CHECK(collect());
  WATTLE_CHECK(check_used());
  for (const LinkRecord& record : suspicious_) collected_.insert(record);
  const Records again = collected_;
  copy_until_ = until;
  auto copied = copy_records();
  copy_until_ = kNever;
  if (!copied) {
    collected_.insert(again.begin(), again.end());
    if (copied.error().code() == ErrorCode::deadline_exceeded) return false;
    return failure(std::move(copied).error());
  }
  for (const LinkRecord& record : suspicious_) {
    WATTLE_TRY(const bool equal, ends_.same(record.container, record.name));
    if (!equal)
      return failure(ErrorCode::invalid,
                     "\"{}\" in \"{}\" was copied, and reads differently at the target \"{}\"", record.name,
                     record.container, plan_.to.target);
  }
  return Clock::now() < until;
}

Result<bool> LinkCopy::commit() {
  auto swapped = lattice_.control.copy_link({.step = LinkCopyStep::commit, .key = key_, .copy = copy_});
  if (swapped) return true;
  // Whoever was asked may have done it, and not have been heard.
  if (!was_not_heard(swapped.error())) return failure(std::move(swapped).error());
  const async::DeadlineScope deadline(Clock::now() + 10s);
  for (;;) {
    if (auto there = leads_there()) return there;
    WATTLE_CHECK(async::sleep_for(kPause));
  }
}

Result<bool> LinkCopy::leads_there() {
  WATTLE_TRY(const auto links, lattice_.control.links());
  return std::any_of(links.begin(), links.end(), [&](const lattice::Link& link) {
    return link.source_id == key_.source_id && link.name == key_.name &&
           link.wit_namespace == key_.wit_namespace && link.wit_package == key_.wit_package &&
           link.target == plan_.to.target;
  });
}

Result<bool> LinkCopy::try_to_swap() {
  counts_.doing = "swapping";
  pause_collecting_ = true;
  ++counts_.holds;
  copy_.attempt = std::to_string(counts_.holds);
  const TimePoint begun = Clock::now();
  auto swapped = [&]() -> Result<bool> {
    WATTLE_CHECK(take_step(LinkCopyStep::hold, Duration::zero()));
    WATTLE_TRY(const bool copied, copy_while_held(begun + kSwapTime));
    if (!copied) return false;
    return commit();
  }();
  counts_.held = Clock::now() - begun;
  if (!swapped || !*swapped) (void)take_step(LinkCopyStep::release, Duration::zero());
  copy_.attempt.clear();
  pause_collecting_ = false;
  return swapped;
}

}  // namespace wattle::cli
