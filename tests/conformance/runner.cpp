#include "runner.h"

#include "component/core_module.h"
#include "equivalents.h"
#include "values.h"

namespace wattle::conformance {
namespace {

// Which later feature a failure may be put down to; empty: none, the failure counts. Files of class p2 need
// nothing later. A file that is all about later features is not judged where it fails.
std::string excuse(const Script& script, const Command& command, const std::set<std::string_view>& found) {
  if (script.feature_class == "p2") return {};
  if (!command.features.empty()) return "needs " + command.features.front();
  if (!found.empty()) return fmt::format("needs {}", *found.begin());
  if (!script.switched_off.empty()) return fmt::format("needs {} switched off", script.switched_off.front());
  if (script.feature_class == "mixed") return {};
  return "needs " + (script.features.empty() ? "a later feature" : script.features.front());
}

Outcome excused(Outcome outcome, const std::string& reason) {
  if (outcome.kind != Outcome::Kind::failed || reason.empty()) return outcome;
  return Outcome::skipped(reason);
}

}  // namespace

void Tally::add(const Outcome& outcome) {
  if (outcome.kind == Outcome::Kind::passed) passed += 1;
  if (outcome.kind == Outcome::Kind::failed) failed += 1;
  if (outcome.kind == Outcome::Kind::skipped) skipped[outcome.reason] += 1;
}

void Tally::add(const Tally& other) {
  passed += other.passed;
  failed += other.failed;
  for (const auto& [reason, count] : other.skipped) skipped[reason] += count;
}

uint32_t Tally::skipped_count() const {
  uint32_t count = 0;
  for (const auto& [reason, one] : skipped) count += one;
  return count;
}

Tally Runner::run(const Script& script) {
  definitions_.clear();
  instances_.clear();
  current_.reset();
  current_features_.clear();
  current_problem_ = "no component was instantiated before";
  Tally tally;
  for (const Command& command : script.commands) {
    const Outcome outcome = run(script, command);
    tally.add(outcome);
    if (outcome.kind == Outcome::Kind::failed) report_(script, command, outcome.reason);
  }
  return tally;
}

Outcome Runner::run(const Script& script, const Command& command) {
  if (command.is_text) return Outcome::skipped("text format");
  if (command.type == "component" || command.type == "component_definition")
    return run_definition(script, command);
  if (command.type == "assert_invalid" || command.type == "assert_malformed")
    return run_refusal(script, command);
  if (executor_ == nullptr) return Outcome::skipped("execution");
  if (command.type == "component_instance") return run_instance(script, command);
  if (command.type == "assert_return" || command.type == "assert_trap" || command.type == "action") {
    if (command.json.as_object().contains("action")) return run_action(script, command);
    return run_failing_instance(script, command);
  }
  if (command.type == "assert_unlinkable" || command.type == "assert_uninstantiable")
    return run_failing_instance(script, command);
  return Outcome::failed("unknown command " + command.type);
}

// Decodes a component, or reads a core module, and has the engine validate function bodies.
Runner::Loaded Runner::load(const Script& script, const Command& command) {
  Loaded loaded;
  auto bytes = read_file(script.path.parent_path() / command.filename);
  if (!bytes) {
    loaded.definition = failure(bytes.error());
    return loaded;
  }
  constexpr size_t kLayerAt = 6;  // of the preamble: 0 is a core module
  if (bytes->size() > kLayerAt && (*bytes)[kLayerAt] == 0 && command.kind != "component") {
    auto module = component::decode_core_module(component::Reader(*bytes));
    if (!module) loaded.definition = failure(module.error());
    return loaded;
  }
  auto decoded = component::decode(*bytes, &loaded.features);
  if (!decoded) {
    if (decoded.error().code() == ErrorCode::unsupported && loaded.features.empty())
      loaded.features.insert("a later feature");
    loaded.definition = failure(decoded.error());
    return loaded;
  }
  const auto check = [&](const component::ModuleBytes& module) { return validate_core_(module.bytes); };
  if (auto valid = component::for_each_core_module(**decoded, check); !valid) {
    loaded.definition = failure(valid.error());
    return loaded;
  }
  loaded.definition = Definition{*decoded, *std::move(bytes), loaded.features};
  return loaded;
}

Outcome Runner::run_definition(const Script& script, const Command& command) {
  current_.reset();
  auto loaded = load(script, command);
  const std::string reason = excuse(script, command, loaded.features);
  if (!loaded.definition) {
    current_problem_ = loaded.definition.error().full_message();
    return excused(Outcome::failed("refused: " + current_problem_), reason);
  }
  definitions_[command.name] = *loaded.definition;
  if (command.type == "component_definition" || executor_ == nullptr) return Outcome::passed();
  return excused(instantiate(*loaded.definition, command.name), reason);
}

// The rule must be the one that the script means; not to know a feature is no refusal.
Outcome Runner::run_refusal(const Script& script, const Command& command) {
  const auto loaded = load(script, command);
  const std::string reason = excuse(script, command, loaded.features);
  if (loaded.definition) return excused(Outcome::failed("accepted"), reason);
  const std::string message = loaded.definition.error().full_message();
  if (names_rule(message, command.text)) return Outcome::passed();
  return excused(Outcome::failed("refused otherwise: " + message), reason);
}

Outcome Runner::instantiate(const Definition& definition, const std::string& name) {
  auto instance = executor_->instantiate(definition.component, definition.binary);
  if (!instance) {
    current_.reset();
    current_problem_ = instance.error().full_message();
    return Outcome::failed("not instantiated: " + current_problem_);
  }
  current_ = *instance;
  current_features_ = definition.features;
  instances_[name] = *instance;
  return Outcome::passed();
}

Outcome Runner::run_instance(const Script& script, const Command& command) {
  const auto found = definitions_.find(command.definition);
  if (found == definitions_.end()) {
    current_.reset();
    current_problem_ = "definition " + command.definition + " is missing";
    return excused(Outcome::failed(current_problem_), excuse(script, command, {}));
  }
  return excused(instantiate(found->second, command.name), excuse(script, command, found->second.features));
}

Outcome Runner::run_action(const Script& script, const Command& command) {
  // What fails only for want of a feature says nothing.
  return excused(act(command), excuse(script, command, current_features_));
}

Outcome Runner::act(const Command& command) {
  const auto& action = command.json.as_object().at("action").as_object();
  std::shared_ptr<RunningInstance> instance = current_;
  if (const auto* name = action.if_contains("instance"); name != nullptr && name->is_string()) {
    const auto found = instances_.find(std::string(name->get_string()));
    if (found == instances_.end()) return Outcome::failed("no instance of that name");
    instance = found->second;
  }
  if (instance == nullptr) return Outcome::failed("no instance: " + current_problem_);
  const std::string field(action.at("field").as_string());
  auto type = instance->function_type(field);
  if (!type) return Outcome::failed(type.error().full_message());
  auto arguments = to_values(action.at("args").as_array(), **type);
  if (!arguments) return Outcome::failed(arguments.error().full_message());
  return judge(command, **type, instance->invoke(field, *std::move(arguments)));
}

Outcome Runner::judge(const Command& command, const wit::FunctionType& type,
                      const Result<std::optional<wit::Value>>& result) {
  if (command.type == "assert_trap") {
    if (result) return Outcome::failed("returned instead of trapping");
    const std::string message = result.error().full_message();
    if (result.error().code() != ErrorCode::trap) return Outcome::failed("failed otherwise: " + message);
    return names_rule(message, command.text) ? Outcome::passed()
                                             : Outcome::failed("trapped otherwise: " + message);
  }
  if (!result) return Outcome::failed(result.error().full_message());
  if (command.type == "action") return Outcome::passed();
  const auto* expected = command.json.as_object().if_contains("expected");
  if (expected == nullptr || !expected->is_array()) return Outcome::passed();
  return compare(*result, expected->get_array(), type);
}

Outcome Runner::run_failing_instance(const Script& script, const Command& command) {
  const auto loaded = load(script, command);
  const auto outcome = [&]() -> Outcome {
    if (!loaded.definition) return Outcome::failed("refused: " + loaded.definition.error().full_message());
    auto instance = executor_->instantiate(loaded.definition->component, loaded.definition->binary);
    if (instance) return Outcome::failed("instantiated");
    const std::string message = instance.error().full_message();
    if (command.type == "assert_trap" && instance.error().code() != ErrorCode::trap)
      return Outcome::failed("failed otherwise: " + message);
    return names_rule(message, command.text) ? Outcome::passed()
                                             : Outcome::failed("failed otherwise: " + message);
  }();
  return excused(outcome, excuse(script, command, loaded.features));
}

}  // namespace wattle::conformance
