#include "host/link_gates.h"

#include <algorithm>
#include <tuple>

namespace wattle::host {
namespace {

auto identity_of(const lattice::Link& link) {
  return std::tie(link.source_id, link.name, link.wit_namespace, link.wit_package, link.target);
}

bool is_under(const lattice::Link& link, const lattice::LinkKey& key) {
  return link.source_id == key.source_id && link.name == key.name &&
         link.wit_namespace == key.wit_namespace && link.wit_package == key.wit_package;
}

constexpr size_t kRecordOverheadBytes = 48;

}  // namespace

size_t size_bytes(const lattice::LinkRecord& record) {
  return record.container.size() + record.name.size() + kRecordOverheadBytes;
}

LinkGate::LinkGate(const lattice::LinkTable::Entry& entry)
    : describe_(lattice::describe(entry.link)), phase_(entry.phase), copy_(entry.copy), hold_(entry.hold) {
  if (held()) held_since_ = Clock::now();
}

void LinkGate::follow(const lattice::LinkTable::Entry& entry) {
  if (std::tie(phase_, copy_, hold_) == std::tie(entry.phase, entry.copy, entry.hold)) return;
  std::erase_if(earlier_, [](const auto& each) { return each.expired(); });
  earlier_.push_back(period_);
  period_ = std::make_shared<Period>();
  if (copy_ != entry.copy) {
    changes_.clear();
    change_bytes_ = 0;
    lost_some_ = false;
    used_.clear();
  }
  if (hold_ != entry.hold) held_since_ = Clock::now();
  phase_ = entry.phase;
  copy_ = entry.copy;
  hold_ = entry.hold;
  changed_.notify();
}

Result<void> LinkGate::wait() {
  const TimePoint until = held_since_ + lattice::kHeldMax;
  if (Clock::now() >= until)
    return failure(Error(ErrorCode::unavailable,
                         fmt::format("the link {} is held for a copy that goes on elsewhere, and this host "
                                     "cannot learn how it ended",
                                     describe_))
                       .with_remedy("is the bus up? calls go on when this host reaches it again"));
  async::Signal* const signals[] = {&changed_};
  return async::Signal::wait_any(signals, until);
}

bool LinkGate::settled() {
  std::erase_if(earlier_, [](const auto& each) { return each.expired(); });
  return earlier_.empty();
}

void LinkGate::note_use(std::string_view container) {
  if (used_.size() < kUsedMax && used_.find(container) == used_.end()) used_.emplace(container);
}

void LinkGate::note_change(std::string_view container, std::string_view name, bool all) {
  lattice::LinkRecord record{std::string(container), std::string(name), all};
  const size_t bytes = size_bytes(record);
  if (changes_.size() >= kRecordsMax || change_bytes_ + bytes > kRecordBytesMax) {
    lost_some_ = true;
    return;
  }
  if (changes_.insert(std::move(record)).second) change_bytes_ += bytes;
}

Result<lattice::LinkRecords> LinkGate::take(const std::string& copy, size_t bytes_max) {
  if (copy_ != copy || copy.empty())
    return failure(ErrorCode::not_found, "the link {} is not recorded for this copy", describe_);
  if (lost_some_)
    return failure(
        Error(ErrorCode::overloaded,
              fmt::format("more was written along {} than is kept until it is asked for", describe_))
            .with_remedy("copy again when less is written"));
  lattice::LinkRecords taken;
  taken.used.assign(used_.begin(), used_.end());
  size_t bytes = 0;
  while (!changes_.empty() && (taken.records.empty() || bytes < bytes_max)) {
    bytes += size_bytes(*changes_.begin());
    taken.records.push_back(std::move(changes_.extract(changes_.begin()).value()));
  }
  change_bytes_ -= std::min(bytes, change_bytes_);
  taken.more = !changes_.empty();
  return taken;
}

// Both tables are sorted alike, so that one pass finds what has stayed.
void LinkGates::follow(std::shared_ptr<const lattice::LinkTable> links) {
  const auto& before = links_->entries();
  std::vector<std::shared_ptr<LinkGate>> gates;
  gates.reserve(links->entries().size());
  size_t old = 0;
  for (const auto& entry : links->entries()) {
    const auto identity = identity_of(entry.link);
    while (old < before.size() && identity_of(before[old].link) < identity) gates_[old++]->close();
    const bool stays = old < before.size() && identity_of(before[old].link) == identity;
    gates.push_back(stays ? std::move(gates_[old++]) : std::make_shared<LinkGate>(entry));
    if (stays) gates.back()->follow(entry);
  }
  while (old < before.size()) gates_[old++]->close();
  links_ = std::move(links);
  gates_ = std::move(gates);
}

bool LinkGates::settled(const lattice::LinkKey& key) const {
  bool all = true;
  for (size_t index = 0; index < gates_.size(); ++index)
    if (is_under(links_->entries()[index].link, key) && !gates_[index]->settled()) all = false;
  return all;
}

Result<lattice::LinkRecords> LinkGates::take(const lattice::LinkKey& key, const std::string& copy,
                                             size_t bytes_max) {
  for (size_t index = 0; index < gates_.size(); ++index) {
    const auto& entry = links_->entries()[index];
    if (is_under(entry.link, key) && entry.phase == lattice::LinkPhase::in_force && entry.copy == copy)
      return gates_[index]->take(copy, bytes_max);
  }
  return failure(ErrorCode::not_found, "no such link is recorded here for this copy");
}

}  // namespace wattle::host
