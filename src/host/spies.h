// Who looks at calls on this host, and the calls that are shown to them: see lattice/spy.h.
//
// SpyBook hears who asks, on the control worker, and tells workers by an immutable SpyTable, which is null
// when nobody looks: a call then costs one comparison. A worker's SpyGlass makes a Sighting of each call that
// somebody looks at, and sends it without waiting: what is too much, for the bus too, is left out and
// counted.
//
//   if (auto sighting = glass.look(source, target, interface, function)) sighting->arguments("(1, 2)");
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "lattice/bus.h"
#include "lattice/spy.h"
#include "telemetry/log.h"

namespace wattle::host {

// A text as it is shown: in quotes, or how long it is if it is long or not plain.
std::string spied_text(std::string_view text);

// Inboxes, by what they look at.
using SpyTable = std::multimap<std::string, std::string, std::less<>>;

class SpyBook {
 public:
  static constexpr size_t kSpiesMax = 16;

  // `tell` is told each new table, and must not wait. The bus and the log, in which it stands who is looked
  // at, outlive it. Refused as Bus::subscribe.
  static Result<std::unique_ptr<SpyBook>> start(lattice::Bus& bus, std::string_view lattice,
                                                const telemetry::Log& log,
                                                std::function<void(std::shared_ptr<const SpyTable>)> tell,
                                                Duration patience = lattice::kSpyPatience);
  // Tells nothing more. On a fiber.
  ~SpyBook();
  SpyBook(const SpyBook&) = delete;
  SpyBook& operator=(const SpyBook&) = delete;

 private:
  using Key = std::pair<std::string, std::string>;  // what, inbox

  SpyBook(const telemetry::Log& log, std::function<void(std::shared_ptr<const SpyTable>)> tell,
          Duration patience)
      : log_(log), tell_(std::move(tell)), patience_(patience) {}
  void hear(std::string_view payload);
  void forget();
  void tell_all();

  const telemetry::Log& log_;
  std::function<void(std::shared_ptr<const SpyTable>)> tell_;
  const Duration patience_;
  std::map<Key, TimePoint> until_;
  bool is_full_ = false;  // and it was said
  std::unique_ptr<lattice::BusSubscription> subscription_;
  async::Signal changed_;
  std::shared_ptr<async::Fiber> fiber_;
};

class SpyGlass;

// One call that is looked at; sent by its destruction, when the call has ended.
class Sighting {
 public:
  Sighting(SpyGlass& glass, std::vector<std::string> inboxes, lattice::SpiedCall call)
      : glass_(glass), inboxes_(std::move(inboxes)), call_(std::move(call)) {}
  ~Sighting();
  Sighting(const Sighting&) = delete;
  Sighting& operator=(const Sighting&) = delete;

  void arguments(std::string text);
  void result(std::string text);
  void error(std::string text);

 private:
  SpyGlass& glass_;
  const std::vector<std::string> inboxes_;
  lattice::SpiedCall call_;
  const TimePoint begun_ = Clock::now();
};

class SpyGlass {
 public:
  // Of each worker: far less than the bus keeps of what is published and not yet taken, which calls need too.
  static constexpr uint32_t kPerSecondMax = 1000;
  static constexpr size_t kBytesPerSecondMax = size_t{1} << 20;
  static constexpr size_t kTextBytesMax = 4096;

  explicit SpyGlass(std::string host_id) : host_id_(std::move(host_id)) {}

  void set_table(std::shared_ptr<const SpyTable> table) { table_ = std::move(table); }
  // Null: nobody is told any more.
  void set_bus(lattice::Bus* bus) { bus_ = bus; }
  // Null, unless somebody looks at calls from `source` or to `target`.
  std::unique_ptr<Sighting> look(std::string_view source, std::string_view target, std::string_view interface,
                                 std::string_view function) {
    return table_ == nullptr ? nullptr : look_closely(source, target, interface, function);
  }
  bool idle() const { return table_ == nullptr; }

 private:
  friend class Sighting;
  std::unique_ptr<Sighting> look_closely(std::string_view source, std::string_view target,
                                         std::string_view interface, std::string_view function);
  void send(const std::vector<std::string>& inboxes, lattice::SpiedCall call);
  // What may still be sent in this second.
  bool has_room(size_t bytes);

  const std::string host_id_;
  std::shared_ptr<const SpyTable> table_;
  lattice::Bus* bus_ = nullptr;
  TimePoint second_begun_{};
  uint32_t seen_in_second_ = 0;
  size_t bytes_in_second_ = 0;
  uint64_t left_out_ = 0;
};

}  // namespace wattle::host
