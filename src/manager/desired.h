// What all deployed applications want of the lattice together: components, providers, links and configs by
// the names that hosts know them by. While an application changes its version, both versions are in it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lattice/links.h"
#include "manager/manifest.h"
#include "manager/rollout.h"
#include "manager/siblings.h"

namespace wattle::manager {

// What wadm puts on what it manages, and its clients read.
inline constexpr std::string_view kManagedByAnnotation = "wasmcloud.dev/managed-by";
inline constexpr std::string_view kApplicationAnnotation = "wasmcloud.dev/appspec";
inline constexpr std::string_view kScalerAnnotation = "wasmcloud.dev/scaler";
// A provider of the whole lattice belongs to no single application.
inline constexpr std::string_view kPlatform = "wattle:platform";
// The label by whose values instances are kept apart, where an application names none ("wattle/spread-by").
inline constexpr std::string_view kDefaultFailureDomain = "zone";

// A component or a provider in one version.
struct WantedRevision {
  std::string reference{};
  std::vector<std::string> configs{};
  StringMap limits{};     // as hosts take them; empty: those of the hosts
  Duration idle_after{};  // without a call until its hosts park it; zero: never
  std::string scaler{};   // a fingerprint of all of these: hosts that tell another have something else
  Requests requests{};    // of each instance; hosts are not told
  bool operator==(const WantedRevision&) const = default;
};

struct WantedPart {
  std::string application{};  // kPlatform for a provider of the whole lattice
  std::string name{};
  std::string id{};
  PartKind kind = PartKind::component;
  WantedRevision revision{};
  // The one that it takes over from; never of a provider.
  std::optional<WantedRevision> former{};
  Scaling scaling{};
  std::string failure_domain{};
  std::string together{};  // parts of the same text run on the same hosts; empty: wherever
  bool operator==(const WantedPart&) const = default;
};

struct WantedLink {
  std::string application{};
  lattice::Link link{};
  std::string fingerprint{};  // of the link
  std::string description{};  // of the link, for people
  std::string remark{};       // what they are told of it
  bool operator==(const WantedLink&) const = default;
};

struct WantedConfig {
  std::string application{};
  StringMap values{};
  bool operator==(const WantedConfig&) const = default;
};

// Links that one source, name and package has are put and deleted together.
struct LinkGroup {
  std::string source_id{};
  std::string name{};
  std::string wit_namespace{};
  std::string wit_package{};
  auto operator<=>(const LinkGroup&) const = default;
};
LinkGroup group_of(const lattice::Link& link);

// One application in the versions that count: `former` while it changes from that one.
struct DeployedApplication {
  std::string name{};
  std::shared_ptr<const Application> version{};  // null: it is to be taken down
  std::shared_ptr<const Application> former{};
  KnownInterfaces interfaces{};  // of its components, where it is a Workload
};

struct Desired {
  std::map<std::string, WantedPart, std::less<>> parts{};  // by id
  std::map<LinkGroup, std::vector<WantedLink>> links{};
  std::map<std::string, WantedConfig, std::less<>> configs{};
  // What keeps an application from running that no check could see: an id that two versions of two
  // applications claim, because both were deployed at once. By application and id.
  std::map<std::pair<std::string, std::string>, std::string> conflicts{};
};

Desired desired_of(const std::vector<DeployedApplication>& applications);

// What one application has, or may have, in the lattice, by name.
struct Belongings {
  std::set<std::string> parts{};
  std::set<LinkGroup> links{};
  std::set<std::string> configs{};
};

// Desired of all applications, made anew only where one of them changes: what that costs depends on what the
// application has, not on how many there are.
//
//   const Belongings changed = table.set({"shop", version, nullptr});
//   for (const std::string& id : changed.parts) ... table.desired().parts.find(id), table.of_part(id) ...
class DesiredTable {
 public:
  using Names = std::set<std::string, std::less<>>;

  const Desired& desired() const { return desired_; }
  // In place of what the application wanted before; without a version, of nothing. Returns what is wanted
  // otherwise now than before, and what this application has no part in any more.
  Belongings set(const DeployedApplication& application);
  // Empty for one that was not set.
  const Belongings& of(std::string_view application) const;

  // The applications that have to do with it; with a config those too that name it without giving its values.
  const Names& of_part(std::string_view id) const { return find(by_part_, id); }
  const Names& of_link(const LinkGroup& group) const { return find(by_link_, group); }
  const Names& of_config(std::string_view name) const { return find(by_config_, name); }
  // Those that use parts of this one.
  const Names& users_of(std::string_view application) const { return find(by_owner_, application); }

 private:
  struct Entry {
    Desired fresh{}, former{};  // as if there were no other application
    Belongings belongings{};
    Names configs{}, owners{};  // that it names
  };
  template <class Map, class Key>
  static const Names& find(const Map& map, const Key& key) {
    static const Names kNone;
    const auto found = map.find(key);
    return found == map.end() ? kNone : found->second;
  }
  static Entry entry_of(const DeployedApplication& application);
  void enter(const std::string& name, const Entry& entry);
  void leave(const std::string& name, const Entry& entry);
  // Of what each application wants, in the order of their names and former versions last. True: it is
  // another.
  bool merge_part(const std::string& id);
  bool merge_links(const LinkGroup& group);
  bool merge_config(const std::string& name);
  template <class Visit>
  void visit(const Names& names, Visit visit) const;

  Desired desired_;
  std::map<std::string, Entry, std::less<>> entries_;
  std::map<std::string, Names, std::less<>> by_part_, by_config_, by_owner_;
  std::map<LinkGroup, Names> by_link_;
};

// FNV-1a of the text; `basis` in place of its own tells texts of different uses apart.
inline constexpr uint64_t kHashBasis = 0xcbf29ce484222325;
uint64_t hash_of(std::string_view text, uint64_t basis = kHashBasis);
// The same in 16 hexadecimal digits.
std::string fingerprint(std::string_view text);

}  // namespace wattle::manager
