#include "wasi/declare.h"

#include "wit/resolve.h"

namespace wattle::wasi {

Result<void> declare_types(runtime::Linker& linker, std::span<const wit::EmbeddedWit> others) {
  std::vector<wit::SourcePackage> sources;
  for (std::span<const wit::EmbeddedWit> texts : {wit::embedded_wasi_wit(), others})
    for (const wit::EmbeddedWit& file : texts)
      sources.push_back({{{std::string(file.name), std::string(file.text)}}});
  wit::ResolveOptions options;
  options.all_features = true;
  WATTLE_TRY(auto resolved, wit::resolve(sources, options));
  const auto set = std::make_shared<const wit::PackageSet>(std::move(resolved));
  const wit::ResourceNamer name_of = [set](wit::ResourceId id) { return set->resources[id].name; };
  for (const wit::Package& package : set->packages) {
    for (const auto& interface : package.interfaces) {
      for (const wit::FunctionEntry& function : interface->functions) {
        if (linker.find_function(interface->id, function.name) == nullptr) continue;
        const std::shared_ptr<const wit::FunctionType> type(set, &function.type);
        linker.declare(interface->id, function.name, type, name_of);
      }
    }
  }
  return {};
}

}  // namespace wattle::wasi
