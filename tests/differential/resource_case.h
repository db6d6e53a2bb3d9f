// A component with a resource inside random types, and what is done with it: each value goes through with its
// handles, what comes back is looked at, handed back in different ways, and dropped. Every step has one right
// answer, which compare.mjs expects of jco as well.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "resources.h"
#include "wit/random.h"

namespace wattle::differential {

inline constexpr uint32_t kFunctions = 2;  // of a component
inline constexpr uint32_t kValues = 5;     // run through each function

class ResourceCase {
 public:
  ResourceCase(uint64_t seed, uint32_t index);

  bool for_jco() const { return for_jco_; }
  const std::vector<uint8_t>& binary() const { return binary_; }
  // Returns with how many values wattle did everything as it should; prints the others.
  Result<uint32_t> run(uint32_t index) const;
  // An element of the list that compare.mjs reads; null: not for jco.
  std::string javascript() const;

 private:
  std::vector<wit::TypeRef> types_;
  std::vector<std::vector<wit::Value>> values_;
  std::vector<uint8_t> binary_;
  bool for_jco_ = true;
};

}  // namespace wattle::differential
