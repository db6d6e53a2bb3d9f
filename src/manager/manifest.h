// What an application is, whichever format declared it: its components and providers ("parts"), the links
// between them, and what each is configured with. OAM manifests (oam.h) and Workloads (workload.h) are both
// read into this; checks (check.h) and the manager see nothing else.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "lattice/link.h"
#include "manager/problem.h"

namespace wattle::manager {

using StringMap = std::map<std::string, std::string>;

inline constexpr std::string_view kSharedAnnotation = "experimental.wasmcloud.dev/shared";
inline constexpr std::string_view kSharedWithAnnotation = "wattle/shared-with";
inline constexpr std::string_view kHandlerAnnotation = "wattle/handler";
inline constexpr std::string_view kSpreadByAnnotation = "wattle/spread-by";
inline constexpr std::string_view kSecretPolicyType = "policy.secret.wasmcloud.dev/v1alpha1";
inline constexpr uint32_t kDefaultWeight = 100;

// Of one application.
inline constexpr size_t kPartsMax = 1000;
inline constexpr size_t kLinksMax = 4000;
inline constexpr size_t kSpreadsMax = 100;            // of one part
inline constexpr uint32_t kInstancesMax = 1'000'000;  // of one part

// A config that a part or one end of a link gets.
struct Config {
  std::string name{};                 // as hosts know it
  std::string declared{};             // as the manifest has it
  std::optional<StringMap> values{};  // none: somebody else puts it
  Place place{};
};

// A secret, as a reference that hosts resolve: `name` is the config that holds the reference.
struct Secret {
  std::string name{};      // "SECRET_shop-password"
  std::string declared{};  // "password", by which the component asks for it
  std::string policy{};
  std::string key{};
  std::optional<std::string> field{};
  std::optional<std::string> version{};  // none: the newest
  Place place{};
};

struct Policy {
  std::string name{};
  std::string type{};
  StringMap properties{};
  Place place{};
};

struct Spread {
  std::string name = "default";
  StringMap requirements{};  // labels that a host must have
  uint32_t weight = kDefaultWeight;
  std::string host_id{};  // only this host; empty: any
  Place place{};
  bool operator==(const Spread&) const = default;
};

enum class ScalingKind : uint8_t {
  spread,  // `instances` in all, divided among the spreads by weight
  daemon,  // `instances` on every host that a spread fits
};

// How a number of instances follows the calls (autoscale.h).
struct LoadScaling {
  uint32_t least = 0;  // 0: what is left without calls is parked by its host
  uint32_t most = 0;
  uint32_t busy_percent = 70;                     // so many of the instances shall have a call
  Duration idle_after = std::chrono::minutes(5);  // without calls until it is parked
  Duration down_after = std::chrono::minutes(1);  // so long less must do before there is less
  bool operator==(const LoadScaling&) const = default;
};

struct Scaling {
  ScalingKind kind = ScalingKind::spread;
  // Of a component: calls at once. Of a provider: hosts that it runs on.
  uint32_t instances = 1;             // with `load`: to begin with
  std::optional<LoadScaling> load{};  // none: always so many
  std::vector<Spread> spreads{};      // empty: any host
  // Of a Workload: on so many hosts at most.
  std::optional<uint32_t> replicas{};
  Place place{};
  bool operator==(const Scaling&) const = default;
};

// What each instance needs of its host, which gets no more of them than it has room for.
struct Requests {
  uint64_t memory = 0;      // bytes; 0: whatever it takes
  uint32_t milli_cpus = 0;  // thousandths of a CPU; 0: likewise
  bool any() const { return memory != 0 || milli_cpus != 0; }
  bool operator==(const Requests&) const = default;
};

// What each instance of a component gets at most.
struct Limits {
  uint64_t memory = 0;  // bytes; 0: what its host says
  Duration time{};      // of a call; zero: likewise
  bool any() const { return memory != 0 || time != Duration::zero(); }
  bool operator==(const Limits&) const = default;
};

// A part that another application declares.
struct SharedPart {
  std::string application{};
  std::string part{};
  Place place{};
};

enum class PartKind : uint8_t { component, provider };

struct Part {
  PartKind kind = PartKind::component;
  std::string name{};  // in the manifest
  std::string id{};    // in the lattice
  bool id_given = false;
  std::string image{};      // as the manifest has it; empty for a shared part
  std::string reference{};  // what hosts start: the image, or what the image table has for it
  std::optional<SharedPart> shared{};
  // A provider of the whole lattice, which every application that uses it declares alike: it runs while one
  // does.
  bool platform = false;
  std::vector<Config> configs{};
  std::vector<Secret> secrets{};
  std::optional<Scaling> scaling{};  // none: a provider runs once, a component not at all
  Requests requests{};
  Limits limits{};
  Place place{};
  Place id_place{};
  Place image_place{};
};

struct Link {
  std::string source{};  // names of parts
  std::string target{};
  std::string name = "default";
  std::string wit_namespace{};
  std::string wit_package{};
  std::vector<std::string> interfaces{};
  std::vector<Config> source_configs{};
  std::vector<Secret> source_secrets{};
  std::vector<Config> target_configs{};
  std::vector<Secret> target_secrets{};
  Place place{};
  Place target_place{};
};

// Who may use a shared application, and which of its interfaces.
struct Allowance {
  std::string application{};    // "*": every one
  std::string wit_namespace{};  // empty: every interface
  std::string wit_package{};
  std::string interface{};  // empty: every interface of the package
};

enum class UpdatePolicy : uint8_t { rolling, recreate };

struct Application {
  std::string name{};
  std::string version{};  // empty: whoever stores it gives it one
  std::string description{};
  StringMap labels{};
  StringMap annotations{};
  std::vector<Part> parts{};
  std::vector<Link> links{};
  std::vector<Policy> policies{};
  bool shared = false;
  std::vector<Allowance> allowances{};  // of a shared one; empty: everybody, everything
  UpdatePolicy update = UpdatePolicy::rolling;
  // A Workload: its components run on the same hosts, and reach each other by what they import and export,
  // without links that the manifest names.
  bool together = false;
  Place place{};  // of its name
};

// Whether an image is a file beside the manifest ("./x.wasm", "../x.wasm") or anywhere on the machine of
// whoever puts it ("/x.wasm"), who puts its content into the lattice too.
bool is_file(std::string_view image);

// Their names, to tell which there are.
std::vector<std::string_view> part_names(const Application& application);
// Null: no such part.
const Part* find_part(const Application& application, std::string_view name);

// "shop-api_v2" of "shop" and "api.v2": what wadm calls parts without an id, and configs with values.
std::string generated_name(std::string_view application, std::string_view name);
// "SECRET_shop-password"
std::string generated_secret_name(std::string_view application, std::string_view name);

// Applications beside each other; none is null.
using Applications = std::span<const Application* const>;
std::vector<const Application*> pointers_to(std::span<const Application> applications);

// The id that the application in `others` which declares a shared part gave it; null: that of `part`.
const std::string* shared_id(const Part& part, Applications others);
// Shared parts get the ids that the applications in `others` gave them.
void take_shared_ids(Application& application, Applications others);

// `link` as hosts know it. Precondition: both its parts are the application's.
lattice::Link lattice_link(const Application& application, const Link& link);

// What the annotation kSharedWithAnnotation says: "shop", "shop=wasi:keyvalue", "shop=wasi:keyvalue/store",
// "*=wasi:http", with commas between them. Refused: invalid_argument.
Result<std::vector<Allowance>> parse_allowances(std::string_view text);
// Whether `application` may use what `owner` shares: any interface where `interface` is empty.
bool may_use(const Application& owner, std::string_view application, std::string_view wit_namespace = {},
             std::string_view wit_package = {}, std::string_view interface = {});

}  // namespace wattle::manager
