// Component: loading; LinkedComponent: finding exports.
#include "runtime/interface_name.h"
#include "runtime/linked_component.h"
#include "runtime/plan.h"
#include "runtime/runtime.h"

namespace wattle::runtime {
namespace {

using Modules = std::map<size_t, std::shared_ptr<const engine::Module>>;

Result<void> compile_modules(const component::Component& definition, const uint8_t* binary,
                             const engine::CompileOptions& options, Modules& modules) {
  for (size_t index = 0; index < definition.modules.size(); ++index) {
    const std::span<const uint8_t> bytes = definition.modules[index].bytes;
    auto module = engine::Module::compile(bytes, options);
    if (!module) return failure(module.error().with_context(fmt::format("core module {}", index)));
    modules.emplace(static_cast<size_t>(bytes.data() - binary), std::move(*module));
  }
  for (const auto& nested : definition.components)
    WATTLE_CHECK(compile_modules(*nested, binary, options, modules));
  return {};
}

// To decode a larger component again would take too long inside a call.
constexpr size_t kPlanKeptAboveBytes = 1 << 20;

}  // namespace

Result<std::shared_ptr<const Component>> Component::load(std::vector<uint8_t> bytes,
                                                         const LoadOptions& options) {
  auto component = std::make_shared<Component>();
  component->options_ = options;
  WATTLE_TRY(component->definition_, component::decode(std::move(bytes)));
  auto modules = std::make_shared<Modules>();
  if (options.compile) {
    engine::CompileOptions compile_options;
    compile_options.max_memory_bytes = options.max_memory_bytes;
    const component::Component& definition = *component->definition_;
    WATTLE_CHECK(compile_modules(definition, definition.binary->data(), compile_options, *modules));
  }
  component->modules_ = std::move(modules);
  return std::shared_ptr<const Component>(std::move(component));
}

const std::shared_ptr<const engine::Module>& Component::module(const component::ModuleBytes& bytes) const {
  return modules_->at(static_cast<size_t>(bytes.bytes.data() - definition_->binary->data()));
}

// ---- LinkedComponent
// ---------------------------------------------------------------------------------------

Result<std::shared_ptr<const Plan>> LinkedComponent::plan() const {
  std::lock_guard lock(mutex_);
  if (plan_ == nullptr) {
    Component again;
    WATTLE_TRY(again.definition_, component::decode(*binary_));
    again.options_ = options_;
    again.modules_ = modules_;
    RecordedImports::Replay imports(*imports_);
    WATTLE_TRY(plan_, make_plan(again, imports));
  }
  return plan_;
}

void LinkedComponent::park() const {
  std::lock_guard lock(mutex_);
  if (live_instances_ > 0) return;
  image_.reset();
  if (binary_->size() <= kPlanKeptAboveBytes) plan_.reset();
  for (const auto& entry : *modules_) entry.second->drop_code();
}

std::vector<std::shared_ptr<const ExportedFunction>> LinkedComponent::functions() const {
  auto made = plan();
  if (!made) return {};
  return (*made)->functions;
}

Result<std::shared_ptr<const ExportedFunction>> LinkedComponent::find_function(std::string_view interface,
                                                                               std::string_view name) const {
  const InterfaceName wanted = split_version(interface);
  WATTLE_TRY(auto made, plan());
  std::shared_ptr<const ExportedFunction> best;
  std::vector<std::string> available;
  for (const auto& each : made->functions) {
    const InterfaceName offered = split_version(each->interface);
    const bool is_exact = each->interface == interface;
    const bool fits = is_exact || (offered.base == wanted.base && !wanted.version.empty() &&
                                   version_track(offered.version) == version_track(wanted.version));
    if (fits && each->name == name) {
      if (is_exact) return each;
      if (best == nullptr || is_later_version(offered.version, split_version(best->interface).version))
        best = each;
    }
    available.push_back(each->interface.empty() ? each->name : each->interface + "." + each->name);
  }
  if (best != nullptr) return best;
  return failure(Error(ErrorCode::not_found, fmt::format("the component exports no function \"{}{}{}\"",
                                                         interface, interface.empty() ? "" : ".", name))
                     .with_remedy("it exports " + nearest_names(interface.empty()
                                                                    ? std::string(name)
                                                                    : fmt::format("{}.{}", interface, name),
                                                                std::move(available))));
}

}  // namespace wattle::runtime
