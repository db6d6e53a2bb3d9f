// Component: loading; LinkedComponent: finding exports.
#include "runtime/interface_name.h"
#include "runtime/linked_component.h"
#include "runtime/plan.h"
#include "runtime/runtime.h"

namespace wattle::runtime {

Result<std::shared_ptr<const Component>> Component::load(std::vector<uint8_t> bytes,
                                                         const LoadOptions& options) {
  auto component = std::make_shared<Component>();
  component->options_ = options;
  WATTLE_TRY(component->definition_, component::decode(std::move(bytes)));
  if (options.compile) {
    WATTLE_CHECK(component->make_modules(
        [](auto module_bytes, auto& how) { return engine::Module::compile(module_bytes, how); }));
  }
  return std::shared_ptr<const Component>(std::move(component));
}

Result<std::shared_ptr<const Component>> Component::restore(
    std::shared_ptr<const std::vector<uint8_t>> binary, const LoadOptions& options,
    std::span<const engine::ModuleRecord> records) {
  auto component = std::make_shared<Component>();
  component->options_ = options;
  WATTLE_TRY(component->definition_, component::decode_shared(std::move(binary)));
  WATTLE_CHECK(component->make_modules([&, next = records.begin()](auto module_bytes, auto& how) mutable {
    return engine::Module::restore(module_bytes, how, *next++);
  }));
  return std::shared_ptr<const Component>(std::move(component));
}

Result<void> Component::make_modules(const MakeModule& make) {
  engine::CompileOptions compile_options;
  compile_options.max_memory_bytes = options_.max_memory_bytes;
  return component::for_each_core_module(
      *definition_, [&](const component::ModuleBytes& module_bytes) -> Result<void> {
        auto module = make(module_bytes.bytes, compile_options);
        if (!module)
          return failure(module.error().with_context(fmt::format("core module {}", modules_.size())));
        modules_.emplace(module_bytes.bytes.data(), std::move(*module));
        return {};
      });
}

const std::shared_ptr<const engine::Module>& Component::module(const component::ModuleBytes& bytes) const {
  return modules_.at(bytes.bytes.data());
}

// ---- LinkedComponent

Result<std::shared_ptr<const Plan>> LinkedComponent::plan() const {
  std::lock_guard lock(mutex_);
  if (plan_ == nullptr) {
    WATTLE_TRY(auto component, Component::restore(binary_, options_, modules_));
    RecordedImports::Replay imports(*imports_);
    WATTLE_TRY(plan_, make_plan(*component, imports));
  }
  return plan_;
}

std::shared_ptr<const engine::Image> LinkedComponent::image() const {
  std::lock_guard lock(mutex_);
  return image_;
}

std::shared_ptr<const engine::Image> LinkedComponent::publish_image(
    std::shared_ptr<const engine::Image> image) const {
  std::lock_guard lock(mutex_);
  if (image_ == nullptr) image_ = std::move(image);
  return image_;
}

void LinkedComponent::park() const {
  std::lock_guard lock(mutex_);
  if (live_instances_ > 0) return;
  image_.reset();
  plan_.reset();
}

std::vector<std::shared_ptr<const ExportedFunction>> LinkedComponent::functions() const {
  auto made = plan();
  if (!made) return {};
  return (*made)->functions;
}

std::vector<const LinkedImport*> LinkedComponent::linked_imports() const {
  std::vector<const LinkedImport*> linked;
  for (const Plan::HostImportRef& each : imports_->functions())
    if (each->linked_import) linked.push_back(&*each->linked_import);
  return linked;
}

Result<std::shared_ptr<const wit::FunctionType>> LinkedComponent::type_of(
    const ExportedFunction& function) const {
  WATTLE_TRY(auto made, plan());
  return made->lifts[function.index].type;
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
