#include "lattice/store_copies.h"

#include <algorithm>

#include "lattice/json_fields.h"
#include "lattice/store_record.h"
#include "nats/subject.h"

namespace wattle::lattice {

struct StoreCopies::Report {
  uint32_t format = kStoreFormat;
  uint32_t readable_by = kStoreFormat;
  std::string copy;
  uint64_t sequence = 0;
  bool durable = false;
  bool gone = false;
  uint64_t epoch = 0;
  uint64_t revision = 0;
};

template <class Visitor, class Self>
void list_fields(Visitor& fields, Self& self, const StoreCopies::Report&) {
  fields.required("format", self.format);
  fields.required("readable_by", self.readable_by);
  fields.required("copy", self.copy);
  fields.required("sequence", self.sequence);
  fields.optional("durable", self.durable);
  fields.optional("gone", self.gone);
  fields.optional("epoch", self.epoch);
  fields.optional("revision", self.revision);
}

StoreCopies::StoreCopies(Bus& bus, std::string subject, bool durable, const LeaseBook::Options& options,
                         std::function<void()> behind)
    : bus_(bus),
      subject_(std::move(subject)),
      id_(nats::unique_name()),
      durable_(durable),
      tick_(std::max<Duration>(std::chrono::milliseconds(1),
                               std::min(options.gap_max, options.dead_after) / 2)),
      report_interval_(std::max<Duration>(std::chrono::milliseconds(10), options.dead_after / 4)),
      behind_(std::move(behind)),
      book_(options) {}

Result<std::unique_ptr<StoreCopies>> StoreCopies::start(Bus& bus, std::string subject, bool durable,
                                                        const LeaseBook::Options& options,
                                                        std::function<void()> behind) {
  auto copies = std::unique_ptr<StoreCopies>(
      new StoreCopies(bus, std::move(subject), durable, options, std::move(behind)));
  StoreCopies* self = copies.get();
  WATTLE_TRY(copies->subscription_, bus.subscribe(copies->subject_ + ".*", {},
                                                  [self](const Message& message) { self->hear(message); }));
  copies->fibers_.spawn([self] { self->watch(); });
  return copies;
}

StoreCopies::~StoreCopies() {
  subscription_.reset();
  fibers_.stop();
  tell(true);
}

void StoreCopies::tell(bool gone) {
  if (!bus_.connected()) return;
  Report report;
  report.copy = id_;
  report.sequence = ++sequence_;
  report.durable = durable_;
  report.gone = gone;
  report.epoch = progress_.epoch;
  report.revision = progress_.revision;
  (void)bus_.publish(subject_ + "." + id_, write_json(report));  // the next one follows soon
}

void StoreCopies::set_progress(Progress progress) {
  progress_ = progress;
  tell(false);
}

void StoreCopies::hear(const Message& message) {
  const auto report = read_json<Report>(message.payload, "a copy's report");
  if (!report || report->readable_by > kStoreFormat || report->copy == id_) return;
  HostLease lease;
  lease.host_id = report->copy;
  lease.sequence = report->sequence;
  lease.gone = report->gone;
  const auto before = copies_.find(report->copy);
  forget(book_.step(std::move(lease), Clock::now()));
  if (!report->gone && (before != copies_.end() || copies_.size() < kHostsMax))
    copies_[report->copy] = {report->durable, {report->epoch, report->revision}};
  changed_.notify();
  if (report->epoch > progress_.epoch && behind_) behind_();
}

void StoreCopies::forget(const std::vector<LeaseChange>& changes) {
  for (const LeaseChange& change : changes) {
    const bool ended = change.kind == LeaseChange::Kind::left || change.kind == LeaseChange::Kind::died;
    if (ended) copies_.erase(change.lease->host_id);
  }
  if (!changes.empty()) changed_.notify();
}

void StoreCopies::watch() {
  TimePoint next_report = Clock::now();
  bool settled = false;
  while (!async::Fiber::current().cancellation()) {
    if (bus_.connected() != connected_) {
      connected_ = bus_.connected();
      book_.set_connected(connected_, Clock::now());
      // After a cut the bucket may have lost its end, and number other writes as it did that.
      for (auto& [id, copy] : copies_) copy.progress.revision = 0;
      progress_.revision = 0;
      if (connected_) next_report = Clock::now();
    }
    if (Clock::now() >= next_report) {
      tell(false);
      next_report = Clock::now() + report_interval_;
    }
    forget(book_.step(Clock::now()));
    if (!settled && book_.settled()) {
      settled = true;
      changed_.notify();
    }
    async::Signal* signals[] = {&bus_.changed()};
    if (!async::Signal::wait_any(signals, std::min(next_report, Clock::now() + tick_))) return;
  }
}

size_t StoreCopies::count() const {
  return static_cast<size_t>(
      std::ranges::count_if(copies_, [](const auto& entry) { return entry.second.durable; }));
}

bool StoreCopies::has_synced(Progress wanted) const {
  bool any = false;
  for (const auto& [id, copy] : copies_) {
    if (!copy.durable) continue;
    any = true;
    if (copy.progress.epoch == wanted.epoch && copy.progress.revision >= wanted.revision) return true;
  }
  return !any && book_.settled();
}

}  // namespace wattle::lattice
