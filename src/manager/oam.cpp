#include "manager/oam.h"

#include <algorithm>
#include <cstdlib>
#include <tuple>

#include "base/parse.h"
#include "manager/annotations.h"
#include "manager/oam_fields.h"

namespace wattle::manager {
namespace {

constexpr Duration kLongest = std::chrono::hours(24 * 365);

StringMap plain(const TextMap& map) {
  StringMap out;
  for (const auto& [key, text] : map) out.emplace(key, text.value);
  return out;
}

class Converter {
 public:
  Converter(const oam::Manifest& manifest, Problems& problems) : manifest_(manifest), problems_(problems) {}

  Application convert() {
    const oam::Metadata& metadata = manifest_.metadata;
    application_.name = metadata.name.value;
    application_.place = metadata.name.place;
    application_.annotations = plain(metadata.annotations);
    application_.labels = plain(metadata.labels);
    check_annotations(metadata.annotations, metadata.labels, problems_);
    read_annotations(metadata.annotations);
    for (const oam::PolicyItem& policy : manifest_.spec.policies)
      application_.policies.push_back(
          {policy.name.value, policy.type.value, plain(policy.properties), policy.name.place});
    for (const oam::Component& component : manifest_.spec.components) add(component);
    return std::move(application_);
  }

 private:
  void read_annotations(const TextMap& annotations) {
    if (const auto found = annotations.find("version"); found != annotations.end())
      application_.version = found->second.value;
    if (const auto found = annotations.find("description"); found != annotations.end())
      application_.description = found->second.value;
    if (const auto found = annotations.find(std::string(kSharedAnnotation)); found != annotations.end()) {
      application_.shared = found->second.value == "true";
      if (!application_.shared && found->second.value != "false")
        problems_.mismatch(found->second.place, "\"true\" or \"false\"",
                           fmt::format("the text {}", in_quotes(found->second.value)));
    }
    if (const auto found = annotations.find(std::string(kSharedWithAnnotation)); found != annotations.end()) {
      auto allowances = parse_allowances(found->second.value);
      if (!allowances)
        problems_.error(found->second.place, allowances.error().message(), allowances.error().remedy());
      else
        application_.allowances = std::move(*allowances);
      if (!application_.shared)
        problems_.error(found->second.place,
                        "the application is not shared, so nobody can be named who may use it",
                        fmt::format("add the annotation {}: \"true\"", kSharedAnnotation));
    }
  }

  std::vector<Config> configs(const std::vector<oam::ConfigItem>& items) const {
    std::vector<Config> out;
    for (const oam::ConfigItem& item : items) {
      Config config{item.name.value, item.name.value, {}, item.name.place};
      if (item.properties) {
        config.name = generated_name(application_.name, item.name.value);
        config.values = plain(*item.properties);
      }
      out.push_back(std::move(config));
    }
    return out;
  }

  std::vector<Secret> secrets(const std::vector<oam::SecretItem>& items) const {
    std::vector<Secret> out;
    for (const oam::SecretItem& item : items) {
      Secret secret;
      secret.name = generated_secret_name(application_.name, item.name.value);
      secret.declared = item.name.value;
      secret.policy = item.properties.policy.value;
      secret.key = item.properties.key.value;
      if (item.properties.field.place.line != 0) secret.field = item.properties.field.value;
      if (item.properties.version.place.line != 0) secret.version = item.properties.version.value;
      secret.place = item.properties.policy.place;
      out.push_back(std::move(secret));
    }
    return out;
  }

  // Those that cannot be read have been told.
  static Requests requests(const oam::ResourceRequests& declared) {
    Requests requests;
    if (declared.memory) requests.memory = parse_memory_quantity(declared.memory->value).value_or(0);
    if (declared.cpu) requests.milli_cpus = parse_cpu_quantity(declared.cpu->value).value_or(0);
    return requests;
  }

  void add(const oam::ResourceLimits& declared, Part& part) {
    if (part.kind != PartKind::component)
      return problems_.error(declared.place,
                             fmt::format("{} is a provider, and limits are those of a component's instances",
                                         in_quotes(part.name)),
                             "delete \"limits\"");
    if (declared.memory) {
      part.limits.memory = parse_memory_quantity(declared.memory->value).value_or(0);
      if (part.limits.memory == 0 || part.limits.memory < part.requests.memory)
        problems_.error(declared.memory->place,
                        fmt::format("{} of memory is {}", declared.memory->value,
                                    part.limits.memory == 0 ? "nothing to run in" : "less than is asked for"),
                        "raise it, or leave it out");
    }
    if (!declared.time.value.empty()) {
      part.limits.time = parse_duration(declared.time.value).value_or(Duration::zero());
      if (part.limits.time < std::chrono::milliseconds(1) || part.limits.time > kLongest)
        problems_.error(declared.time.place,
                        fmt::format("{} is no time from 1 ms to 365 days", in_quotes(declared.time.value)));
    }
  }

  void add(const oam::Component& component) {
    const oam::ComponentProperties& properties = component.properties;
    Part part;
    part.kind = component.type.value == "capability" ? PartKind::provider : PartKind::component;
    part.name = component.name.value;
    part.place = component.name.place;
    part.image = properties.image.value;
    part.reference = part.image;
    part.image_place = properties.image.place;
    std::string owner = application_.name, name = part.name;
    if (properties.application) {
      const oam::SharedReference& shared = *properties.application;
      part.shared = SharedPart{shared.name.value, shared.component.value, shared.name.place};
      owner = shared.name.value, name = shared.component.value;
    }
    part.id_given = properties.id.place.line != 0;
    part.id = part.id_given ? properties.id.value : generated_name(owner, name);
    part.id_place = part.id_given ? properties.id.place : component.name.place;
    part.configs = configs(properties.config);
    part.secrets = secrets(properties.secrets);
    if (properties.resources) part.requests = requests(properties.resources->requests);
    if (properties.resources && properties.resources->limits) add(*properties.resources->limits, part);
    if (properties.resources && part.shared)
      problems_.error(properties.resources->place,
                      fmt::format("what {} needs is said where it is declared, by the application {}",
                                  in_quotes(part.name), in_quotes(part.shared->application)),
                      "delete \"resources\"");
    for (const oam::Trait& trait : component.traits) {
      if (trait.link) add(*trait.link, part.name);
      if (trait.scaler) add(trait, *trait.scaler, part);
    }
    application_.parts.push_back(std::move(part));
  }

  void add(const oam::Trait& trait, const oam::ScalerProperties& scaler, Part& part) {
    if (part.scaling)
      return problems_.error(
          trait.place, fmt::format("{} is scaled twice, and each would undo the other", in_quotes(part.name)),
          "put all of its spreads into one scaler");
    Scaling scaling;
    scaling.kind = trait.type.value == "daemonscaler" ? ScalingKind::daemon : ScalingKind::spread;
    scaling.instances = scaler.instances.value;
    scaling.place = scaler.instances.place;
    for (const oam::Spread& spread : scaler.spread)
      scaling.spreads.push_back({spread.name.value,
                                 plain(spread.requirements),
                                 spread.weight ? spread.weight->value : kDefaultWeight,
                                 {},
                                 spread.place});
    if (scaler.scaling) add(*scaler.scaling, part, scaling);
    part.scaling = std::move(scaling);
  }

  void add(const oam::LoadScaler& scaler, const Part& part, Scaling& scaling) {
    if (part.kind != PartKind::component || scaling.kind != ScalingKind::spread)
      return problems_.error(
          scaler.place,
          fmt::format("{} cannot follow its calls: only a component with a spreadscaler does",
                      in_quotes(part.name)),
          "delete \"scaling\"");
    LoadScaling load;
    load.least = scaler.min ? scaler.min->value : 0;
    load.most = scaler.max.value;
    const auto duration = [](const Text& text, Duration otherwise) {
      return text.value.empty() ? otherwise : parse_duration(text.value).value_or(otherwise);
    };
    load.idle_after = duration(scaler.idle_after, load.idle_after);
    load.down_after = duration(scaler.down_after, load.down_after);
    if (!scaler.target.value.empty())
      load.busy_percent = static_cast<uint32_t>(std::atoi(scaler.target.value.c_str()));
    if (load.least > load.most)
      problems_.error(scaler.min->place, fmt::format("min is {}, and max is {}", load.least, load.most),
                      "let max be min or more");
    for (const auto& [text, time, least] :
         {std::tuple(&scaler.idle_after, load.idle_after, Duration(std::chrono::milliseconds(100))),
          std::tuple(&scaler.down_after, load.down_after, Duration(std::chrono::seconds(1)))})
      if (time < least || time > kLongest)
        problems_.error(text->place, fmt::format("{} is no time from {} to 365 days", text->value,
                                                 format_duration(least)));
    scaling.instances = std::clamp(scaling.instances, std::max(1u, load.least), std::max(1u, load.most));
    scaling.load = load;
  }

  void add(const oam::LinkProperties& properties, const std::string& source) {
    Link link;
    link.source = source;
    link.target = properties.target.name.value;
    link.target_place = properties.target.name.place;
    if (properties.name.place.line != 0) link.name = properties.name.value;
    link.wit_namespace = properties.wit_namespace.value;
    link.wit_package = properties.wit_package.value;
    for (const Text& interface : properties.interfaces) link.interfaces.push_back(interface.value);
    link.target_configs = configs(properties.target.config);
    link.target_secrets = secrets(properties.target.secrets);
    if (properties.source) {
      link.source_configs = configs(properties.source->config);
      link.source_secrets = secrets(properties.source->secrets);
    }
    // wadm's: the newer form goes before the older one.
    if (properties.source_config) {
      if (properties.source)
        tell_unread(properties, "source_config", "source");
      else
        link.source_configs = configs(*properties.source_config);
    }
    if (properties.target_config) {
      const bool newer = !properties.target.config.empty();
      if (newer)
        tell_unread(properties, "target_config", "target.config");
      else
        link.target_configs = configs(*properties.target_config);
    }
    link.place = properties.place;
    application_.links.push_back(std::move(link));
  }

  void tell_unread(const oam::LinkProperties& properties, std::string_view older, std::string_view newer) {
    problems_.warning(properties.place, fmt::format("\"{}\" is not read where \"{}\" is there", older, newer),
                      "delete it");
  }

  const oam::Manifest& manifest_;
  Problems& problems_;
  Application application_;
};

}  // namespace

Application read_oam(const YamlNode& document, Problems& problems) {
  const auto manifest = read_document<oam::Manifest>(document, problems);
  return Converter(manifest, problems).convert();
}

}  // namespace wattle::manager
