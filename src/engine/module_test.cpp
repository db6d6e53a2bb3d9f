#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "engine/engine.h"
#include "engine/module_impl.h"
#include "engine/test_module.h"

namespace wattle::engine {
namespace {

using testing::assemble;
using testing::compile;
using ::testing::HasSubstr;
using testing::start_engine;

Error refusal_of(std::span<const uint8_t> bytes) {
  start_engine();
  auto module = Module::compile(bytes, {});
  if (module) return Error(ErrorCode::internal, "it was taken");
  auto valid = Module::validate(bytes);
  EXPECT_FALSE(valid);
  return module.error();
}

TEST(Module, TellsImportsAndExportsWithoutWhatRewritingAdds) {
  auto module = compile(R"((module (import "a" "f" (func (param i32 i64) (result f32)))
    (import "b" "t" (table 1 funcref)) (import "b" "g" (global (mut i32)))
    (memory (export "m") 1) (global (mut i32) (i32.const 0)) (func (export "e") (result i32) (i32.const 0))))");
  ASSERT_EQ(module->imports().size(), 3u);
  EXPECT_EQ(module->imports()[0].module, "a");
  EXPECT_EQ(module->imports()[0].signature.parameters, (std::vector{CoreType::i32, CoreType::i64}));
  EXPECT_EQ(module->imports()[0].signature.results, (std::vector{CoreType::f32}));
  EXPECT_EQ(module->imports()[1].kind, ExternKind::table);
  EXPECT_EQ(module->imports()[2].kind, ExternKind::global);
  ASSERT_EQ(module->exports().size(), 2u);
  EXPECT_EQ(module->exports()[0].name, "m");
  EXPECT_EQ(module->exports()[1].signature.results, (std::vector{CoreType::i32}));
}

TEST(Module, RefusesWhatIsNotAModule) {
  EXPECT_EQ(refusal_of({}).code(), ErrorCode::malformed);
  const uint8_t component[] = {0, 'a', 's', 'm', 0x0d, 0, 1, 0};
  EXPECT_EQ(refusal_of(component).code(), ErrorCode::malformed);
  auto bytes = assemble("(module (func (export \"f\")))");
  bytes.resize(bytes.size() - 3);
  EXPECT_EQ(refusal_of(bytes).code(), ErrorCode::malformed);
}

TEST(Module, RefusesAnInvalidBodyWithTheReason) {
  // (func (result i32)) with an empty body
  const uint8_t bytes[] = {0, 'a',  's', 'm', 1, 0, 0,  0, 1, 5, 1, 0x60, 0,
                           1, 0x7f, 3,   2,   1, 0, 10, 4, 1, 2, 0, 0x0b};
  Error error = refusal_of(bytes);
  EXPECT_EQ(error.code(), ErrorCode::invalid);
  EXPECT_THAT(error.message(), HasSubstr("function #0"));
}

TEST(Module, CannotNameWhatRewritingAdds) {
  // Global 1 does not exist, but would after rewriting.
  const uint8_t bytes[] = {0, 'a', 's', 'm',  1, 0,    0, 0,    1,  4, 1, 0x60, 0, 0,    3, 2,    1, 0,
                           6, 6,   1,   0x7f, 1, 0x41, 0, 0x0b, 10, 8, 1, 6,    0, 0x41, 0, 0x24, 1, 0x0b};
  EXPECT_EQ(refusal_of(bytes).code(), ErrorCode::invalid);
}

TEST(Module, MayUseTheReservedNamesItself) {
  auto module = compile(R"((module (import "wattle:engine" "memory" (func $f)) (memory 1)
    (global (mut i32) (i32.const 5)) (func (export "wattle:save") (global.set 0 (i32.const 9)))
    (func (export "wattle:restore") (result i32) (global.get 0))))");
  auto store = *Store::create({});
  Store::Scope scope(*store, {});
  Extern host = store->make_host_function({}, [](void*, CoreValue*) { return true; }, nullptr);
  auto instance = *store->instantiate(*module, std::span(&host, 1));
  ASSERT_TRUE(store->take_image());
  CoreValue values[1] = {};
  ASSERT_TRUE(store->call(*store->exported_function(instance, "wattle:save"), values));
  ASSERT_TRUE(store->reset());
  ASSERT_TRUE(store->call(*store->exported_function(instance, "wattle:restore"), values));
  EXPECT_EQ(values[0].u32, 5u);
}

TEST(Module, RefusesSharedMemory) {
  const uint8_t bytes[] = {0, 'a', 's', 'm', 1, 0, 0, 0, 5, 4, 1, 3, 1, 1};
  EXPECT_FALSE(Module::validate(bytes));
}

TEST(Module, SurvivesRandomDamage) {
  const auto whole =
      assemble(R"((module (import "a" "f" (func $f (param i32) (result i32))) (memory (export "m") 1)
    (table 3 funcref) (elem (i32.const 0) $f $g) (global $x (mut v128) (v128.const i64x2 1 2))
    (func $g (export "g") (param i32) (result i32) (local f64)
      (block (br_table 0 0 (local.get 0))) (memory.fill (i32.const 0) (i32.const 0) (i32.const 9))
      (call_indirect (param i32) (result i32) (local.get 0) (i32.const 0)))
    (data "abc")))");
  start_engine();
  std::minstd_rand random(7);
  int taken = 0;
  for (int round = 0; round < 2000; ++round) {
    auto bytes = whole;
    for (int flips = 1 + static_cast<int>(random() % 3); flips > 0; --flips) {
      bytes[8 + random() % (bytes.size() - 8)] = static_cast<uint8_t>(random());
    }
    taken += Module::compile(bytes, {}) ? 1 : 0;
  }
  EXPECT_GT(taken, 0);
  EXPECT_LT(taken, 2000);
}

TEST(Module, ComesBackFromItsBytesAndItsRecord) {
  const auto bytes = assemble(R"((module (func (export "f") (result i32) (i32.const 11))))");
  start_engine();
  const ModuleRecord record = (*Module::compile(bytes, {}))->record();
  EXPECT_TRUE(record.resettable);
  for (int round = 0; round < 3; ++round) {
    auto module = *Module::restore(bytes, {}, record);
    EXPECT_TRUE(module->resettable());
    auto store = *Store::create({});
    Store::Scope scope(*store, {});
    auto instance = store->instantiate(*module, {});
    ASSERT_TRUE(instance);
    CoreValue values[1] = {};
    ASSERT_TRUE(store->call(*store->exported_function(*instance, "f"), values));
    EXPECT_EQ(values[0].u32, 11u);
  }
}

// ---- With the cache

constexpr std::string_view kSummer = R"((module (func (export "sum") (param i32) (result i32) (local i32)
  (loop (local.set 1 (i32.add (local.get 1) (local.get 0)))
    (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get 1))))";

uint32_t sum_to(const Module& module, uint32_t count) {
  auto store = *Store::create({});
  Store::Scope scope(*store, {});
  auto instance = *store->instantiate(module, {});
  CoreValue values[1] = {{.u64 = count}};
  EXPECT_TRUE(store->call(*store->exported_function(instance, "sum"), values));
  return values[0].u32;
}

size_t optimised_bytes(const Module& module) {
  return static_cast<const ModuleImpl&>(module).code_if_there()->Serialize().size;
}

// Runs the module until its code is optimised, and keeps that.
void run_and_keep(const Module& module) {
  const TimePoint give_up = Clock::now() + std::chrono::seconds(60);
  while (optimised_bytes(module) == 0 && Clock::now() < give_up) EXPECT_EQ(sum_to(module, 10), 55u);
  EXPECT_GT(optimised_bytes(module), 0u);
  flush_code_cache();
}

TEST(ModuleCache, OptimisedCodeIsThereFromTheBeginningTheSecondTime) {
  {
    auto first = compile(kSummer);
    run_and_keep(*first);
  }
  auto second = compile(kSummer);
  EXPECT_GT(optimised_bytes(*second), 0u);
  EXPECT_EQ(sum_to(*second, 4), 10u);
  EXPECT_TRUE(second->resettable());
}

TEST(ModuleCache, ARestoredModuleTakesItsCodeFromIt) {
  start_engine();
  const auto bytes = assemble(kSummer);
  ModuleRecord record;
  {
    auto first = *Module::compile(bytes, {});
    record = first->record();
    run_and_keep(*first);
  }
  auto restored = *Module::restore(bytes, {}, record);
  EXPECT_EQ(sum_to(*restored, 4), 10u);
  EXPECT_GT(optimised_bytes(*restored), 0u);
}

TEST(ModuleCache, DamagedEntriesAreAsGoodAsNone) {
  run_and_keep(*compile(kSummer));
  for (const auto& entry : std::filesystem::directory_iterator(testing::cache_directory())) {
    std::filesystem::resize_file(entry.path(), entry.file_size() / 2);
  }
  EXPECT_EQ(sum_to(*compile(kSummer), 4), 10u);
}

TEST(Instantiate, SaysWhatDoesNotLink) {
  auto module = compile(R"((module (import "env" "g" (global i32))))");
  auto store = *Store::create({});
  Store::Scope scope(*store, {});
  Extern function = store->make_host_function({}, [](void*, CoreValue*) { return true; }, nullptr);
  auto instance = store->instantiate(*module, std::span(&function, 1));
  ASSERT_FALSE(instance);
  EXPECT_EQ(instance.error().code(), ErrorCode::unlinkable);
  EXPECT_THAT(instance.error().message(), HasSubstr("\"env\" \"g\" is a global"));
}

TEST(Instantiate, ReportsTrapsOfStartFunctionsAndSegments) {
  auto store = (start_engine(), *Store::create({}));
  Store::Scope scope(*store, {});
  auto trap_of = [&](std::string_view text) {
    auto instance = store->instantiate(*compile(text), {});
    return instance ? "no trap" : instance.error().message();
  };
  EXPECT_EQ(trap_of("(module (func $f unreachable) (start $f))"), "unreachable");
  EXPECT_EQ(trap_of("(module (memory 1) (data (i32.const 65536) \"x\"))"), "out of bounds memory access");
  EXPECT_THAT(trap_of("(module (table 1 funcref) (func $f) (elem (i32.const 1) $f))"),
              HasSubstr("out of bounds table access"));
}

TEST(Instantiate, LinksInstancesToEachOther) {
  auto library = compile(R"((module (memory (export "m") 1) (table (export "t") 1 funcref)
    (global (export "g") (mut i32) (i32.const 4)) (func (export "f") (result i32) (i32.load (i32.const 8)))))");
  auto program = compile(R"((module (import "l" "m" (memory 1)) (import "l" "f" (func $f (result i32)))
    (import "l" "g" (global $g (mut i32))) (import "l" "t" (table 1 funcref)) (elem (i32.const 0) $f)
    (func (export "run") (result i32) (i32.store (i32.const 8) (i32.const 38))
      (i32.add (global.get $g) (call_indirect (result i32) (i32.const 0))))))");
  auto store = *Store::create({});
  Store::Scope scope(*store, {});
  auto first = *store->instantiate(*library, {});
  std::vector<Extern> imports;
  for (const char* name : {"m", "f", "g", "t"}) imports.push_back(*store->exported(first, name));
  auto second = store->instantiate(*program, imports);
  ASSERT_TRUE(second) << second.error().full_message();
  CoreValue values[1] = {};
  ASSERT_TRUE(store->call(*store->exported_function(*second, "run"), values));
  EXPECT_EQ(values[0].u32, 42u);
}

}  // namespace
}  // namespace wattle::engine
