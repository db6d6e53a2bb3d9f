#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "engine/engine.h"
#include "engine/test_module.h"

namespace wattle::engine {
namespace {

using testing::compile;
using ::testing::HasSubstr;

// A store with one instance of a module.
struct Guest {
  explicit Guest(std::string_view text, std::span<const Extern> imports = {},
                 const StoreOptions& options = {})
      : module(compile(text)), store(*Store::create(options)) {
    Store::Scope scope(*store, {});
    instance = *store->instantiate(*module, imports);
  }
  Result<void> call(std::string_view name, std::span<CoreValue> values, const CallLimits& limits = {}) {
    Store::Scope scope(*store, limits);
    auto function = store->exported_function(instance, name);
    if (!function) return failure(function.error());
    return store->call(*function, values.data());
  }
  std::string trap_of(std::string_view name) {
    CoreValue values[4] = {};
    auto called = call(name, values);
    return called ? "no trap" : called.error().message();
  }

  std::shared_ptr<const Module> module;
  std::unique_ptr<Store> store;
  InstanceHandle instance;
};

TEST(Call, ReturnsWhatTheGuestComputed) {
  Guest guest(R"((module (func (export "add") (param i32 i32) (result i32)
    local.get 0 local.get 1 i32.add)))");
  CoreValue values[2] = {{.u32 = 40}, {.u32 = 2}};
  ASSERT_TRUE(guest.call("add", values));
  EXPECT_EQ(values[0].u32, 42u);
}

TEST(Call, CarriesEveryScalarType) {
  Guest guest(R"((module (func (export "id") (param i32 i64 f32 f64) (result i32 i64 f32 f64)
    local.get 0 local.get 1 local.get 2 local.get 3)))");
  CoreValue values[4] = {
      {.u32 = 0xffffffff}, {.i64 = std::numeric_limits<int64_t>::min()}, {.f32 = -0.5f}, {.f64 = 1e300}};
  ASSERT_TRUE(guest.call("id", values));
  EXPECT_EQ(values[0].u32, 0xffffffffu);
  EXPECT_EQ(values[1].i64, std::numeric_limits<int64_t>::min());
  EXPECT_EQ(values[2].f32, -0.5f);
  EXPECT_EQ(values[3].f64, 1e300);
}

TEST(Call, KeepsManyParametersApart) {
  std::string parameters, sum = "i64.const 0";
  for (int index = 0; index < 30; ++index) {
    parameters += " i64";
    sum += " local.get " + std::to_string(index) + " i64.const " + std::to_string(index + 1) +
           " i64.mul i64.add";
  }
  Guest guest("(module (func (export \"f\") (param" + parameters + ") (result i64) " + sum + "))");
  CoreValue values[30];
  int64_t expected = 0;
  for (int index = 0; index < 30; ++index) {
    values[index].i64 = 1000 + index;
    expected += (1000 + index) * (index + 1);
  }
  ASSERT_TRUE(guest.call("f", values));
  EXPECT_EQ(values[0].i64, expected);
}

TEST(Call, TrapsInTheSpecificationsWords) {
  Guest guest(R"((module (memory 1) (table 2 funcref) (type $v (func)) (type $i (func (param i32)))
    (func $f (type $i)) (elem (i32.const 0) $f)
    (func (export "unreachable") unreachable)
    (func (export "memory") (drop (i32.load (i32.const 0x7fffffff))))
    (func (export "divide") (drop (i32.div_s (i32.const 1) (i32.const 0))))
    (func (export "remainder") (drop (i32.rem_u (i32.const 1) (i32.const 0))))
    (func (export "overflow") (drop (i32.div_s (i32.const 0x80000000) (i32.const -1))))
    (func (export "nan") (drop (i32.trunc_f32_s (f32.const nan))))
    (func (export "element") (call_indirect (type $v) (i32.const 7)))
    (func (export "uninitialized") (call_indirect (type $v) (i32.const 1)))
    (func (export "mismatch") (call_indirect (type $v) (i32.const 0)))
    (func (export "table") (drop (table.get 0 (i32.const 9))))
    (func $r (export "stack") call $r)))");
  EXPECT_EQ(guest.trap_of("unreachable"), "unreachable");
  EXPECT_EQ(guest.trap_of("memory"), "out of bounds memory access");
  EXPECT_EQ(guest.trap_of("divide"), "integer divide by zero");
  EXPECT_EQ(guest.trap_of("remainder"), "integer divide by zero");
  EXPECT_EQ(guest.trap_of("overflow"), "integer overflow");
  EXPECT_THAT(guest.trap_of("nan"), HasSubstr("invalid conversion to integer"));
  EXPECT_THAT(guest.trap_of("element"), HasSubstr("undefined element"));
  EXPECT_THAT(guest.trap_of("uninitialized"), HasSubstr("uninitialized element"));
  EXPECT_THAT(guest.trap_of("mismatch"), HasSubstr("indirect call type mismatch"));
  EXPECT_THAT(guest.trap_of("table"), HasSubstr("out of bounds table access"));
  EXPECT_EQ(guest.trap_of("stack"), "call stack exhausted");
}

// ---- Host functions

constexpr std::string_view kCaller = R"((module
  (import "host" "f" (func $f (param i32 i64 f64) (result i64)))
  (func (export "run") (param i32 i64 f64) (result i64)
    (call $f (local.get 0) (local.get 1) (local.get 2)))))";

struct HostGuest {
  HostGuest(std::string_view text, const Signature& signature, HostCallback callback, void* context)
      : module(compile(text)), store(*Store::create({})) {
    Store::Scope scope(*store, {});
    Extern import = store->make_host_function(signature, callback, context);
    auto instance = store->instantiate(*module, std::array{import});
    function = *store->exported_function(*instance, "run");
  }
  std::shared_ptr<const Module> module;
  std::unique_ptr<Store> store;
  FunctionHandle function;
};

TEST(HostFunction, GetsArgumentsAndReturnsAResult) {
  int calls = 0;
  HostGuest guest(
      kCaller, {{CoreType::i32, CoreType::i64, CoreType::f64}, {CoreType::i64}},
      [](void* context, CoreValue* values) {
        ++*static_cast<int*>(context);
        values[0].i64 = values[0].i32 + values[1].i64 + static_cast<int64_t>(values[2].f64);
        return true;
      },
      &calls);
  Store::Scope scope(*guest.store, {});
  CoreValue values[3] = {{.i32 = -1}, {.i64 = 1ll << 40}, {.f64 = 7}};
  ASSERT_TRUE(guest.store->call(guest.function, values));
  EXPECT_EQ(values[0].i64, (1ll << 40) + 6);
  EXPECT_EQ(calls, 1);
}

TEST(HostFunction, ReturnsSeveralResults) {
  HostGuest guest(
      R"((module (import "host" "f" (func $f (result i32 i64)))
      (func (export "run") (result i64) (local i64)
        (call $f) (local.set 0) (i64.extend_i32_s) (local.get 0) (i64.add))))",
      {{}, {CoreType::i32, CoreType::i64}},
      [](void*, CoreValue* values) {
        values[0].i32 = -5;
        values[1].i64 = 15;
        return true;
      },
      nullptr);
  Store::Scope scope(*guest.store, {});
  CoreValue values[2] = {};
  ASSERT_TRUE(guest.store->call(guest.function, values));
  EXPECT_EQ(values[0].i64, 10);
}

TEST(HostFunction, TrapCannotBeCaughtByTheGuest) {
  std::unique_ptr<Store> store = nullptr;
  testing::start_engine();
  store = *Store::create({});
  auto module = compile(R"((module (import "host" "f" (func $f))
      (func (export "run") (result i32) (call $f) (i32.const 1))
      (func (export "loop") (call $f) (loop (br 0)))))");
  Store::Scope scope(*store, {});
  Extern import = store->make_host_function(
      {},
      [](void* context, CoreValue*) {
        (*static_cast<std::unique_ptr<Store>*>(context))
            ->set_trap(Error(ErrorCode::exit, "the guest asked to end"));
        return false;
      },
      &store);
  auto instance = store->instantiate(*module, std::array{import});
  CoreValue values[1] = {};
  auto called = store->call(*store->exported_function(*instance, "run"), values);
  ASSERT_FALSE(called);
  EXPECT_EQ(called.error().code(), ErrorCode::exit);
  EXPECT_EQ(called.error().message(), "the guest asked to end");
}

TEST(HostFunction, MayCallTheGuestAgain) {
  struct Context {
    Store* store;
    FunctionHandle inner;
  } context{};
  auto module = compile(R"((module (import "host" "f" (func $f (result i32)))
      (func (export "inner") (result i32) (i32.const 20))
      (func (export "bad") (result i32) unreachable)
      (func (export "run") (result i32) (i32.add (call $f) (i32.const 1)))))");
  auto store = *Store::create({});
  context.store = store.get();
  Store::Scope scope(*store, {});
  Extern import = store->make_host_function(
      {{}, {CoreType::i32}},
      [](void* opaque, CoreValue* values) {
        auto& inside = *static_cast<Context*>(opaque);
        if (auto called = inside.store->call(inside.inner, values); !called) {
          inside.store->set_trap(called.error());
          return false;
        }
        return true;
      },
      &context);
  auto instance = *store->instantiate(*module, std::array{import});
  context.inner = *store->exported_function(instance, "inner");
  FunctionHandle run = *store->exported_function(instance, "run");
  CoreValue values[1] = {};
  ASSERT_TRUE(store->call(run, values));
  EXPECT_EQ(values[0].u32, 21u);
  context.inner = *store->exported_function(instance, "bad");
  auto called = store->call(run, values);
  ASSERT_FALSE(called);
  EXPECT_EQ(called.error().message(), "unreachable");
}

}  // namespace
}  // namespace wattle::engine
