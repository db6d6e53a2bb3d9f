#include "lattice/directory.h"

#include <algorithm>

#include "async/fiber_group.h"
#include "lattice/names.h"

namespace wattle::lattice {
struct Directory::State : std::enable_shared_from_this<Directory::State> {
  State(Bus& on, DirectoryOptions wanted)
      : bus(on), options(std::move(wanted)), book(options.book), current(book.snapshot()) {}

  void watch();
  void hear(const Message& message);
  void tell(const std::vector<LeaseChange>& changes);
  void take_snapshot();
  bool hears() const;

  Bus& bus;
  const DirectoryOptions options;
  LeaseBook book;
  std::shared_ptr<const DirectorySnapshot> current;
  std::function<void(const LeaseChange&)> listener;
  async::Signal changed;
  std::unique_ptr<BusSubscription> subscription;
  bool stopped = false;
  bool warned = false;
  bool connected = true;
  std::optional<TimePoint> echo;  // when this host's own lease was heard last
  async::FiberGroup fibers{bus.worker()};
};

void Directory::State::hear(const Message& message) {
  auto lease = parse_lease(message.payload);
  if (lease && lease->host_id == options.own_host) echo = Clock::now();
  if (lease) return tell(book.step(std::move(*lease), Clock::now()));
  if (std::exchange(warned, true) || options.log == nullptr) return;
  options.log->warn("a host's lease is left out, and so will be the next such ones",
                    {{"subject", message.subject}, {"reason", lease.error().full_message()}});
}

void Directory::State::take_snapshot() {
  current = book.snapshot();
  changed.notify();
}

void Directory::State::tell(const std::vector<LeaseChange>& changes) {
  if (changes.empty()) return;
  const auto self = shared_from_this();
  take_snapshot();
  for (const LeaseChange& change : changes)
    if (listener && !stopped) listener(change);
}

// Whether what the others say would be heard.
bool Directory::State::hears() const {
  return bus.connected() && (!echo || Clock::now() - *echo < options.echo_max);
}

// Steps so often that the time in between counts as listening.
void Directory::State::watch() {
  const Duration tick = std::min(options.load_interval, options.book.gap_max / 2);
  while (!stopped) {
    if (hears() != connected) book.set_connected(connected = hears(), Clock::now());
    tell(book.step(Clock::now()));
    if (stopped) return;
    if (book.news()) take_snapshot();
    if (stopped) return;
    async::Signal* signals[] = {&bus.changed()};
    const TimePoint until = Clock::now() + std::min(tick, book.next_death_in());
    if (!async::Signal::wait_any(signals, until)) return;
  }
}

Result<std::unique_ptr<Directory>> Directory::start(Bus& bus, std::string_view lattice,
                                                    DirectoryOptions options) {
  WATTLE_CHECK(check_lattice(lattice));
  auto state = std::make_shared<State>(bus, std::move(options));
  // Messages are handled where they are read: what lies in the socket is heard before anybody is judged.
  WATTLE_TRY(state->subscription, bus.subscribe(lease_subject(lattice, "*"), {},
                                                [weak = std::weak_ptr(state)](const Message& message) {
                                                  const auto alive = weak.lock();
                                                  if (alive != nullptr && !alive->stopped)
                                                    alive->hear(message);
                                                }));
  state->fibers.spawn([watching = state.get()] { watching->watch(); });
  return std::unique_ptr<Directory>(new Directory(std::move(state)));
}

Directory::~Directory() {
  state_->stopped = true;
  state_->subscription.reset();
  state_->fibers.stop();
}

std::shared_ptr<const DirectorySnapshot> Directory::snapshot() const {
  return state_->current;
}

async::Signal& Directory::changed() {
  return state_->changed;
}

bool Directory::settled() const {
  return state_->book.settled();
}

void Directory::set_listener(std::function<void(const LeaseChange&)> listener) {
  state_->listener = std::move(listener);
}

struct LeasePublisher::State {
  State(Bus& on, std::string of, std::function<HostLease()> what, Duration every, uint64_t since)
      : bus(on), lattice(std::move(of)), describe(std::move(what)), interval(every), incarnation(since) {}

  void send(bool gone);
  void beat();

  Bus& bus;
  const std::string lattice;
  const std::function<HostLease()> describe;
  const Duration interval;
  const uint64_t incarnation;
  uint64_t sequence = 0;
  bool stopped = false;
  async::FiberGroup fibers{bus.worker()};
};

// Nothing is kept for later while cut off: a lease says what is now.
void LeasePublisher::State::send(bool gone) {
  if (!bus.connected()) return;
  HostLease lease = describe();
  lease.version = lease.readable_by = kLeaseVersion;
  lease.incarnation = incarnation;
  lease.sequence = ++sequence;
  lease.gone = gone;
  const std::string subject = lease_subject(lattice, lease.host_id);
  std::string text = to_json(lease);
  if (text.size() > bus.max_payload_bytes()) {
    lease.components.reset();
    lease.providers.reset();
    text = to_json(lease);
  }
  (void)bus.publish(subject, text);  // the next one follows soon
}

void LeasePublisher::State::beat() {
  TimePoint next = Clock::now() + interval;
  bool connected = bus.connected();
  while (!stopped) {
    async::Signal* signals[] = {&bus.changed()};
    if (!async::Signal::wait_any(signals, next) || stopped) return;
    const bool back = bus.connected() && !connected;
    connected = bus.connected();
    if (Clock::now() < next && !back) continue;
    send(false);
    next = Clock::now() + interval;
  }
}

std::unique_ptr<LeasePublisher> LeasePublisher::start(Bus& bus, std::string_view lattice,
                                                      std::function<HostLease()> describe,
                                                      Duration interval) {
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  const auto since_1970_ms = std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count();
  auto state = std::make_shared<State>(bus, std::string(lattice), std::move(describe), interval,
                                       static_cast<uint64_t>(since_1970_ms));
  state->send(false);
  state->fibers.spawn([beating = state.get()] { beating->beat(); });
  return std::unique_ptr<LeasePublisher>(new LeasePublisher(std::move(state)));
}

LeasePublisher::~LeasePublisher() {
  state_->stopped = true;
  state_->fibers.stop();
}

void LeasePublisher::announce() {
  if (!state_->stopped) state_->send(false);
}

void LeasePublisher::stop() {
  if (std::exchange(state_->stopped, true)) return;
  state_->send(true);
}

}  // namespace wattle::lattice
