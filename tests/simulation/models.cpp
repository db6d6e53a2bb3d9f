// What people have in mind, as the manifests that they write.
#include "people.h"

namespace wattle::simulation {
namespace {

std::string properties_of(const manager::StringMap& values) {
  std::string text;
  for (const auto& [key, value] : values)
    text += fmt::format("{}{}: \"{}\"", text.empty() ? "" : ", ", key, value);
  return text;
}

std::string scaler_of(const PartModel& part) {
  std::string text = fmt::format("        - type: {}\n          properties: {{instances: {}",
                                 part.daemon ? "daemonscaler" : "spreadscaler", part.instances);
  if (!part.spreads.empty()) {
    text += ", spread: [";
    for (const SpreadModel& spread : part.spreads) {
      text += fmt::format("{{name: {}, requirements: {{{}: {}}}", spread.name, spread.label, spread.value);
      text += part.daemon ? "}, " : fmt::format(", weight: {}}}, ", spread.weight);
    }
    text += "]";
  }
  if (part.follows_calls && !part.daemon && !part.provider)
    text += fmt::format(", scaling: {{min: {}, max: {}, target: 50%, down-after: 5s}}", part.instances / 3,
                        2 * part.instances + 2);
  return text + "}\n";
}

std::string link_of(const LinkModel& link) {
  std::string text =
      fmt::format("        - type: link\n          properties: {{target: {{name: {}", link.target);
  if (!link.config.empty())
    text += fmt::format(", config: [{{name: to-{}-{}, properties: {{{}}}}}]", link.target, link.package,
                        properties_of(link.config));
  return text + fmt::format("}}, namespace: wasi, package: {}, interfaces: [{}]}}\n", link.package,
                            fmt::join(link.interfaces, ", "));
}

std::string workload_of(const ApplicationModel& model) {
  std::string text = fmt::format(
      "apiVersion: runtime.wasmcloud.dev/v1alpha1\nkind: WorkloadDeployment\nmetadata: {{name: {}, "
      "namespace: "
      "default}}\nspec:\n  replicas: 2\n  template:\n    spec:\n      components:\n",
      model.name);
  for (const PartModel& part : model.parts)
    text += fmt::format("        - {{name: {}, image: \"{}\", poolSize: {}}}\n", part.name, part.image,
                        part.instances);
  return text +
         "      hostInterfaces:\n        - {namespace: wasi, package: keyvalue, interfaces: [store]}\n";
}

}  // namespace

std::string to_yaml(const ApplicationModel& model) {
  if (model.workload) return workload_of(model);
  std::string text = fmt::format(
      "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata:\n  name: {}\n  annotations:\n    "
      "version: "
      "v{}\n",
      model.name, model.version);
  if (model.shared) text += fmt::format("    {}: \"true\"\n", manager::kSharedAnnotation);
  if (!model.shared_with.empty())
    text += fmt::format("    {}: \"{}\"\n", manager::kSharedWithAnnotation, model.shared_with);
  for (const auto& [name, value] : model.annotations) text += fmt::format("    {}: \"{}\"\n", name, value);
  text += "spec:\n  components:\n";
  for (const PartModel& part : model.parts) {
    text += fmt::format("    - name: {}\n      type: {}\n", part.name,
                        part.provider ? "capability" : "component");
    if (!part.shared_of.empty()) {
      text += fmt::format("      properties: {{application: {{name: {}, component: {}}}}}\n", part.shared_of,
                          part.name);
    } else {
      text += fmt::format("      properties:\n        image: \"{}\"\n", part.image);
      if (part.memory_mib != 0)
        text += fmt::format("        resources: {{requests: {{memory: {}Mi}}}}\n", part.memory_mib);
      if (!part.config.empty())
        text += fmt::format("        config: [{{name: {}-settings, properties: {{{}}}}}]\n", part.name,
                            properties_of(part.config));
    }
    std::string traits;
    if (part.shared_of.empty()) traits += scaler_of(part);
    for (const LinkModel& link : model.links)
      if (link.source == part.name) traits += link_of(link);
    if (!traits.empty()) text += "      traits:\n" + traits;
  }
  return text;
}

}  // namespace wattle::simulation
