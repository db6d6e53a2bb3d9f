// Who is alive in a lattice. Each host says every 300 ms that it lives, what it runs and how much of it is in
// use (its lease); whoever listens judges by its own monotonic clock. This is the logic without a bus, for
// directory.h and for the simulator.
//
//   LeaseBook book;
//   for (const LeaseChange& change : book.step(lease, Clock::now())) ...   // joined, drains, left
//   for (const LeaseChange& change : book.step(Clock::now())) ...          // died
//   auto hosts = book.snapshot();
//
// Silence is counted in time that was spent listening: a process that was stopped for 5 s, or cut off from
// the bus, has not heard anybody meanwhile, which says nothing about them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace wattle::lattice {

inline constexpr Duration kLeaseInterval = std::chrono::milliseconds(300);
inline constexpr Duration kDeadAfter = std::chrono::milliseconds(1200);
inline constexpr uint32_t kLeaseVersion = 1;
inline constexpr size_t kHostsMax = 10'000;

// One revision of a component on a host, how busy it is, and how it does.
struct ComponentLease {
  std::string id{};
  std::string digest{};  // "sha256:...": the revision
  uint32_t in_flight = 0;
  uint32_t capacity = 0;  // calls at once
  uint32_t queued = 0;
  std::string image_ref{};  // what weights name it by; empty: not known
  // Since it was started on this host: calls that have ended, and those of them that failed by the
  // component's own doing.
  uint64_t calls = 0;
  uint64_t failures = 0;
  bool parked = false;  // out of memory until its next call
  bool operator==(const ComponentLease&) const = default;
};

// A link that a provider cannot serve as it is put: its port is taken, its configuration says nothing.
struct RefusedLink {
  std::string source_id{};
  std::string target{};
  std::string name{};
  std::string wit_namespace{};
  std::string wit_package{};
  std::string reason{};  // for people; at most kReasonBytesMax
  bool operator==(const RefusedLink&) const = default;
};
inline constexpr size_t kReasonBytesMax = 512;
inline constexpr size_t kRefusedLinksMax = 16;  // of a provider, that its lease tells

struct ProviderLease {
  std::string id{};
  bool healthy = true;
  std::vector<RefusedLink> refused{};
  bool operator==(const ProviderLease&) const = default;
};

struct HostLease {
  uint32_t version = kLeaseVersion;      // that wrote it
  uint32_t readable_by = kLeaseVersion;  // the oldest version that may read it
  std::string host_id;
  std::string friendly_name;
  uint64_t incarnation = 0;  // milliseconds since 1970 when the process started: tells it from an earlier one
  uint64_t sequence = 0;     // of the messages of one incarnation
  bool draining = false;     // takes no new calls
  bool gone = false;         // has stopped, and says goodbye
  std::map<std::string, std::string> labels;
  // Missing when it did not fit into one message: what was said before holds.
  std::optional<std::vector<ComponentLease>> components;
  std::optional<std::vector<ProviderLease>> providers;
  bool operator==(const HostLease&) const = default;
};

std::string to_json(const HostLease& lease);
// Refused: malformed; unsupported when it is of a newer format that this version must not read.
Result<HostLease> parse_lease(std::string_view json);

// The live hosts at one moment: immutable, and shared by all workers of a host.
class DirectorySnapshot {
 public:
  struct Place {
    const HostLease* host;
    const ComponentLease* component;  // null for a provider
  };

  explicit DirectorySnapshot(std::vector<std::shared_ptr<const HostLease>> hosts);
  DirectorySnapshot(const DirectorySnapshot&) = delete;
  DirectorySnapshot& operator=(const DirectorySnapshot&) = delete;

  // By id.
  const std::vector<std::shared_ptr<const HostLease>>& hosts() const { return hosts_; }
  const HostLease* find(std::string_view host_id) const;
  // Where a component (one place for each revision) or a provider runs, draining hosts too, by host id.
  std::span<const Place> places(std::string_view target) const;
  // The one host that does what one host shall do: the longest running that does not drain. Null: none.
  const HostLease* eldest() const;

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  std::vector<std::shared_ptr<const HostLease>> hosts_;
  std::unordered_map<std::string, std::vector<Place>, Hash, std::equal_to<>> places_;
};

struct LeaseChange {
  enum class Kind : uint8_t {
    joined,   // heard for the first time, or again after it had died
    changed,  // what it runs, its labels, or whether it drains; not the load
    left,     // said goodbye, or came back as another incarnation
    died,     // was silent for too long
  };
  Kind kind;
  std::shared_ptr<const HostLease> lease;  // the last one
};

class LeaseBook {
 public:
  struct Options {
    Duration dead_after = kDeadAfter;
    // The longest time between two steps that counts as listening: step() at least twice as often.
    Duration gap_max = std::chrono::milliseconds(200);
    // After a cut others may need longer than we to be connected again.
    Duration grace_after_cut = std::chrono::milliseconds(2500);
    // So long what came late from a host that has left is known as such.
    Duration forget_after = std::chrono::seconds(10);
  };
  LeaseBook() : LeaseBook(Options{}) {}
  explicit LeaseBook(const Options& options) : options_(options) {}

  // A lease was heard. Leases that are late, or beyond kHostsMax hosts, change nothing.
  std::vector<LeaseChange> step(HostLease lease, TimePoint now);
  // The same of one that is shared and says all that runs; `sequence` is this message's. Heard again, it
  // costs no comparison.
  std::vector<LeaseChange> step(std::shared_ptr<const HostLease> lease, uint64_t sequence, TimePoint now);
  // Time has passed.
  std::vector<LeaseChange> step(TimePoint now);
  // Cut off from the bus, or connected again.
  void set_connected(bool connected, TimePoint now);

  // How long after the last step the next host is dead if nobody is heard. Duration::max(): never.
  Duration next_death_in() const;
  // Whether the listening has lasted long enough that every live host was heard.
  bool settled() const { return listened_ >= options_.dead_after; }
  // Whether anything, load included, has changed since the last snapshot.
  bool news() const { return news_; }
  std::shared_ptr<const DirectorySnapshot> snapshot();

 private:
  struct Known {
    std::shared_ptr<const HostLease> lease;
    uint64_t sequence = 0;  // of the last message
    Duration heard{};       // on the clock of listening
    bool alive = true;
    bool said_goodbye = false;
  };

  void advance(TimePoint now);
  // Precondition: `lease` says all that runs.
  std::vector<LeaseChange> take(std::shared_ptr<const HostLease> lease, uint64_t sequence);
  static bool is_late(const Known& known, const HostLease& lease, uint64_t sequence);
  std::vector<LeaseChange> replace(Known& known, std::shared_ptr<const HostLease> lease, uint64_t sequence);

  Options options_;
  std::map<std::string, Known, std::less<>> known_;
  Duration listened_{};
  std::optional<TimePoint> last_step_;
  bool connected_ = true;
  bool news_ = true;
};

}  // namespace wattle::lattice
