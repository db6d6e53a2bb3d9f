#include "resource_case.h"

#include <algorithm>
#include <functional>

#include "javascript.h"
#include "pass_through.h"
#include "runtime/runtime.h"
#include "wit/wave.h"

namespace wattle::differential {
namespace {

using wit::HandleValue;
using wit::Value;

constexpr auto kCallTimeMax = std::chrono::seconds(10);
constexpr uint32_t kTries = 16;  // for a type with a handle in it
constexpr uint32_t kJoined = 7;  // what is added by [method]thing.join

wit::TypeRef random_type(wit::Random& random) {
  wit::TypeRef type;
  for (uint32_t i = 0; i < kTries && !has_handle(type); i++) type = random.type();
  if (!has_handle(type)) type = wit::own_of(kThing);
  // JavaScript turns a result at the top into an exception.
  return type->kind == wit::Kind::result ? wit::tuple_of({type}) : type;
}

bool has_own(const wit::TypeRef& type) {
  if (type == nullptr) return false;
  return type->kind == wit::Kind::own ||
         std::any_of(type->members.begin(), type->members.end(),
                     [](const wit::Member& member) { return has_own(member.type); });
}

bool has_list_of_owned(const wit::TypeRef& type) {
  if (type == nullptr) return false;
  if (type->kind == wit::Kind::list && has_own(type)) return true;
  return std::any_of(type->members.begin(), type->members.end(),
                     [](const wit::Member& member) { return has_list_of_owned(member.type); });
}

// A copy of the value, in which `replace` says what becomes of handles, from first to last.
using Replace = std::function<Result<Value>(const HandleValue&)>;
Result<Value> with_handles(const Value& value, const Replace& replace) {
  if (const auto* handle = std::get_if<HandleValue>(&value.data)) return replace(*handle);
  if (const auto* items = std::get_if<wit::Values>(&value.data)) {
    wit::Values copies;
    for (const Value& item : *items) {
      WATTLE_TRY(Value copy, with_handles(item, replace));
      copies.push_back(std::move(copy));
    }
    return Value{std::move(copies)};
  }
  if (const auto* one = std::get_if<wit::CaseValue>(&value.data); one != nullptr && one->payload != nullptr) {
    WATTLE_TRY(Value copy, with_handles(*one->payload, replace));
    return wit::case_value(one->index, std::move(copy));
  }
  return value;
}

// An instance, and what its destructors should have seen so far.
class Things {
 public:
  Things(const runtime::LinkedComponent& linked, runtime::Instance& instance)
      : linked_(linked), instance_(instance) {}

  Result<Value> call(std::string_view name, const wit::Values& arguments) {
    WATTLE_TRY(auto function, linked_.find_function(kThings, name));
    WATTLE_TRY(auto result, instance_.call(*function, arguments, limits()));
    return result.value_or(Value{});
  }
  Result<uint32_t> number(std::string_view name, const wit::Values& arguments) {
    WATTLE_TRY(Value result, call(name, arguments));
    return std::get<uint32_t>(result.data);
  }
  Result<HandleValue> thing(std::string_view name, const wit::Values& arguments) {
    WATTLE_TRY(Value result, call(name, arguments));
    return std::get<HandleValue>(result.data);
  }

  Result<HandleValue> construct(uint32_t value) {
    live_ += 1;
    return thing("[constructor]thing", {Value{value}});
  }
  Result<uint32_t> value_of(const HandleValue& own) { return number("[method]thing.value", {lend(own)}); }
  Result<void> drop(const HandleValue& own, uint32_t value) {
    gone(value);
    return instance_.drop(own, limits());
  }
  // In one of four ways; false: something answered wrongly.
  Result<bool> end(uint32_t way, const HandleValue& own, uint32_t value) {
    switch (way % 4) {
      case 0:
        WATTLE_CHECK(drop(own, value));
        return true;
      case 1: {
        gone(value);
        WATTLE_TRY(const uint32_t seen, number("[static]thing.consume", {Value{own}}));
        return seen == value;
      }
      case 2: {
        WATTLE_CHECK(call("[static]thing.keep", {Value{own}}));
        WATTLE_TRY(const HandleValue again, thing("[static]thing.take", {}));
        WATTLE_TRY(const uint32_t seen, value_of(again));
        WATTLE_CHECK(drop(again, value));
        return seen == value;
      }
      default:
        return join(own, value);
    }
  }
  // Whether the guest counts as many things, and destructors in this order.
  Result<bool> as_expected() {
    WATTLE_TRY(const uint32_t live, number("[static]thing.live", {}));
    WATTLE_TRY(const uint32_t history, number("[static]thing.history", {}));
    return live == live_ && history == history_;
  }

  static Value lend(const HandleValue& own) {
    return Value{HandleValue{false, own.representation, own.resource_type}};
  }

 private:
  static engine::CallLimits limits() { return {.deadline = Clock::now() + kCallTimeMax}; }

  void gone(uint32_t value) {
    live_ -= 1;
    history_ = 31 * history_ + value;
  }
  Result<bool> join(const HandleValue& own, uint32_t value) {
    WATTLE_TRY(const HandleValue other, construct(kJoined));
    live_ += 1;
    gone(kJoined);
    WATTLE_TRY(const HandleValue sum, thing("[method]thing.join", {lend(own), Value{other}}));
    WATTLE_TRY(const uint32_t seen, value_of(sum));
    WATTLE_CHECK(drop(own, value));
    WATTLE_CHECK(drop(sum, value + kJoined));
    return seen == value + kJoined;
  }

  const runtime::LinkedComponent& linked_;
  runtime::Instance& instance_;
  uint32_t live_ = 0, history_ = 0;
};

// What one value should come back as: numbers where things were lent.
Value expected(const Value& sent) {
  return *with_handles(sent, [](const HandleValue& handle) -> Result<Value> {
    return handle.owned ? Value{handle} : Value{handle.representation};
  });
}

struct Owned {
  HandleValue handle;
  uint32_t value;
};

// Whether everything about this value is as it should be.
Result<bool> pass(Things& things, std::string_view function, const Value& sent) {
  std::vector<Owned> lent, returned;
  WATTLE_TRY(Value argument, with_handles(sent, [&](const HandleValue& handle) -> Result<Value> {
               WATTLE_TRY(const HandleValue made, things.construct(handle.representation));
               if (handle.owned) return Value{made};
               lent.push_back({made, handle.representation});
               return Things::lend(made);
             }));
  WATTLE_TRY(bool good, things.as_expected());
  WATTLE_TRY(Value result, things.call(function, {std::move(argument)}));
  WATTLE_TRY(Value seen, with_handles(result, [&](const HandleValue& handle) -> Result<Value> {
               WATTLE_TRY(const uint32_t value, things.value_of(handle));
               returned.push_back({handle, value});
               return Value{HandleValue{handle.owned, value, nullptr}};
             }));
  good = good && seen == expected(sent);
  for (uint32_t i = 0; i < returned.size(); i++) {
    WATTLE_TRY(const bool ended, things.end(i, returned[i].handle, returned[i].value));
    good = good && ended;
  }
  for (const Owned& each : lent) WATTLE_CHECK(things.drop(each.handle, each.value));
  WATTLE_TRY(const bool counted, things.as_expected());
  return good && counted;
}

}  // namespace

ResourceCase::ResourceCase(uint64_t seed, uint32_t index) {
  wit::Random random(seed * 1'000'003 + index, {.depth = 3, .members = 4, .resources = 1});
  for (uint32_t i = 0; i < kFunctions; i++) {
    types_.push_back(random_type(random));
    auto& values = values_.emplace_back();
    for (uint32_t j = 0; j < kValues; j++) values.push_back(random.value(types_[i]));
  }
  using component::StringEncoding;
  const auto encoding = static_cast<StringEncoding>(random.below(random.below(4) == 0 ? 3 : 2));
  for_jco_ = encoding != StringEncoding::latin1_utf16;
  binary_ = pass_things(types_, encoding);
}

Result<uint32_t> ResourceCase::run(uint32_t index) const {
  WATTLE_TRY(auto loaded, runtime::Component::load(binary_, {}));
  runtime::Linker linker;
  for (uint32_t i = 0; i < kFunctions; i++)
    linker.dynamic_function(
        kHostInterface, fmt::format("f{}", i),
        [](runtime::Host&, std::span<const Value> arguments) -> Result<std::optional<Value>> {
          return arguments[0];
        });
  WATTLE_TRY(auto linked, linker.link(loaded));
  WATTLE_TRY(auto instance, runtime::Instance::create(linked, runtime::Host(), engine::CallLimits{}));
  Things things(*linked, *instance);
  uint32_t passed = 0;
  for (uint32_t i = 0; i < kFunctions; i++) {
    for (const Value& value : values_[i]) {
      WATTLE_TRY(const bool good, pass(things, fmt::format("pass{}", i), value));
      passed += good ? 1 : 0;
      if (!good)
        fmt::print("component {} function {} ({}): wrong with {}\n", index, i, wit::to_string(types_[i]),
                   wit::to_wave(types_[i], value));
    }
  }
  return passed;
}

std::string ResourceCase::javascript() const {
  if (!for_jco_) return "null,\n";
  std::string text = "{things: [";
  for (uint32_t i = 0; i < kFunctions; i++) {
    text += "[";
    for (const Value& value : values_[i])
      text += fmt::format("(own, borrow) => ({}), ", to_javascript(types_[i], value));
    text += "], ";
  }
  text += "], lists: [";
  for (const auto& type : types_) text += has_list_of_owned(type) ? "true, " : "false, ";
  return text + "]},\n";
}

}  // namespace wattle::differential
