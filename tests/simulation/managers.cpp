#include "managers.h"

#include <fmt/ranges.h>

#include <ctime>

#include "manager/lattice_changes.h"

namespace wattle::simulation {
namespace {

constexpr Duration kTick = milliseconds(100);
constexpr uint64_t kTicksToRenew = kRenewInterval / kTick;

double now_in_ms(bool in_cpu_time) {
  timespec now{};
  clock_gettime(in_cpu_time ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

}  // namespace

// ---- Life

void Manager::start() {
  parts_.world.trace("manager {} starts", endpoint_);
  up_ = true;
  const uint64_t epoch = ++epoch_;
  reconciler_ = std::make_unique<manager::Reconciler>();
  book_ = lattice::LeaseBook();
  leading_ = false;
  believes_until_ = {};
  scheduled_ = TimePoint::max();
  lattice_known_ = applications_known_ = lattice_coming_ = applications_coming_ = false;
  pending_.clear();
  heard_.clear();
  hear_store(Topic::lattice);
  hear_store(Topic::applications);
  parts_.world.after(parts_.world.random().between(Duration{}, kTick), [this, epoch] { tick(epoch); });
}

void Manager::crash(Duration back_after) {
  if (!up_) return;
  parts_.world.trace("manager {} is killed", endpoint_);
  up_ = leading_ = false;
  const uint64_t epoch = ++epoch_;
  stopped_until_ = {};
  parts_.world.after(back_after, [this, epoch] {
    if (epoch_ == epoch) start();
  });
}

void Manager::stop_for(Duration pause, bool clock_stops) {
  if (!up_ || stopped()) return;
  parts_.world.trace("manager {} is stopped for {} ms{}", endpoint_, pause / milliseconds(1),
                     clock_stops ? ", its clock too" : "");
  stopped_until_ = parts_.world.now() + pause;
  if (!clock_stops) return;
  // Before anything that waits for the end of the stop; a process that is started meanwhile has its own
  // clock.
  parts_.world.at(stopped_until_, [this, pause, epoch = epoch_] {
    if (epoch_ == epoch) lost_ += pause;
  });
}

void Manager::tick(uint64_t epoch) {
  if (epoch_ != epoch) return;
  if (stopped()) {
    parts_.world.at(stopped_until_, [this, epoch] { tick(epoch); });
    return;
  }
  parts_.world.after(kTick, [this, epoch] { tick(epoch); });
  apply(book_.step(own_now()));
  if (ticks_++ % kTicksToRenew == 0) renew();
  update_leading();
  // Requests without an answer, and answers that came to nobody.
  for (auto pending = pending_.begin(); pending != pending_.end();) {
    const auto [command, deadline] = *pending++;
    if (own_now() >= deadline)
      complete(command, failure(ErrorCode::deadline_exceeded, "no answer within 2 s"));
  }
}

// ---- Who leads

void Manager::renew() {
  const TimePoint asked = own_now();
  const auto take = [this](StoreState& state) -> Result<void> {
    const TimePoint now = parts_.world.now();
    if (state.leader != endpoint_ && state.leads_until > now)
      return failure(ErrorCode::already_exists, "manager {} leads", state.leader);
    if (state.leader != endpoint_) {
      parts_.world.trace("manager {} takes the lead", endpoint_);
      ++parts_.counted.takeovers;
    }
    state.leader = endpoint_;
    state.leads_until = now + kLeaseOfLeader;
    return {};
  };
  parts_.stores.write(endpoint_, Topic::none, take, [this, asked, epoch = epoch_](const Result<void>& taken) {
    if (epoch_ != epoch) return;
    receive([this, asked, granted = taken.has_value()] {
      if (granted) believes_until_ = std::max(believes_until_, asked + kBelievesFor);
      update_leading();
    });
  });
}

void Manager::update_leading() {
  const bool believes = own_now() < believes_until_;
  if (leading_ == believes) return;
  if (believes && !(book_.settled() && lattice_known_ && applications_known_)) return;
  leading_ = believes;
  parts_.world.trace("manager {} {}", endpoint_, believes ? "leads" : "leads no more");
  step(manager::Leading{believes});
}

// ---- What it hears

void Manager::hear(const Lease& lease, uint64_t sequence) {
  receive([this, lease, sequence] {
    Heard& heard = heard_[lease->host_id];
    const bool news = lease->incarnation > heard.incarnation ||
                      (lease->incarnation == heard.incarnation && sequence > heard.sequence);
    const bool same = heard.lease == lease;
    const auto changes = book_.step(lease, sequence, own_now());
    if (news) heard.incarnation = lease->incarnation, heard.sequence = sequence;
    if (news && !same) heard.lease = lease;
    apply(changes);
    // Late leases of who has gone tell nothing.
    if (changes.empty() && news && !same && heard.alive)
      feed(manager::HostSeen{manager::report_of(*lease), false});
  });
}

void Manager::apply(const std::vector<lattice::LeaseChange>& changes) {
  using Kind = lattice::LeaseChange::Kind;
  for (const lattice::LeaseChange& change : changes) {
    heard_[change.lease->host_id].alive = change.kind == Kind::joined || change.kind == Kind::changed;
    switch (change.kind) {
      case Kind::joined:
      case Kind::changed:
        feed(manager::HostSeen{manager::report_of(*change.lease), true});
        break;
      case Kind::left:
      case Kind::died:
        feed(manager::HostGone{change.lease->host_id});
        break;
    }
  }
}

void Manager::hear_event(const manager::Event& event) {
  receive([this, event] { feed(event); });
}

void Manager::hear_store(Topic topic) {
  bool& coming = topic == Topic::lattice ? lattice_coming_ : applications_coming_;
  if (!up_ || coming) return;
  coming = true;
  parts_.world.after(parts_.bus.delay(), [this, topic, epoch = epoch_] { deliver(topic, epoch); });
}

void Manager::deliver(Topic topic, uint64_t epoch) {
  if (epoch_ != epoch) return;
  if (parts_.stores.away() || !parts_.bus.connected(endpoint_, kStoreEndpoint)) {
    parts_.world.after(milliseconds(50), [this, topic, epoch] { deliver(topic, epoch); });
    return;
  }
  receive([this, topic] {
    (topic == Topic::lattice ? lattice_coming_ : applications_coming_) = false;
    if (topic == Topic::lattice) {
      lattice_known_ = true;
      feed(parts_.stores.lattice_view());
    } else {
      applications_known_ = true;
      feed(parts_.stores.applications_view());
    }
  });
}

void Manager::hear_earlier(manager::LatticeChanged view) {
  receive([this, view = std::move(view)] { feed(view); });
  parts_.world.after(parts_.world.random().between(milliseconds(100), seconds(2)),
                     [this] { hear_store(Topic::lattice); });
}

// ---- Steps

void Manager::feed(manager::Event event) {
  if (leading_) update_leading();
  step(std::move(event));
}

void Manager::step(manager::Event event) {
  const uint64_t plans = reconciler_->plans();
  const double begun = now_in_ms(parts_.counted.in_cpu_time);
  auto commands = reconciler_->step(std::move(event), own_now());
  if (reconciler_->plans() != plans) {
    const double took = now_in_ms(parts_.counted.in_cpu_time) - begun;
    ++parts_.counted.plans;
    parts_.counted.plans_ms += took;
    parts_.counted.longest_plan_ms = std::max(parts_.counted.longest_plan_ms, took);
  }
  for (manager::Command& command : commands) begin(std::move(command));
  schedule_step();
}

void Manager::schedule_step() {
  const TimePoint next = reconciler_->next_step();
  if (next == TimePoint::max() || scheduled_ <= next) return;
  scheduled_ = next;
  parts_.world.at(std::max(next, own_now()) + lost_, [this, next, epoch = epoch_] {
    if (epoch_ != epoch || scheduled_ != next) return;
    scheduled_ = TimePoint::max();
    receive([this] {
      if (own_now() >= reconciler_->next_step()) return feed(manager::TimePassed{});
      schedule_step();
    });
  });
}

// ---- Commands

std::string describe(const manager::Command& command) {
  const auto text = [](const auto& action) -> std::string {
    using Action = std::decay_t<decltype(action)>;
    if constexpr (std::is_same_v<Action, manager::Scale>)
      return fmt::format("scale to {}", action.count);
    else if constexpr (std::is_same_v<Action, manager::StartProvider>)
      return "start";
    else if constexpr (std::is_same_v<Action, manager::StopProvider>)
      return "stop";
    else if constexpr (std::is_same_v<Action, manager::PutLink>)
      return action.replaces ? "put, replacing" : "put";
    else if constexpr (std::is_same_v<Action, manager::DeleteLinks> ||
                       std::is_same_v<Action, manager::DeleteConfig> ||
                       std::is_same_v<Action, manager::DeleteBorder>)
      return "delete";
    else if constexpr (std::is_same_v<Action, manager::PutConfig>)
      return fmt::format("put {}", fmt::join(action.values, ", "));
    else if constexpr (std::is_same_v<Action, manager::PutBorder>)
      return fmt::format("put {} parts, {} passes", action.border.parts.size(), action.border.passes.size());
    else if constexpr (std::is_same_v<Action, manager::PutWeights>)
      return fmt::format("put {}", fmt::join(action.weights, ", "));
    else if constexpr (std::is_same_v<Action, manager::SaveNote>)
      return fmt::format("save: stable {}, target {}, stage {}, {} parts{}{}", action.note.stable,
                         action.note.target, action.note.stage, action.note.parts.size(),
                         action.note.outcome.empty() ? "" : ", ", action.note.outcome);
    else if constexpr (std::is_same_v<Action, manager::RemoveNote>)
      return "remove";
    else if constexpr (std::is_same_v<Action, manager::RollBack>)
      return fmt::format("from {} to {}: {}", action.from, action.to, action.why);
    else
      return "ask";
  };
  return fmt::format("#{} {}: {}", command.id, command.object, std::visit(text, command.action));
}

void Manager::begin(manager::Command command) {
  if (std::holds_alternative<manager::Ask>(command.action)) {
    ++parts_.counted.asks;
    parts_.world.mix(command.id);
  } else {
    ++parts_.counted.commands;
    parts_.world.trace("manager {} {}", endpoint_, describe(command));
  }
  if (parts_.on_command) parts_.on_command(*this, command);
  pending_[command.id] = own_now() + kAnswerDeadline;
  std::visit([&](const auto& action) { begin_action(command.id, action); }, command.action);
}

void Manager::complete(uint64_t command, Result<void> result,
                       std::optional<lattice::HostInventory> inventory) {
  complete(std::make_shared<manager::CommandDone>(
      manager::CommandDone{command, std::move(result), std::move(inventory)}));
}

void Manager::complete(const std::shared_ptr<manager::CommandDone>& done) {
  if (pending_.erase(done->command) == 0) return;
  if (!done->result)
    parts_.world.trace("manager {} #{} failed: {}", endpoint_, done->command, done->result.error().message());
  feed(std::move(*done));
}

void Manager::begin_on_host(uint64_t command, const std::string& host_id,
                            std::function<Result<void>(Host&, Asker)> handle, bool asks) {
  Host* host = parts_.hosts.find(host_id);
  if (host == nullptr) {
    parts_.world.after(milliseconds(1), [this, command, epoch = epoch_] {
      if (epoch_ != epoch) return;
      receive([this, command] {
        complete(command, failure(ErrorCode::unavailable, "nobody answers to this host's id"));
      });
    });
    return;
  }
  const auto arrive = [this, command, host_id, asks, epoch = epoch_,
                       handle = std::move(handle)](const Delivery& delivery) {
    Host* const there = parts_.hosts.find(host_id);
    if (there == nullptr) return;
    parts_.hosts.receive(*there, [this, there, command, asks, epoch, delivery, handle] {
      const bool late = delivery.repeated || parts_.world.now() - delivery.sent > kAnswerDeadline ||
                        parts_.stores.state().leader != endpoint_;
      // Of an answer that comes twice, only the first is looked at.
      auto done = std::make_shared<manager::CommandDone>();
      done->command = command;
      done->result = handle(*there, {endpoint_, late});
      if (asks) done->inventory = parts_.hosts.inventory(*there);
      parts_.bus.send(there->endpoint, endpoint_, [this, epoch, done](const Delivery&) {
        if (epoch_ == epoch) receive([this, done] { complete(done); });
      });
    });
  };
  parts_.bus.send(endpoint_, host->endpoint, arrive);
}

void Manager::begin_write(uint64_t command, Topic topic, Stores::Change change) {
  parts_.stores.write(endpoint_, topic, std::move(change),
                      [this, command, epoch = epoch_](const Result<void>& result) {
                        if (epoch_ != epoch) return;
                        receive([this, command, result] { complete(command, result); });
                      });
}

void Manager::begin_action(uint64_t command, const manager::Ask& ask) {
  begin_on_host(command, ask.host_id, [](Host&, Asker) { return Result<void>(); }, true);
}

void Manager::begin_action(uint64_t command, const manager::Scale& scale) {
  begin_on_host(command, scale.host_id,
                [this, scale](Host& host, Asker asker) { return parts_.hosts.scale(host, scale, asker); });
}

void Manager::begin_action(uint64_t command, const manager::StartProvider& start) {
  begin_on_host(command, start.host_id, [this, start](Host& host, Asker asker) {
    return parts_.hosts.start_provider(host, start, asker);
  });
}

void Manager::begin_action(uint64_t command, const manager::StopProvider& stop) {
  begin_on_host(command, stop.host_id, [this, id = stop.id](Host& host, Asker asker) {
    return parts_.hosts.stop_provider(host, id, asker);
  });
}

void Manager::begin_action(uint64_t command, const manager::PutLink& put) {
  begin_write(command, Topic::lattice, [this, put](StoreState& state) -> Result<void> {
    WATTLE_CHECK(parts_.stores.borders().check(put.link));
    for (const auto* names : {&put.link.source_config, &put.link.target_config})
      for (const std::string& name : *names)
        if (!state.configs->contains(name))
          return failure(ErrorCode::not_found, "the config {} is not there", name);
    const LinkGroup group = manager::group_of(put.link);
    const auto found = state.links.find(group);
    lattice::StoredLinks links = found == state.links.end() ? lattice::StoredLinks() : found->second;
    if (put.replaces && lattice::moves(links, put.link)) {
      WATTLE_TRY(links, lattice::announce(std::move(links), put.link));
      links = lattice::retire(lattice::put_in_force(std::move(links), put.link));
    } else {
      WATTLE_TRY(links, lattice::put(std::move(links), put.link));
    }
    state.links[group] = std::move(links);
    return {};
  });
}

void Manager::begin_action(uint64_t command, const manager::DeleteLinks& links) {
  begin_write(command, Topic::lattice, [group = links.group](StoreState& state) -> Result<void> {
    state.links.erase(group);
    return {};
  });
}

void Manager::begin_action(uint64_t command, const manager::PutConfig& config) {
  begin_write(command, Topic::lattice, [config](StoreState& state) -> Result<void> {
    put_config(state, config.name, config.values);
    return {};
  });
}

void Manager::begin_action(uint64_t command, const manager::DeleteConfig& config) {
  begin_write(command, Topic::lattice, [name = config.name](StoreState& state) -> Result<void> {
    delete_config(state, name);
    return {};
  });
}

void Manager::begin_action(uint64_t command, const manager::PutWeights& weights) {
  begin_write(command, Topic::lattice, [weights](StoreState& state) -> Result<void> {
    if (weights.weights.empty())
      state.weights.erase(weights.id);
    else
      state.weights[weights.id] = weights.weights;
    return {};
  });
}

void Manager::begin_action(uint64_t command, const manager::PutBorder& put) {
  begin_write(command, Topic::lattice, [border = put.border](StoreState& state) -> Result<void> {
    state.borders[border.application] = border;
    return {};
  });
}

void Manager::begin_action(uint64_t command, const manager::DeleteBorder& border) {
  begin_write(command, Topic::lattice, [name = border.application](StoreState& state) -> Result<void> {
    state.borders.erase(name);
    return {};
  });
}

void Manager::begin_action(uint64_t command, const manager::SaveNote& save) {
  begin_write(command, Topic::applications, [save](StoreState& state) -> Result<void> {
    const auto [record, is_new] = state.applications.try_emplace(save.application);
    if (is_new) record->second.deleted = true;
    record->second.note = save.note;
    return {};
  });
}

void Manager::begin_action(uint64_t command, const manager::RemoveNote& remove) {
  begin_write(command, Topic::applications, [name = remove.application](StoreState& state) -> Result<void> {
    const auto record = state.applications.find(name);
    if (record == state.applications.end()) return {};
    record->second.note = {};
    if (record->second.deleted) state.applications.erase(record);
    return {};
  });
}

void Manager::begin_action(uint64_t command, const manager::RollBack& back) {
  ++parts_.counted.rollbacks;
  begin_write(command, Topic::applications, [this, back](StoreState& state) -> Result<void> {
    const auto record = state.applications.find(back.application);
    if (record == state.applications.end() || record->second.deployed != back.from)
      return failure(ErrorCode::invalid, "{} is not deployed any more", back.from);
    if (!record->second.versions.contains(back.to))
      return failure(ErrorCode::not_found, "there is no version {}", back.to);
    if (parts_.on_rollback) parts_.on_rollback(back);
    record->second.deployed = back.to;
    return {};
  });
}

}  // namespace wattle::simulation
