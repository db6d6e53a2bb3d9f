// Runs conformance scripts and judges strictly: a refusal passes only if it is for the rule at hand.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>

#include "executor.h"
#include "script.h"

namespace wattle::conformance {

struct Outcome {
  enum class Kind { passed, failed, skipped };
  Kind kind = Kind::passed;
  std::string reason;  // failed: what came instead; skipped: why

  static Outcome passed() { return {Kind::passed, {}}; }
  static Outcome failed(std::string reason) { return {Kind::failed, std::move(reason)}; }
  static Outcome skipped(std::string reason) { return {Kind::skipped, std::move(reason)}; }
};

struct Tally {
  uint32_t passed = 0, failed = 0;
  std::map<std::string, uint32_t> skipped;  // by reason

  void add(const Outcome& outcome);
  void add(const Tally& other);
  uint32_t skipped_count() const;
};

class Runner {
 public:
  // Called for every failure.
  using Report = std::function<void(const Script&, const Command&, const std::string& reason)>;

  // Whether the engine accepts a core module, bodies included.
  using CoreValidator = std::function<Result<void>(std::span<const uint8_t> bytes)>;

  // `executor` may be null: validation only.
  Runner(CoreValidator validate_core, Executor* executor, Report report)
      : validate_core_(std::move(validate_core)), executor_(executor), report_(std::move(report)) {}

  Tally run(const Script& script);

 private:
  struct Definition {
    std::shared_ptr<const component::Component> component;
    std::vector<uint8_t> binary;
    std::set<std::string_view> features;
  };
  struct Loaded {
    Result<Definition> definition = Definition{};
    std::set<std::string_view> features;  // later ones that the binary mentions
  };

  Outcome run(const Script& script, const Command& command);
  Outcome run_definition(const Script& script, const Command& command);
  Outcome run_refusal(const Script& script, const Command& command);
  Outcome run_instance(const Script& script, const Command& command);
  Outcome run_action(const Script& script, const Command& command);
  static Outcome judge(const Command& command, const wit::FunctionType& type,
                       const Result<std::optional<wit::Value>>& result);
  Outcome run_failing_instance(const Script& script, const Command& command);
  Outcome instantiate(const Definition& definition, const std::string& name);
  Loaded load(const Script& script, const Command& command);
  Outcome act(const Command& command);

  CoreValidator validate_core_;
  Executor* executor_;
  Report report_;
  std::map<std::string, Definition> definitions_;
  std::map<std::string, std::shared_ptr<RunningInstance>> instances_;
  std::shared_ptr<RunningInstance> current_;
  std::set<std::string_view> current_features_;
  std::string current_problem_;  // why there is no current instance
};

}  // namespace wattle::conformance
