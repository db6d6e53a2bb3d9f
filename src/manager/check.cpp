#include "manager/check.h"

#include <algorithm>
#include <map>
#include <set>

#include "lattice/names.h"

namespace wattle::manager {
namespace {

// Which interfaces the packages that everybody uses have: another one in them is most likely a slip.
struct KnownPackage {
  std::string_view name;
  std::string_view interfaces;
};
constexpr KnownPackage kKnownPackages[] = {
    {"wasi:http", "incoming-handler|outgoing-handler|types"},
    {"wasi:keyvalue", "store|atomics|batch|watcher"},
    {"wasi:blobstore", "blobstore|container|types"},
    {"wasi:config", "runtime|store"},
    {"wasi:logging", "logging"},
    {"wasmcloud:messaging", "consumer|handler|types"},
    {"wasmcloud:postgres", "query|prepared|types"},
    {"wasmcloud:secrets", "store|reveal"},
};

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

bool holds(const Spread& wider, const Spread& narrower) {
  if (!wider.host_id.empty() && wider.host_id != narrower.host_id) return false;
  return std::includes(narrower.requirements.begin(), narrower.requirements.end(), wider.requirements.begin(),
                       wider.requirements.end());
}

class Checker {
 public:
  Checker(const Application& application, Problems& problems)
      : application_(application), problems_(problems) {}

  // False: it is too large to be looked at.
  bool run() {
    if (application_.parts.size() > kPartsMax || application_.links.size() > kLinksMax) {
      problems_.error(
          application_.place,
          fmt::format("an application has at most {} components and {} links, and this one {} and {}",
                      kPartsMax, kLinksMax, application_.parts.size(), application_.links.size()),
          "make several applications of it");
      return false;
    }
    for (const Part& part : application_.parts) check_part(part);
    for (const Link& link : application_.links) check_link(link);
    check_replaced_links();
    return true;
  }

 private:
  void check_part(const Part& part) {
    if (part.name.empty()) return;  // told when it was read
    if (!names_.insert(part.name).second)
      problems_.error(part.place, fmt::format("the component {} is declared twice", in_quotes(part.name)),
                      "give one of them another name");
    if (auto fits = lattice::check_id(part.id, "the id"); !fits)
      problems_.error(part.id_place, fits.error().message());
    // Two references to one shared part are one thing.
    else if (const auto [same, fresh] = ids_.emplace(part.id, &part);
             !fresh && !(part.shared && same->second->shared))
      problems_.error(part.id_place,
                      fmt::format("{} and {} have the id {} both", in_quotes(same->second->name),
                                  in_quotes(part.name), in_quotes(part.id)),
                      "give one of them another id");
    check_configs(part.configs);
    check_secrets(part.secrets);
    if (part.shared) {
      if (part.scaling)
        problems_.warning(
            part.scaling->place,
            fmt::format("{} is another application's, which alone scales it", in_quotes(part.name)),
            "delete this trait");
      if (!part.configs.empty() || !part.secrets.empty())
        problems_.warning(
            part.place,
            fmt::format("{} is another application's, which alone configures it", in_quotes(part.name)),
            "give the values to the link instead");
    } else if (part.scaling) {
      check_scaling(*part.scaling, part);
    } else if (part.kind == PartKind::component) {
      problems_.warning(
          part.place, fmt::format("the component {} has no scaler, so it runs nowhere", in_quotes(part.name)),
          "add a trait spreadscaler with \"instances\"");
    }
    if (!part.shared && part.kind == PartKind::component && part.reference.starts_with("builtin://"))
      problems_.error(part.image_place,
                      fmt::format("{} is a provider, not a component", in_quotes(part.image)),
                      "write \"type: capability\"");
  }

  void check_scaling(const Scaling& scaling, const Part& part) {
    if (scaling.spreads.size() > kSpreadsMax)
      return problems_.error(scaling.place, fmt::format("a component has at most {} spreads", kSpreadsMax));
    std::set<std::string_view> names;
    uint64_t weights = 0;
    for (size_t i = 0; i < scaling.spreads.size(); ++i) {
      const Spread& spread = scaling.spreads[i];
      weights += spread.weight;
      if (!names.insert(spread.name).second)
        problems_.error(
            spread.place,
            fmt::format("two spreads of {} are called {}", in_quotes(part.name), in_quotes(spread.name)),
            "give one of them another name");
      for (size_t j = 0; j < i; ++j) check_overlap(scaling.spreads[j], spread);
    }
    if (!scaling.spreads.empty() && weights == 0 && scaling.kind == ScalingKind::spread)
      problems_.error(scaling.place, "all weights are 0, so no spread gets an instance",
                      "give one of them a weight");
  }

  void check_overlap(const Spread& a, const Spread& b) {
    if (!may_overlap(a, b)) return;
    const std::string overlap =
        fmt::format("the spreads {} and {} overlap", in_quotes(a.name), in_quotes(b.name));
    const std::string remedy = "require another value of one label in each";
    const bool a_holds_b = holds(a, b);
    if (!a_holds_b && !holds(b, a))
      return problems_.warning(b.place, overlap + " on every host that has the labels of both", remedy);
    problems_.error(b.place,
                    fmt::format("{}: every host that has the labels of {} has those of {} too", overlap,
                                in_quotes((a_holds_b ? b : a).name), in_quotes((a_holds_b ? a : b).name)),
                    remedy);
  }

  void check_configs(const std::vector<Config>& configs) {
    std::set<std::string_view> given;
    for (const Config& config : configs) {
      if (config.declared.empty()) continue;  // told when it was read
      if (auto fits = lattice::check_id(config.name, "the config's name"); !fits) {
        problems_.error(config.place, fits.error().message());
        continue;
      }
      if (!given.insert(config.name).second)
        problems_.error(config.place,
                        fmt::format("the config {} stands twice in the list", in_quotes(config.declared)),
                        "delete one of them");
      if (config.values) {
        const auto [same, fresh] = configs_.emplace(config.name, &config);
        if (!fresh && same->second->values != config.values)
          problems_.error(config.place,
                          fmt::format("the config {} has other values in line {}", in_quotes(config.declared),
                                      same->second->place.line),
                          "give one of them another name");
      }
    }
  }

  void check_secrets(const std::vector<Secret>& secrets) {
    std::set<std::string_view> given;
    for (const Secret& secret : secrets) {
      if (!given.insert(secret.name).second)
        problems_.error(secret.place,
                        fmt::format("the secret {} stands twice in the list", in_quotes(secret.declared)),
                        "delete one of them");
      if (secret.policy.empty()) continue;  // told when it was read
      const auto policy = std::find_if(application_.policies.begin(), application_.policies.end(),
                                       [&](const Policy& one) { return one.name == secret.policy; });
      if (policy == application_.policies.end()) {
        std::vector<std::string_view> names;
        names.reserve(application_.policies.size());
        for (const Policy& one : application_.policies) names.push_back(one.name);
        const std::string_view near = problems_.nearest(secret.policy, names);
        problems_.error(
            secret.place,
            fmt::format("the secret {} needs the policy {}, which is not declared",
                        in_quotes(secret.declared), in_quotes(secret.policy)),
            near.empty() ? "declare it in spec.policies" : fmt::format("did you mean {}?", in_quotes(near)));
      } else if (policy->type != kSecretPolicyType) {
        problems_.error(secret.place,
                        fmt::format("the policy {} is none for secrets", in_quotes(policy->name)),
                        fmt::format("its type must be {}", kSecretPolicyType));
      } else if (!policy->properties.contains("backend")) {
        problems_.error(policy->place, fmt::format("the policy {} names no backend", in_quotes(policy->name)),
                        "add \"backend\" to its properties");
      }
      const auto [same, fresh] = secrets_.emplace(secret.name, &secret);
      const Secret& other = *same->second;
      if (!fresh && std::tie(other.policy, other.key, other.field, other.version) !=
                        std::tie(secret.policy, secret.key, secret.field, secret.version))
        problems_.error(secret.place,
                        fmt::format("the secret {} is another one in line {}", in_quotes(secret.declared),
                                    other.place.line),
                        "give one of them another name");
    }
  }

  void check_link(const Link& link) {
    check_ends(link);
    if (problems_.any_errors() || find_part(application_, link.source) == nullptr ||
        find_part(application_, link.target) == nullptr)
      return;
    // What is accepted, hosts must take.
    if (auto fits = lattice::check(lattice_link(application_, link)); !fits)
      problems_.error(link.place, fits.error().message());
  }

  void check_ends(const Link& link) {
    check_configs(link.source_configs);
    check_configs(link.target_configs);
    check_secrets(link.source_secrets);
    check_secrets(link.target_secrets);
    check_interfaces(link);
    const Part* source = find_part(application_, link.source);
    const Part* target = find_part(application_, link.target);
    if (link.target.empty()) return;  // told when it was read
    if (target == nullptr) {
      const std::string_view near = problems_.nearest(link.target, part_names(application_));
      return problems_.error(
          link.target_place,
          fmt::format("the link leads to {}, which this manifest does not declare", in_quotes(link.target)),
          near.empty()
              ? "declare it; a part of another application with \"application\" in place of \"image\""
              : fmt::format("did you mean {}?", in_quotes(near)));
    }
    if (source != nullptr && source->kind == PartKind::provider && target->kind == PartKind::provider)
      problems_.error(link.target_place,
                      fmt::format("{} and {} are providers both: a link has a component at one end",
                                  in_quotes(link.source), in_quotes(link.target)));
    if (source == target) problems_.error(link.target_place, "the link leads to its own source");
  }

  void check_interfaces(const Link& link) {
    const std::string package = fmt::format("{}:{}", link.wit_namespace, link.wit_package);
    std::set<std::string_view> seen;
    for (const std::string& interface : link.interfaces) {
      if (!seen.insert(interface).second)
        problems_.error(link.place,
                        fmt::format("the interface {} stands twice in the link", in_quotes(interface)),
                        "delete one of them");
      for (const KnownPackage& known : kKnownPackages) {
        if (known.name != package) continue;
        const auto words = split(known.interfaces, '|');
        if (std::find(words.begin(), words.end(), interface) != words.end()) continue;
        const std::string_view near = problems_.nearest(interface, words);
        problems_.warning(
            link.place,
            fmt::format("{} has no interface {} that wattle knows", package, in_quotes(interface)),
            near.empty() ? std::string() : fmt::format("did you mean {}?", in_quotes(near)));
      }
    }
  }

  // Hosts know a link by source, name and package, and refuse a second target for an interface.
  void check_replaced_links() {
    std::map<std::vector<std::string_view>, const Link*> links;
    for (const Link& link : application_.links) {
      const auto [same, fresh] = links.emplace(
          std::vector<std::string_view>{link.source, link.name, link.wit_namespace, link.wit_package}, &link);
      if (fresh) continue;
      const Link& other = *same->second;
      const bool overlaps =
          std::any_of(link.interfaces.begin(), link.interfaces.end(), [&](const std::string& interface) {
            return std::find(other.interfaces.begin(), other.interfaces.end(), interface) !=
                   other.interfaces.end();
          });
      if (link.target != other.target && !overlaps) continue;
      problems_.error(
          link.place,
          fmt::format("{} has a link {} for {}:{} already, in line {}", in_quotes(link.source),
                      in_quotes(link.name), link.wit_namespace, link.wit_package, other.place.line),
          link.target == other.target ? "put their interfaces into one link"
                                      : "give one of them another \"name\"");
    }
  }

  const Application& application_;
  Problems& problems_;
  std::set<std::string_view> names_;
  std::map<std::string_view, const Part*> ids_;
  std::map<std::string_view, const Config*> configs_;
  std::map<std::string_view, const Secret*> secrets_;
};

}  // namespace

bool may_overlap(const Spread& a, const Spread& b) {
  if (!a.host_id.empty() && !b.host_id.empty() && a.host_id != b.host_id) return false;
  return std::none_of(a.requirements.begin(), a.requirements.end(), [&](const auto& requirement) {
    const auto other = b.requirements.find(requirement.first);
    return other != b.requirements.end() && other->second != requirement.second;
  });
}

void check(const Application& application, Applications others, const CheckOptions& options,
           Problems& problems) {
  if (Checker(application, problems).run()) {
    check_sharing(application, others, options, problems);
    check_routes(application, others, problems);
  }
  problems.sort();
}

}  // namespace wattle::manager
