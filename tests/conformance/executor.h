// What the conformance runner needs of a component runtime: so that judging the scripts and running
// components stay apart.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "component/component.h"
#include "wit/value.h"

namespace wattle::conformance {

// One instance of a component. A trap poisons it as the runtime says; the runner keeps calling it all the
// same.
class RunningInstance {
 public:
  virtual ~RunningInstance() = default;
  // The type of an exported function. `field` is the export's name; for a function of an exported instance,
  // "INSTANCE.FUNCTION" is tried too. Refuses with not_found.
  virtual Result<std::shared_ptr<const wit::FunctionType>> function_type(std::string_view field) = 0;
  // Arguments already have the parameters' types. No value: the function returns none. Errors: trap with the
  // reason as message; unsupported, naming the feature, where a later feature would be needed.
  virtual Result<std::optional<wit::Value>> invoke(std::string_view field,
                                                   std::vector<wit::Value> arguments) = 0;
};

class Executor {
 public:
  virtual ~Executor() = default;
  // Compiles, links and instantiates. An import named "host" is the suites' small test host. Errors:
  // unlinkable where an import is not satisfied, trap where a start function traps, unsupported as above.
  virtual Result<std::shared_ptr<RunningInstance>> instantiate(
      const std::shared_ptr<const component::Component>& definition, std::vector<uint8_t> binary) = 0;
};

// The executor that this program was linked with; null: validation only.
std::unique_ptr<Executor> make_executor();

}  // namespace wattle::conformance
