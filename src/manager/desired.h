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

namespace wattle::manager {

// What wadm puts on what it manages, and its clients read.
inline constexpr std::string_view kManagedByAnnotation = "wasmcloud.dev/managed-by";
inline constexpr std::string_view kApplicationAnnotation = "wasmcloud.dev/appspec";
inline constexpr std::string_view kScalerAnnotation = "wasmcloud.dev/scaler";
// A provider of the whole lattice belongs to no single application.
inline constexpr std::string_view kPlatform = "platform";
// The label by whose values instances are kept apart, where an application names none ("wattle/spread-by").
inline constexpr std::string_view kDefaultFailureDomain = "zone";

// A component or a provider in one version.
struct WantedRevision {
  std::string reference{};
  std::vector<std::string> configs{};
  StringMap limits{};
  std::string scaler{};  // a fingerprint of all of these: hosts that tell another have something else
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
};

struct WantedLink {
  std::string application{};
  lattice::Link link{};
};

struct WantedConfig {
  std::string application{};
  StringMap values{};
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
};

struct Desired {
  std::map<std::string, WantedPart, std::less<>> parts{};  // by id
  std::map<LinkGroup, std::vector<WantedLink>> links{};
  std::map<std::string, WantedConfig, std::less<>> configs{};
  // What keeps an application from running that no check could see: an id that two versions of two
  // applications claim, because both were deployed at once. By application.
  std::map<std::string, std::string, std::less<>> conflicts{};
};

Desired desired_of(const std::vector<DeployedApplication>& applications);

// What one application puts into the lattice, by name.
struct Belongings {
  std::set<std::string> parts{};
  std::set<LinkGroup> links{};
  std::set<std::string> configs{};
};
Belongings belongings_of(const Application& application);

// FNV-1a of the text in 16 hexadecimal digits.
std::string fingerprint(std::string_view text);

}  // namespace wattle::manager
