// wattle inspect: what a component needs, what it offers, and what it is made of.

#include <boost/json.hpp>
#include <unordered_map>

#include "base/parse.h"
#include "cli/load.h"
#include "cli/session.h"
#include "component/describe.h"
#include "wit/printer.h"

namespace wattle::cli {
namespace {

using component::ExternType;
using component::NamedExtern;
using component::Sort;

std::string_view sort_name(Sort sort) {
  switch (sort) {
    case Sort::function:
      return "function";
    case Sort::instance:
      return "interface";
    case Sort::component:
      return "component";
    case Sort::core_module:
      return "core module";
    case Sort::type:
      return "type";
    case Sort::value:
      return "value";
    default:
      return "core item";
  }
}

using ResourceNames = std::unordered_map<wit::ResourceId, std::string>;

// Each resource under the name by which it is first imported or exported.
ResourceNames name_resources(const component::ComponentType& type) {
  ResourceNames names;
  const auto collect = [&names](const std::vector<NamedExtern>& items) {
    for (const auto& item : items)
      if (item.type->sort == Sort::type && item.type->type.resource)
        names.emplace(*item.type->type.resource, item.name);
  };
  for (const auto* items : {&type.imports, &type.exports}) {
    collect(*items);
    for (const auto& item : *items)
      if (item.type->sort == Sort::instance) collect(item.type->instance->exports);
  }
  return names;
}

// The functions of an interface, or the one function that `item` is.
std::vector<std::pair<std::string, std::string>> functions_of(const NamedExtern& item,
                                                              const ResourceNames& resources) {
  const auto resource_name = [&resources](wit::ResourceId id) {
    const auto found = resources.find(id);
    return found == resources.end() ? fmt::format("resource-{}", id) : found->second;
  };
  std::vector<std::pair<std::string, std::string>> functions;
  if (item.type->sort == Sort::function)
    functions.emplace_back(item.name, wit::to_string(*item.type->function, resource_name));
  if (item.type->sort == Sort::instance) {
    for (const auto& exported : item.type->instance->exports)
      if (exported.type->sort == Sort::function)
        functions.emplace_back(exported.name, wit::to_string(*exported.type->function, resource_name));
  }
  return functions;
}

struct ModuleSize {
  std::string place;  // "0", or "1.0" inside the second nested component
  size_t bytes = 0;
};

void collect_modules(const component::Component& component, const std::string& place,
                     std::vector<ModuleSize>& modules) {
  for (size_t index = 0; index < component.modules.size(); ++index)
    modules.push_back({place + std::to_string(index), component.modules[index].bytes.size()});
  for (size_t index = 0; index < component.components.size(); ++index)
    collect_modules(*component.components[index], place + std::to_string(index) + ".", modules);
}

size_t count_components(const component::Component& component) {
  size_t count = component.components.size();
  for (const auto& nested : component.components) count += count_components(*nested);
  return count;
}

boost::json::array to_json(const std::vector<NamedExtern>& items, const ResourceNames& resources) {
  boost::json::array list;
  for (const auto& item : items) {
    boost::json::object object{{"name", item.name}, {"kind", sort_name(item.type->sort)}};
    boost::json::object functions;
    for (auto& [name, type] : functions_of(item, resources)) functions[name] = type;
    if (!functions.empty()) object["functions"] = std::move(functions);
    list.push_back(std::move(object));
  }
  return list;
}

// Exports with their functions' types, for who wants to call one; of imports their number says enough.
void print_items(std::string_view title, const std::vector<NamedExtern>& items,
                 const ResourceNames& resources, bool with_functions, const Output& output) {
  output.line(fmt::format("{} ({})", title, items.size()));
  for (const auto& item : items) {
    const auto functions = functions_of(item, resources);
    if (item.type->sort == Sort::function) {
      output.line(fmt::format("  {}: {}", item.name, functions.front().second));
    } else if (functions.empty()) {
      output.line(fmt::format("  {} ({})", item.name, sort_name(item.type->sort)));
    } else {
      output.line(fmt::format("  {} ({}, {} function{})", item.name, sort_name(item.type->sort),
                              functions.size(), functions.size() == 1 ? "" : "s"));
      if (!with_functions) continue;
      for (auto& [name, type] : functions) output.line(fmt::format("    {}: {}", name, type));
    }
  }
}

struct InspectOptions {
  std::string path;
  bool wit = false;
};

Result<void> inspect(const InspectOptions& options, const Output& output) {
  const std::string& path = options.path;
  WATTLE_TRY(auto component, load_component(path, {.compile = false}));
  const auto& definition = component->definition();
  if (options.wit) {
    const std::string text = wit::to_wit(component::describe(definition));
    output.line(output.json() ? fmt::format(R"({{"file":{},"wit":{}}})", json_string(path), json_string(text))
                              : text);
    return {};
  }
  const ResourceNames resources = name_resources(definition.type);
  std::vector<ModuleSize> modules;
  collect_modules(definition, "", modules);
  if (output.json()) {
    boost::json::array module_list;
    for (const auto& module : modules)
      module_list.push_back({{"index", module.place}, {"bytes", module.bytes}});
    output.line(
        boost::json::serialize(boost::json::object{{"file", path},
                                                   {"bytes", definition.binary->size()},
                                                   {"imports", to_json(definition.type.imports, resources)},
                                                   {"exports", to_json(definition.type.exports, resources)},
                                                   {"components", count_components(definition)},
                                                   {"core-modules", std::move(module_list)}}));
    return {};
  }
  const size_t nested = count_components(definition);
  output.line(fmt::format("{}: {}, {} nested component{}", path, format_bytes(definition.binary->size()),
                          nested, nested == 1 ? "" : "s"));
  print_items("imports", definition.type.imports, resources, false, output);
  print_items("exports", definition.type.exports, resources, true, output);
  output.line(fmt::format("core modules ({})", modules.size()));
  for (const auto& module : modules)
    output.line(fmt::format("  {}: {}", module.place, format_bytes(module.bytes)));
  return {};
}

}  // namespace

void add_inspect(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("inspect", "Shows a component's imports, exports and core modules");
  auto options = std::make_shared<InspectOptions>();
  verb->add_option("component", options->path, "The component file")->required();
  verb->add_flag("--wit", options->wit, "Print imports and exports as WIT text");
  verb->footer("Examples:\n  wattle inspect app.wasm\n  wattle inspect app.wasm --wit");
  verb->callback([&session, options] {
    session.verb = [options](const Output& output) {
      auto done = inspect(*options, output);
      if (done) return kExitSuccess;
      output.error(done.error());
      return exit_code(done.error());
    };
  });
}

}  // namespace wattle::cli
