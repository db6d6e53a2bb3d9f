#include "wasi/add_to.h"

#include <gtest/gtest.h>

#include <set>

#include "wit/resolve.h"
#include "wit/wasi_wit.h"

namespace wattle::wasi {
namespace {

wit::PackageSet wasi_packages() {
  std::vector<wit::SourcePackage> sources;
  for (const wit::EmbeddedWit& file : wit::embedded_wasi_wit())
    sources.push_back({{{std::string(file.name), std::string(file.text)}}});
  wit::ResolveOptions options;
  options.all_features = true;
  auto set = wit::resolve(sources, options);
  if (!set) ADD_FAILURE() << set.error().full_message();
  return set ? std::move(*set) : wit::PackageSet();
}

std::string text_of(const std::vector<wit::FlatType>& types) {
  std::string text;
  for (wit::FlatType type : types) text += std::to_string(static_cast<int>(type)) + " ";
  return text;
}

// What WASI 0.2.12 declares is offered under its names, with its core signatures.
TEST(AddTo, OffersAllOfWasi) {
  runtime::Linker linker;
  add_to(linker);
  const std::set<std::string> guests_own = {"wasi:cli/run@0.2.12", "wasi:http/incoming-handler@0.2.12"};
  const std::set<std::string> left_out = {"wasi:clocks/timezone@0.2.12"};  // unstable
  size_t functions = 0;
  const wit::PackageSet set = wasi_packages();
  for (const wit::Package& package : set.packages) {
    for (const auto& interface : package.interfaces) {
      if (guests_own.contains(interface->id) || left_out.contains(interface->id)) continue;
      for (const wit::TypeEntry& type : interface->types) {
        if (type.resource && set.resources[*type.resource].name == type.name && !type.origin) {
          EXPECT_TRUE(linker.has_resource(interface->id, type.name)) << interface->id << " " << type.name;
        }
      }
      for (const wit::FunctionEntry& function : interface->functions) {
        SCOPED_TRACE(interface->id + " " + function.name);
        const runtime::HostFunction* offered = linker.find_function(interface->id, function.name);
        ASSERT_NE(offered, nullptr);
        const wit::FunctionLayout layout = wit::layout_of(function.type);
        EXPECT_EQ(text_of(offered->lowered_parameters), text_of(layout.lowered_parameters));
        EXPECT_EQ(text_of(offered->lowered_results), text_of(layout.lowered_results));
        EXPECT_EQ(offered->parameter_bytes, layout.parameters->size);
        EXPECT_EQ(offered->result_bytes, layout.result ? layout.result->size : 0);
        ++functions;
      }
    }
  }
  EXPECT_GT(functions, 150u);
}

}  // namespace
}  // namespace wattle::wasi
