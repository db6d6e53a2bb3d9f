// The scripts' components on wattle's runtime. Each instance has a store of its own; calls run on the
// caller's thread, outside of any fiber: no component of the suites waits for anything.
#include <chrono>

#include "base/time.h"
#include "executor.h"
#include "runtime/runtime.h"

namespace wattle::conformance {
namespace {

// Far more than any command takes; ends a guest that would run for ever.
constexpr auto kCommandTimeMax = std::chrono::seconds(10);

engine::CallLimits limits() {
  return {.deadline = Clock::now() + kCommandTimeMax};
}

class RuntimeInstance final : public RunningInstance {
 public:
  explicit RuntimeInstance(std::unique_ptr<runtime::Instance> instance) : instance_(std::move(instance)) {}

  Result<std::shared_ptr<const wit::FunctionType>> function_type(std::string_view field) override {
    WATTLE_TRY(auto function, find(field));
    return instance_->linked().type_of(*function);
  }

  Result<std::optional<wit::Value>> invoke(std::string_view field,
                                           std::vector<wit::Value> arguments) override {
    WATTLE_TRY(auto function, find(field));
    return instance_->call(*function, arguments, limits());
  }

 private:
  Result<std::shared_ptr<const runtime::ExportedFunction>> find(std::string_view field) const {
    auto found = instance_->linked().find_function("", field);
    const size_t dot = field.rfind('.');
    if (found || dot == std::string_view::npos) return found;
    auto inner = instance_->linked().find_function(field.substr(0, dot), field.substr(dot + 1));
    return inner ? inner : found;
  }

  std::unique_ptr<runtime::Instance> instance_;
};

class RuntimeExecutor final : public Executor {
 public:
  Result<std::shared_ptr<RunningInstance>> instantiate(const std::shared_ptr<const component::Component>&,
                                                       std::vector<uint8_t> binary) override {
    WATTLE_TRY(auto component, runtime::Component::load(std::move(binary), {}));
    WATTLE_TRY(auto linked, runtime::Linker().link(component));
    WATTLE_TRY(auto instance, runtime::Instance::create(linked, runtime::Host(), limits()));
    return std::make_shared<RuntimeInstance>(std::move(instance));
  }
};

}  // namespace

std::unique_ptr<Executor> make_executor() {
  return std::make_unique<RuntimeExecutor>();
}

}  // namespace wattle::conformance
