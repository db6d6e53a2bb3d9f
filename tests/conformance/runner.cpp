#include "runner.h"

#include "equivalents.h"
#include "values.h"

namespace wattle::conformance {
namespace {

// A command that needs what wattle leaves to later releases is not judged. Files of class p2 need nothing.
std::string later_feature(const Script& script, const Command& command) {
  if (script.feature_class == "p2") return {};
  if (!command.features.empty()) return command.features.front();
  return {};
}

bool may_skip(const Script& script) {
  return script.feature_class != "p2";
}

std::string feature_of(const Script& script, const Error& error) {
  const std::string message = error.full_message();
  for (const std::string& feature : script.features)
    if (message.find(feature) != std::string::npos) return feature;
  return script.features.empty() ? message : script.features.front();
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

// Bodies of core modules are the engine's to validate.
Result<void> Runner::check_core_modules(const component::Component& component) {
  for (const auto& module : component.modules) WATTLE_CHECK(validate_core_(module.bytes));
  for (const auto& nested : component.components) WATTLE_CHECK(check_core_modules(*nested));
  return {};
}

Runner::Loaded Runner::load(const Script& script, const Command& command) {
  Loaded loaded;
  auto bytes = read_file(script.path.parent_path() / command.filename);
  if (!bytes) {
    loaded.definition = failure(bytes.error());
    return loaded;
  }
  auto decoded = component::decode(*bytes);
  if (!decoded) {
    if (decoded.error().code() == ErrorCode::unsupported && may_skip(script))
      loaded.missing_feature = feature_of(script, decoded.error());
    loaded.definition = failure(decoded.error());
    return loaded;
  }
  if (!(*decoded)->later_features.empty() && may_skip(script))
    loaded.missing_feature = *(*decoded)->later_features.begin();
  if (auto valid = check_core_modules(**decoded); !valid) {
    loaded.definition = failure(valid.error());
    return loaded;
  }
  loaded.definition = Definition{*decoded, *std::move(bytes)};
  return loaded;
}

Outcome Runner::run_definition(const Script& script, const Command& command) {
  current_.reset();
  auto loaded = load(script, command);
  if (!loaded.definition) {
    current_problem_ = loaded.definition.error().full_message();
    if (!loaded.missing_feature.empty()) return Outcome::skipped("needs " + loaded.missing_feature);
    return Outcome::failed("refused: " + current_problem_);
  }
  if (!command.name.empty()) definitions_[command.name] = *loaded.definition;
  definitions_[""] = *loaded.definition;
  if (command.type == "component_definition" || executor_ == nullptr) return Outcome::passed();
  const Outcome outcome = instantiate(*loaded.definition, command.name);
  if (outcome.kind == Outcome::Kind::failed && !loaded.missing_feature.empty())
    return Outcome::skipped("needs " + loaded.missing_feature);
  return outcome;
}

// The rule must be the one that the script means; not to know a feature is no refusal.
Outcome Runner::run_refusal(const Script& script, const Command& command) {
  const auto loaded = load(script, command);
  if (loaded.definition) {
    if (!loaded.missing_feature.empty()) return Outcome::skipped("needs " + loaded.missing_feature);
    if (may_skip(script) && !script.switched_off.empty())
      return Outcome::skipped("needs " + script.switched_off.front() + " switched off");
    return Outcome::failed("accepted");
  }
  const Error& error = loaded.definition.error();
  const std::string message = error.full_message();
  if (names_rule(message, command.text)) return Outcome::passed();
  if (!loaded.missing_feature.empty()) return Outcome::skipped("needs " + loaded.missing_feature);
  return Outcome::failed("refused otherwise: " + message);
}

Outcome Runner::instantiate(const Definition& definition, const std::string& name) {
  auto instance = executor_->instantiate(definition.component, definition.binary);
  if (!instance) {
    current_.reset();
    current_problem_ = instance.error().full_message();
    return Outcome::failed("not instantiated: " + current_problem_);
  }
  current_ = *instance;
  instances_[name] = *instance;
  return Outcome::passed();
}

Outcome Runner::run_instance(const Script& script, const Command& command) {
  const auto found = definitions_.find(command.definition);
  const std::string feature = later_feature(script, command);
  if (found == definitions_.end()) {
    current_.reset();
    current_problem_ = "definition " + command.definition + " is missing";
    return feature.empty() ? Outcome::failed(current_problem_) : Outcome::skipped("needs " + feature);
  }
  const Outcome outcome = instantiate(found->second, command.name);
  if (outcome.kind != Outcome::Kind::failed) return outcome;
  const auto& features = found->second.component->later_features;
  if (!feature.empty()) return Outcome::skipped("needs " + feature);
  if (may_skip(script) && !features.empty())
    return Outcome::skipped("needs " + std::string(*features.begin()));
  return outcome;
}

Outcome Runner::run_action(const Script& script, const Command& command) {
  const std::string feature = later_feature(script, command);
  const auto outcome = [&]() -> Outcome {
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
    auto result = instance->invoke(field, *std::move(arguments));
    return judge(command, **type, result);
  }();
  // What fails only for want of a feature says nothing.
  if (outcome.kind == Outcome::Kind::failed && !feature.empty()) return Outcome::skipped("needs " + feature);
  return outcome;
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
  const std::string feature =
      loaded.missing_feature.empty() ? later_feature(script, command) : loaded.missing_feature;
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
  if (outcome.kind == Outcome::Kind::failed && !feature.empty()) return Outcome::skipped("needs " + feature);
  return outcome;
}

}  // namespace wattle::conformance
