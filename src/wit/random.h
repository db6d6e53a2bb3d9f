// Random types and values by seed: for property tests, fuzzers, and comparisons with other implementations.
//
// The same seed gives the same types and values on every machine. A generator can also be fed from bytes, so
// that a fuzzer steers it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "wit/type.h"
#include "wit/value.h"

namespace wattle::wit {

struct RandomLimits {
  uint32_t depth = 4;        // levels of constructors around a primitive
  uint32_t members = 5;      // fields, cases, elements of a type
  uint32_t labels = 32;      // of flags
  uint32_t length = 6;       // list elements
  uint32_t characters = 24;  // of a string
  uint32_t resources = 0;    // ids 0 .. resources - 1 are used for own and borrow; 0: no handles
  uint32_t parameters = 8;   // of a function; past 16 flat ones they go through memory
};

class Random {
 public:
  explicit Random(uint64_t seed, RandomLimits limits = {}) : state_(seed), limits_(limits) {}
  // Draws from `bytes` first and, when they are used up, only zeros: every choice takes its first and
  // smallest way.
  explicit Random(std::span<const uint8_t> bytes, RandomLimits limits = {})
      : from_bytes_(true), bytes_(bytes), limits_(limits) {}

  TypeRef type();
  FunctionType function();
  // A value of the type, with the edges of each kind (limits, NaN, infinities, every width of character) more
  // often than chance would have it. A handle's representation is small, its resource_type null.
  Value value(const TypeRef& type);

  uint64_t bits();
  // Below `bound`; 0 for bound 0.
  uint32_t below(uint32_t bound);

 private:
  TypeRef type(uint32_t depth, bool allow_borrow);
  TypeRef constructed(uint32_t depth, bool allow_borrow);
  std::vector<Member> named_members(uint32_t depth, bool allow_borrow, bool may_lack_type,
                                    std::string_view prefix);
  std::vector<std::string> labels(uint32_t most);
  std::string name(std::string_view prefix, size_t index);
  char32_t character();
  std::string text();
  uint64_t integer();
  float float_32();
  double float_64();
  Value compound(const TypeRef& type);

  uint64_t state_ = 0;
  bool from_bytes_ = false;
  std::span<const uint8_t> bytes_;
  RandomLimits limits_;
};

}  // namespace wattle::wit
