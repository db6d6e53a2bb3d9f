// All links of a lattice at one moment, made for looking up: immutable, shared by every worker of a host, and
// replaced as a whole when a link or config changes.
//
//   auto table = LinkTable::build(links, configs);
//   const LinkTable::Entry* link = table->find("shop-api", "default", "wasi:keyvalue/store@0.2.0-draft");
//
// Versions play no part: a link is for an interface. Links on wasi:keyvalue, wasi:blobstore and wasi:http are
// found under the names too that these have on the wire (wrpc:keyvalue/store, ...).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "lattice/borders.h"
#include "lattice/control_types.h"
#include "lattice/link.h"
#include "lattice/stored_link.h"

namespace wattle::lattice {

// Every named config, with its values.
using ConfigTable = std::map<std::string, StringMap, std::less<>>;

// The named configs in order, later ones over earlier ones. Names of none, and of secrets, are left out.
StringMap merge_configs(const ConfigTable& configs, const std::vector<std::string>& names);

// What a link's source config says about its calls: wattle's own keys, since v1's link has no room for them.
struct CallRules {
  std::optional<Duration> timeout;      // wattle-timeout: "250ms"
  std::vector<std::string> idempotent;  // wattle-idempotent: "get, exists", or "*" for all

  // `function` as it is called on the wire ("bucket.get").
  bool is_idempotent(std::string_view function) const;
};
// Refused (invalid_argument): a value that does not parse, a reserved key that is not known.
Result<CallRules> parse_rules(const StringMap& source_config);

class LinkTable {
 public:
  struct Entry {
    Link link;
    LinkPhase phase = LinkPhase::in_force;
    std::string copy{}, hold{};  // see StoredLink
    CallRules rules{};
    StringMap source_config{};  // merged, without wattle's own keys
    StringMap target_config{};
  };

  // What cannot hold (rules that do not parse, a link that conflicts with another, or that crosses a border)
  // is left out and told in problems().
  static std::shared_ptr<const LinkTable> build_stored(StoredLinks links, const ConfigTable& configs = {},
                                                       const BorderTable& borders = {});
  // All of them in force.
  static std::shared_ptr<const LinkTable> build(const std::vector<Link>& links,
                                                const ConfigTable& configs = {});

  // The one in force; null when there is none. `interface` with or without a version.
  const Entry* find(std::string_view source, std::string_view link_name, std::string_view interface) const;
  // In whatever phase, since callers learn of changes earlier or later than callees do.
  const Entry* find_to(std::string_view source, std::string_view link_name, std::string_view target,
                       std::string_view interface) const;
  // Whichever link name, in whatever phase: for callees that were not told it.
  const Entry* find_between(std::string_view source, std::string_view target,
                            std::string_view interface) const;

  const std::vector<Entry>& entries() const { return entries_; }
  std::vector<const Entry*> of_source(std::string_view source) const;
  std::vector<const Entry*> of_target(std::string_view target) const;
  // Those in force, for who knows nothing of phases.
  std::vector<Link> in_force() const;
  // All that a deletion means: every target and interface.
  std::vector<const Entry*> matching(const LinkKey& key) const;
  const std::vector<Error>& problems() const { return problems_; }
  // Whether the component or provider belongs to an application: where it runs nowhere, it will soon.
  bool is_declared(std::string_view id) const { return declared_.contains(id); }
  // Whether it belongs to an application whose links are still to come (Border::forming).
  bool is_forming(std::string_view id) const { return forming_.contains(id); }

  // The rule of link.put: refused (already_exists, naming the other link) when a link of the same source and
  // name already leads one of the interfaces to another target.
  Result<void> check_put(const Link& link) const;

 private:
  // Open addressing; a power of two, at most half full.
  struct Slot {
    size_t hash = 0;
    const Entry* entry = nullptr;
    std::string first, second, interface;
  };
  struct Index {
    std::vector<Slot> slots;
    void reserve(size_t count);
    // The entry that is there already, or null when it was put.
    const Entry* put(std::string_view first, std::string_view second, std::string interface,
                     const Entry* entry);
    const Entry* find(std::string_view first, std::string_view second, std::string_view interface) const;
  };

  void add_to_indexes(const Entry& entry);

  std::vector<Entry> entries_;
  std::vector<Error> problems_;
  std::set<std::string, std::less<>> declared_, forming_;
  std::vector<const Entry*> changing_;  // not in force; few
  Index by_name_;                       // source, link name, interface
  Index by_target_;                     // source, target, interface
};

// "wasi:keyvalue" and so on, for messages: "source --name--> target (wasi:keyvalue/store)".
std::string describe(const Link& link);

}  // namespace wattle::lattice
