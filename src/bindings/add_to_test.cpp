#include "bindings/add_to.h"

#include <gmock/gmock.h>

#include <set>

#include "bindings/embedded_wit.h"
#include "wasi/add_to.h"
#include "wit/resolve.h"

namespace wattle::bindings {
namespace {

wit::PackageSet packages() {
  std::vector<wit::SourcePackage> sources;
  for (auto texts : {wit::embedded_wasi_wit(), wit::embedded_capability_wit()})
    for (const wit::EmbeddedWit& file : texts)
      sources.push_back({{{std::string(file.name), std::string(file.text)}}});
  wit::ResolveOptions options;
  options.all_features = true;
  auto set = wit::resolve(sources, options);
  if (!set) ADD_FAILURE() << set.error().full_message();
  return set ? std::move(*set) : wit::PackageSet();
}

TEST(AddTo, OffersWhatTheTextsDeclare) {
  runtime::Linker linker;
  wasi::add_to(linker);
  add_to(linker);
  const std::set<std::string> guests_own = {"wasi:cli/run@0.2.12", "wasi:http/incoming-handler@0.2.12",
                                            "wasmcloud:messaging/handler@0.2.0",
                                            "wasi:keyvalue/watcher@0.2.0-draft"};
  size_t functions = 0;
  const wit::PackageSet set = packages();
  for (const wit::Package& package : set.packages) {
    for (const auto& interface : package.interfaces) {
      if (guests_own.contains(interface->id) || interface->id == "wasi:clocks/timezone@0.2.12") continue;
      for (const wit::FunctionEntry& function : interface->functions) {
        SCOPED_TRACE(interface->id + " " + function.name);
        const runtime::HostFunction* offered = linker.find_function(interface->id, function.name);
        ASSERT_NE(offered, nullptr);
        const wit::FunctionLayout layout = wit::layout_of(function.type);
        EXPECT_EQ(offered->lowered_parameters, layout.lowered_parameters);
        EXPECT_EQ(offered->lowered_results, layout.lowered_results);
        EXPECT_EQ(offered->parameter_bytes, layout.parameters->size);
        EXPECT_EQ(offered->result_bytes, layout.result ? layout.result->size : 0);
        ++functions;
      }
    }
  }
  EXPECT_GT(functions, 200u);
}

TEST(AddTo, DeclaresItsTypes) {
  runtime::Linker linker;
  wasi::add_to(linker);
  add_to(linker);
  auto declared = declare_types(linker);
  EXPECT_TRUE(declared) << declared.error().full_message();
}

}  // namespace
}  // namespace wattle::bindings
