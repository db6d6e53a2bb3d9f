#include "manager/workload.h"

#include <algorithm>
#include <map>

#include "manager/annotations.h"
#include "manager/workload_fields.h"

namespace wattle::manager {
namespace {

using workload::HostInterface;

constexpr size_t kCopiedBytesMax = size_t{16} << 20;
constexpr size_t kInterfacesMax = 64;  // of one host interface
constexpr size_t kHostAliasesMax = 32;
constexpr std::string_view kSeeTheTable =
    "\"wattle app images\" shows those of wattle, with --of-manager those in force; --images adds yours";

// Which versions of a package wattle has, and where it is served.
struct Package {
  std::string_view name;
  std::string_view version;  // what one that it has begins with
  bool in_host;              // every host serves it: no link leads anywhere
};
constexpr Package kPackages[] = {
    {"wasi:cli", "0.2", true},
    {"wasi:clocks", "0.2", true},
    {"wasi:filesystem", "0.2", true},
    {"wasi:io", "0.2", true},
    {"wasi:random", "0.2", true},
    {"wasi:sockets", "0.2", true},
    {"wasi:logging", "0.1", true},
    {"wasi:config", "0.2", true},
    {"wasi:http", "0.2", false},
    {"wasi:keyvalue", "0.2", false},
    {"wasi:blobstore", "0.2", false},
    {"wasmcloud:messaging", "0.2", false},
    {"wasmcloud:postgres", "0.1", false},
    {"wasmcloud:secrets", "0.1", false},
};

const Package* find_package(std::string_view name) {
  const auto found = std::find_if(std::begin(kPackages), std::end(kPackages),
                                  [&](const Package& package) { return package.name == name; });
  return found == std::end(kPackages) ? nullptr : found;
}

// What components export, and providers call.
bool is_handler(std::string_view interface) {
  return interface == "incoming-handler" || interface == "handler" || interface == "watcher";
}

StringMap plain(const TextMap& map) {
  StringMap out;
  for (const auto& [key, text] : map) out.emplace(key, text.value);
  return out;
}

std::string_view text_or(const StringMap& map, const std::string& key, std::string_view otherwise = {}) {
  const auto found = map.find(key);
  return found == map.end() ? otherwise : std::string_view(found->second);
}

// "example.com:443" of "https://example.com/".
std::string host_and_port(std::string_view allowed) {
  const size_t scheme = allowed.find("://");
  if (scheme == std::string_view::npos) return std::string(allowed);
  const std::string_view name = allowed.substr(0, scheme);
  std::string_view authority = allowed.substr(scheme + 3);
  if (authority.ends_with('/')) authority.remove_suffix(1);
  if (authority.find(':') != std::string_view::npos || (name != "http" && name != "https"))
    return std::string(authority);
  return fmt::format("{}:{}", authority, name == "https" ? 443 : 80);
}

class Converter {
 public:
  Converter(const ImageTable& images, Problems& problems) : images_(images), problems_(problems) {}

  void name_it(const workload::Metadata& metadata) {
    application_.name = metadata.name.value;
    application_.place = metadata.name.place;
    application_.together = true;
    if (!metadata.name_space.value.empty() && metadata.name_space.value != "default")
      problems_.warning(metadata.name_space.place,
                        fmt::format("a lattice has no namespaces: {} is one application, whatever its "
                                    "namespace",
                                    in_quotes(application_.name)),
                        "tell applications apart by their names");
    annotate(metadata.annotations, metadata.labels);
  }

  void annotate(const TextMap& annotations, const TextMap& labels) {
    check_annotations(annotations, labels, problems_);
    for (const auto& [key, text] : annotations) {
      application_.annotations.insert_or_assign(key, text.value);
      if (key == "version") application_.version = text.value;
      if (key == "description") application_.description = text.value;
      if (key == kHandlerAnnotation) handler_place_ = text.place;
    }
    for (const auto& [key, text] : labels) application_.labels.insert_or_assign(key, text.value);
  }

  void fill(const workload::Spec& spec, uint32_t replicas) {
    if (spec.components.size() > kPartsMax ||
        spec.components.size() * spec.host_interfaces.size() > kLinksMax)
      return problems_.error(
          spec.place,
          fmt::format("a workload has at most {} components and, as each is linked to each host "
                      "interface, {} links",
                      kPartsMax, kLinksMax),
          "make several workloads of it");
    refuse_what_is_missing(spec);
    for (const workload::Component& component : spec.components) add(component, spec, replicas);
    for (const HostInterface& one : spec.host_interfaces) ++entries_[package_of(one)];
    for (const HostInterface& host_interface : spec.host_interfaces) add(host_interface);
    bool outgoing = false;
    for (const workload::Component& component : spec.components) {
      if (!component.local_resources || component.local_resources->allowed_hosts.empty()) continue;
      add_outgoing(component.name.value, *component.local_resources);
      outgoing = true;
    }
    if (outgoing_asked_ && !outgoing)
      problems_.warning(*outgoing_asked_,
                        "no component names a host that it may send requests to, so none is sent",
                        "write localResources.allowedHosts, \"*\" for every host");
  }

  void refuse_artifacts(const std::vector<workload::Artifact>& artifacts) {
    if (!artifacts.empty())
      problems_.error(artifacts[0].place, "an Artifact is Kubernetes' object, and there is none here",
                      "write its image where the component's is");
  }
  void warn_of_kubernetes(const std::optional<workload::Kubernetes>& kubernetes) {
    if (kubernetes) problems_.warning(kubernetes->place, "this is for Kubernetes, and left out here");
  }
  void set_policy(const Text& policy) {
    if (policy.value == "Recreate") application_.update = UpdatePolicy::recreate;
  }

  Application take() { return std::move(application_); }

 private:
  void refuse_what_is_missing(const workload::Spec& spec) {
    warn_of_kubernetes(spec.kubernetes);
    if (spec.service)
      problems_.error(spec.service->place, "wattle runs no services: its components run for a call at a time",
                      "make it a component that exports what is called, or a provider");
    for (const workload::Component& component : spec.components) {
      if (component.image_pull_secret)
        problems_.warning(component.image_pull_secret->place,
                          "registries' credentials are the lattice's, so this is left out");
      if (!component.local_resources) continue;
      const workload::LocalResources& resources = *component.local_resources;
      if (!resources.volume_mounts.empty())
        problems_.error(resources.volume_mounts[0].place, "components on hosts have no files",
                        "use wasi:blobstore or wasi:keyvalue, by a host interface");
      if (resources.environment)
        problems_.error(resources.environment->place, "components on hosts have no environment variables",
                        "give the values as \"config\", which wasi:config reads");
    }
  }

  void add(const workload::Component& component, const workload::Spec& spec, uint32_t replicas) {
    Part part;
    part.name = component.name.value;
    part.place = part.id_place = component.name.place;
    part.id = generated_name(application_.name, part.name);
    part.image = part.reference = component.image.value;
    part.image_place = component.image.place;
    const uint32_t pool = component.pool_size ? component.pool_size->value : 0;
    const uint64_t instances = uint64_t{replicas} * std::max(pool, kCallsPerReplica);
    Scaling scaling;
    scaling.instances = static_cast<uint32_t>(std::min<uint64_t>(instances, UINT32_MAX));
    scaling.replicas = replicas;
    scaling.place = part.place;
    Spread spread;
    spread.requirements = plain(spec.host_selector);
    if (!afford(1, spread.requirements, spec.place)) return;
    if (!spec.environment.value.empty()) spread.requirements.emplace("environment", spec.environment.value);
    spread.host_id = spec.host_id.value;
    spread.place = spec.place;
    scaling.spreads.push_back(std::move(spread));
    part.scaling = std::move(scaling);
    if (component.local_resources && !component.local_resources->config.empty())
      part.configs.push_back({generated_name(application_.name, part.name), part.name,
                              plain(component.local_resources->config), component.local_resources->place});
    application_.parts.push_back(std::move(part));
  }

  // What components and links get copies of is bounded in all.
  bool afford(size_t values, const StringMap& map, const Place& place) {
    if (copied_bytes_ > kCopiedBytesMax) return false;
    copied_bytes_ += values * sizeof(Config);
    for (const auto& [key, value] : map)
      copied_bytes_ += key.size() + value.size() + sizeof(StringMap::value_type);
    if (copied_bytes_ <= kCopiedBytesMax) return true;
    problems_.error(place, "the workload is too large, once every component has its copy of these values",
                    "put them into a config of the lattice, and name it in configFrom");
    return false;
  }

  std::vector<Config> configs(const HostInterface& from, std::string_view name, StringMap values) {
    std::vector<Config> out;
    const size_t count = from.config_from.size() + from.secret_from.size() + 1;
    if (!afford(count, values, from.place)) return out;
    out.reserve(count);
    for (const workload::Reference& reference : from.config_from)
      out.push_back({reference.name.value, reference.name.value, {}, reference.name.place});
    for (const workload::Reference& reference : from.secret_from)
      out.push_back({"SECRET_" + reference.name.value, reference.name.value, {}, reference.name.place});
    if (!values.empty())
      out.push_back(
          {generated_name(application_.name, name), std::string(name), std::move(values), from.place});
    return out;
  }

  void add(const HostInterface& asked) {
    const std::string package = package_of(asked);
    const Package* known = find_package(package);
    const std::string_view version = asked.version.value;
    if (known != nullptr && !version.empty() && !version.starts_with(known->version))
      return problems_.mismatch(asked.version.place,
                                fmt::format("a version {} of {}", known->version, package),
                                in_quotes(version), "build the component against that one");
    if (package == "wasi:config") return add_config(asked);
    if (known != nullptr && known->in_host) return warn_of_hosts_own(asked, package);
    if (asked.interfaces.size() > kInterfacesMax)
      return problems_.error(asked.place, fmt::format("a link has at most {} interfaces", kInterfacesMax));
    const StringMap config = plain(asked.config);
    const std::string_view backend = text_or(config, "backend");
    std::map<std::string_view, std::vector<std::string>> imports;  // by provider
    for (const Text& interface : asked.interfaces) {
      if (package == "wasi:http" && interface.value == "types") continue;
      const std::string_view provider =
          provider_of(images_, asked.wit_namespace.value, asked.wit_package.value, interface.value, backend);
      if (provider.empty()) {
        refuse(asked, package, interface, backend);
      } else if (is_handler(interface.value)) {
        add_handler(asked, interface.value, provider);
      } else if (package == "wasi:http") {
        outgoing_asked_ = asked.place;
      } else {
        imports[provider].push_back(interface.value);
      }
    }
    for (const auto& [provider, interfaces] : imports) add_imports(asked, interfaces, provider);
  }

  static std::string package_of(const HostInterface& asked) {
    return fmt::format("{}:{}", asked.wit_namespace.value, asked.wit_package.value);
  }

  void warn_of_hosts_own(const HostInterface& asked, const std::string& package) {
    if (package == "wasi:filesystem")
      problems_.warning(asked.place, "components on hosts have no files",
                        "use wasi:blobstore or wasi:keyvalue, by a host interface");
    else if (package == "wasi:sockets")
      problems_.warning(asked.place, "components on hosts have no sockets", "use wasi:http, or a provider");
    else if (!asked.config.empty() || !asked.config_from.empty() || !asked.secret_from.empty())
      problems_.warning(asked.place,
                        fmt::format("every host serves {} alike: nothing configures it", package),
                        "delete its config");
  }

  // Of the link to what components import. One that stands alone is the default, whatever its name: v2's
  // components have no way to say which they mean.
  std::string import_link_name(const HostInterface& asked) const {
    const bool alone = entries_.find(package_of(asked))->second == 1;
    return asked.name.value.empty() || alone ? "default" : asked.name.value;
  }

  void refuse(const HostInterface& asked, const std::string& package, const Text& interface,
              std::string_view backend) {
    const auto found = asked.config.find("backend");
    if (found != asked.config.end() &&
        !provider_of(images_, asked.wit_namespace.value, asked.wit_package.value, interface.value, {})
             .empty())
      return problems_.error(
          found->second.place,
          fmt::format("no provider serves {} with the backend {}", package, in_quotes(backend)),
          std::string(kSeeTheTable));
    std::vector<std::string_view> names;
    for (const Package& one : kPackages) names.push_back(one.name);
    const std::string_view near = problems_.nearest(package, names);
    problems_.error(
        asked.wit_package.place, fmt::format("no provider serves {}/{}", package, interface.value),
        near.empty() || near == package ? std::string(kSeeTheTable) : fmt::format("did you mean {}?", near));
  }

  // Of every component: whichever imports wasi:config reads them.
  void add_config(const HostInterface& asked) {
    const StringMap values = plain(asked.config);
    for (Part& part : application_.parts) {
      if (part.kind != PartKind::component) continue;
      const auto added = configs(asked, "wasi-config", values);
      part.configs.insert(part.configs.begin(), added.begin(), added.end());
    }
  }

  // The component that a handler's link leads to; empty where the manifest does not say it.
  std::string handler(const HostInterface& asked, std::string_view interface) {
    const std::string_view named = text_or(application_.annotations, std::string(kHandlerAnnotation));
    std::vector<std::string_view> components;
    for (const Part& part : application_.parts)
      if (part.kind == PartKind::component) components.push_back(part.name);
    if (!named.empty()) {
      if (std::find(components.begin(), components.end(), named) != components.end())
        return std::string(named);
      problems_.mismatch(handler_place_, listed(components), fmt::format("the text {}", in_quotes(named)));
      return {};
    }
    if (components.size() == 1) return std::string(components[0]);
    if (!components.empty())
      problems_.error(
          asked.place,
          fmt::format("which of the {} components handles {} is not said", components.size(), interface),
          fmt::format("add the annotation {}: {}", kHandlerAnnotation, components[0]));
    return {};
  }

  void add_handler(const HostInterface& asked, const std::string& interface, std::string_view provider) {
    const std::string target = handler(asked, interface);
    if (target.empty()) return;
    // The provider is the source of every application's links, so that the name tells them apart.
    std::string name = application_.name;
    if (!asked.name.value.empty()) name += "-" + asked.name.value;
    StringMap config = plain(asked.config);
    config.erase("backend");
    if (interface != "incoming-handler")
      return add_handler(asked, interface, provider, target, name, std::move(config));
    std::vector<std::string> hosts{std::string(text_or(config, "host"))};
    std::string_view aliases = text_or(config, "host-aliases");
    while (!aliases.empty() && hosts.size() <= kHostAliasesMax) {
      const size_t end = std::min(aliases.find(','), aliases.size());
      std::string_view alias = aliases.substr(0, end);
      aliases.remove_prefix(std::min(end + 1, aliases.size()));
      while (alias.starts_with(' ')) alias.remove_prefix(1);
      while (alias.ends_with(' ')) alias.remove_suffix(1);
      if (!alias.empty()) hosts.emplace_back(alias);
    }
    if (!aliases.empty())
      problems_.error(asked.place, fmt::format("\"host-aliases\" names more than {} hosts", kHostAliasesMax));
    config.erase("host-aliases");
    for (size_t i = 0; i < hosts.size(); ++i) {
      // v2 routes by name, and leaves out the port that clients send with it.
      const std::string host = hosts[i].substr(0, hosts[i].find(':'));
      config.erase("host");
      if (!host.empty() && host != "*") config["host"] = host;
      add_handler(asked, interface, provider, target, i == 0 ? name : fmt::format("{}-{}", name, i + 1),
                  config);
    }
  }

  void add_handler(const HostInterface& asked, const std::string& interface, std::string_view provider,
                   const std::string& target, const std::string& name, StringMap config) {
    Link link = link_of(asked, platform_part(provider, asked.place), target, name);
    link.interfaces = {interface};
    link.source_configs = configs(
        asked, config_name(asked, interface) + name.substr(application_.name.size()), std::move(config));
    merge(std::move(link));
  }

  // Every component is linked: the manifest does not say which of them import it.
  void add_imports(const HostInterface& asked, const std::vector<std::string>& interfaces,
                   std::string_view provider) {
    const std::string target = platform_part(provider, asked.place);
    StringMap config = plain(asked.config);
    config.erase("backend");
    std::vector<std::string> sources;
    for (const Part& part : application_.parts)
      if (part.kind == PartKind::component) sources.push_back(part.name);
    for (const std::string& source : sources) {
      Link link = link_of(asked, source, target, import_link_name(asked));
      link.interfaces = interfaces;
      link.target_configs = configs(asked, config_name(asked, asked.name.value), config);
      merge(std::move(link));
    }
  }

  void add_outgoing(const std::string& component, const workload::LocalResources& resources) {
    const std::string_view provider = provider_of(images_, "wasi", "http", "outgoing-handler", {});
    if (provider.empty())
      return problems_.error(resources.allowed_hosts[0].place,
                             "no provider serves wasi:http/outgoing-handler", std::string(kSeeTheTable));
    std::string allowed;
    for (const Text& host : resources.allowed_hosts)
      allowed += (allowed.empty() ? "" : ",") + host_and_port(host.value);
    Link link;
    link.source = component;
    link.target = platform_part(provider, resources.place);
    link.wit_namespace = "wasi", link.wit_package = "http", link.interfaces = {"outgoing-handler"};
    link.place = link.target_place = resources.allowed_hosts[0].place;
    const std::string name = component + "-allowed-hosts";
    link.target_configs.push_back(
        {generated_name(application_.name, name), name, StringMap{{"allowed_hosts", allowed}}, link.place});
    application_.links.push_back(std::move(link));
  }

  Link link_of(const HostInterface& asked, const std::string& source, const std::string& target,
               std::string name) {
    Link link;
    link.source = source;
    link.target = target;
    link.name = std::move(name);
    link.wit_namespace = asked.wit_namespace.value;
    link.wit_package = asked.wit_package.value;
    link.place = link.target_place = asked.place;
    return link;
  }

  std::string config_name(const HostInterface& asked, const std::string& name) const {
    return fmt::format("{}-{}{}{}", asked.wit_namespace.value, asked.wit_package.value,
                       name.empty() ? "" : "-", name);
  }

  // Interfaces of one package to one provider are one link: a second of that name would replace it.
  void merge(Link link) {
    for (Link& other : application_.links) {
      if (std::tie(other.source, other.target, other.name, other.wit_namespace, other.wit_package) !=
          std::tie(link.source, link.target, link.name, link.wit_namespace, link.wit_package))
        continue;
      for (std::string& interface : link.interfaces)
        if (std::find(other.interfaces.begin(), other.interfaces.end(), interface) == other.interfaces.end())
          other.interfaces.push_back(std::move(interface));
      merge(other.source_configs, std::move(link.source_configs));
      merge(other.target_configs, std::move(link.target_configs));
      return;
    }
    application_.links.push_back(std::move(link));
  }
  static void merge(std::vector<Config>& configs, std::vector<Config> more) {
    for (Config& config : more) {
      const auto same = std::find_if(configs.begin(), configs.end(),
                                     [&](const Config& other) { return other.name == config.name; });
      if (same == configs.end())
        configs.push_back(std::move(config));
      else if (same->values && config.values)
        same->values->merge(*config.values);
    }
  }

  // The name of the part for a provider, which is made when it is first needed.
  std::string platform_part(std::string_view reference, const Place& place) {
    const size_t scheme = reference.find("://");
    std::string name(scheme == std::string_view::npos ? without_version(reference)
                                                      : reference.substr(scheme + 3));
    name = generated_name("platform", name.substr(name.rfind('/') + 1));
    if (find_part(application_, name) != nullptr) return name;
    Part part;
    part.kind = PartKind::provider;
    part.name = part.id = name;
    part.image = part.reference = reference;
    part.platform = true;
    part.place = part.id_place = part.image_place = place;
    application_.parts.push_back(std::move(part));
    return name;
  }

  const ImageTable& images_;
  Problems& problems_;
  Application application_;
  Place handler_place_;
  std::optional<Place> outgoing_asked_;
  std::map<std::string, size_t> entries_;  // of host interfaces, by package
  size_t copied_bytes_ = 0;
};

template <class Document>
void read_replicas(const Document& read, Converter& converter) {
  converter.name_it(read.metadata);
  converter.annotate(read.spec.replica.annotations, read.spec.replica.labels);
  converter.fill(read.spec.replica.spec, read.spec.replicas ? read.spec.replicas->value : 1);
}

std::string_view kind_of(const YamlNode& document) {
  for (const YamlField& field : document.fields)
    if (field.key == "kind") return field.value.text;
  return {};
}

}  // namespace

Application read_workload(const YamlNode& document, const ImageTable& images, Problems& problems) {
  Converter converter(images, problems);
  const std::string_view kind = kind_of(document);
  if (kind == "WorkloadDeployment") {
    const auto read = read_document<workload::Deployment>(document, problems);
    read_replicas(read, converter);
    converter.set_policy(read.spec.deploy_policy);
    converter.refuse_artifacts(read.spec.artifacts);
    converter.warn_of_kubernetes(read.spec.kubernetes);
  } else if (kind == "WorkloadReplicaSet") {
    read_replicas(read_document<workload::ReplicaSet>(document, problems), converter);
  } else {
    const auto read = read_document<workload::Workload>(document, problems);
    converter.name_it(read.metadata);
    converter.fill(read.spec, 1);
  }
  return converter.take();
}

}  // namespace wattle::manager
