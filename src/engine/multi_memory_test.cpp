#include "engine/multi_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "engine/engine.h"
#include "engine/test_module.h"

namespace wattle::engine {
namespace {

using testing::assemble;
using testing::compile;
using ::testing::HasSubstr;

constexpr uint64_t kPage = 65536;

struct Guest {
  explicit Guest(std::string_view text, const StoreOptions& options = {},
                 const CompileOptions& compiling = {})
      : module(compile(text, compiling)),
        store(*Store::create(options)),
        scope(std::in_place, *store, CallLimits{}) {}

  // Instantiates the module; afterwards all below is of that instance.
  Result<void> start(std::span<const Extern> imports = {}) {
    WATTLE_TRY(instance, store->instantiate(*module, imports));
    return {};
  }
  // The first result; a trap's message as an error.
  Result<uint32_t> call(std::string_view name, std::vector<uint32_t> arguments = {}) {
    WATTLE_TRY(FunctionHandle function, store->exported_function(instance, name));
    CoreValue values[8] = {};
    for (size_t index = 0; index < arguments.size(); ++index) values[index].u64 = arguments[index];
    WATTLE_CHECK(store->call(function, values));
    return values[0].u32;
  }
  std::string trap(std::string_view name, std::vector<uint32_t> arguments = {}) {
    auto called = call(name, std::move(arguments));
    return called ? "no trap" : called.error().message();
  }
  MemoryView view(std::string_view name) {
    return store->view(store->memory(*store->exported(instance, name)));
  }
  std::string text(std::string_view name, size_t from, size_t bytes) {
    return std::string(reinterpret_cast<const char*>(view(name).base) + from, bytes);
  }

  std::shared_ptr<const Module> module;
  std::unique_ptr<Store> store;
  std::optional<Store::Scope> scope;
  InstanceHandle instance;
};

constexpr std::string_view kOutOfBounds = "out of bounds memory access";

TEST(MultiMemory, EachMemoryIsApart) {
  Guest guest(R"((module (memory $a (export "a") 1) (memory $b (export "b") 2) (memory $c (export "c") 1)
    (func (export "store") (param i32 i32)
      (i32.store $a (local.get 0) (local.get 1))
      (i32.store $b (local.get 0) (i32.mul (local.get 1) (i32.const 2)))
      (i32.store $c (local.get 0) (i32.mul (local.get 1) (i32.const 3))))
    (func (export "load") (param i32) (result i32)
      (i32.add (i32.load $a (local.get 0)) (i32.mul (i32.load $b (local.get 0)) (i32.load $c (local.get 0)))))
    (func (export "sizes") (result i32)
      (i32.add (memory.size $a) (i32.add (i32.mul (memory.size $b) (i32.const 10))
                                         (i32.mul (memory.size $c) (i32.const 100)))))
    (func (export "grow b") (param i32) (result i32) (memory.grow $b (local.get 0)))))");
  ASSERT_TRUE(guest.start());
  ASSERT_TRUE(guest.call("store", {65532, 7}));
  EXPECT_EQ(*guest.call("load", {65532}), 7u + 14 * 21);
  EXPECT_EQ(guest.view("b").base[65532], 14);
  EXPECT_EQ(guest.trap("store", {65533, 7}), kOutOfBounds);
  EXPECT_EQ(*guest.call("grow b", {3}), 2u);
  EXPECT_EQ(*guest.call("sizes"), 1u + 50 + 100);
  EXPECT_EQ(guest.view("a").bytes, kPage);
  EXPECT_EQ(guest.view("b").bytes, 5 * kPage);
}

constexpr std::string_view kCopier = R"((module
  (memory $a (export "a") 1) (memory $b (export "b") 2) (memory $c (export "c") 1)
  (data (memory $a) (i32.const 0) "abcdefgh") (data (memory $b) (i32.const 131064) "ABCDEFGH")
  (func (export "a to b") (param i32 i32 i32) (memory.copy $b $a (local.get 0) (local.get 1) (local.get 2)))
  (func (export "b to a") (param i32 i32 i32) (memory.copy $a $b (local.get 0) (local.get 1) (local.get 2)))
  (func (export "b to c") (param i32 i32 i32) (memory.copy $c $b (local.get 0) (local.get 1) (local.get 2)))))";

TEST(MultiMemory, CopiesFromOneToAnother) {
  Guest guest(kCopier);
  ASSERT_TRUE(guest.start());
  ASSERT_TRUE(guest.call("a to b", {4, 2, 5}));
  EXPECT_EQ(guest.text("b", 4, 6), std::string("cdefg\0", 6));
  ASSERT_TRUE(guest.call("b to a", {65528, 131064, 8}));
  EXPECT_EQ(guest.text("a", 65528, 8), "ABCDEFGH");
  ASSERT_TRUE(guest.call("b to c", {1, 131071, 1}));
  EXPECT_EQ(guest.text("c", 0, 3), std::string("\0H\0", 3));
  ASSERT_TRUE(guest.call("b to c", {65536, 131072, 0}));
}

TEST(MultiMemory, CopiesNothingThatIsOutOfBounds) {
  Guest guest(kCopier);
  ASSERT_TRUE(guest.start());
  for (const auto& [name, arguments] :
       std::vector<std::pair<const char*, std::vector<uint32_t>>>{{"a to b", {0, 65535, 2}},
                                                                  {"a to b", {131071, 0, 2}},
                                                                  {"a to b", {131073, 0, 0}},
                                                                  {"a to b", {0, 65537, 0}},
                                                                  {"b to a", {65529, 131064, 8}},
                                                                  {"b to a", {0, 131065, 8}},
                                                                  {"b to c", {0xffffffff, 0, 2}},
                                                                  {"b to c", {0, 0xffffffff, 2}},
                                                                  {"b to c", {0, 0, 0xffffffff}}}) {
    EXPECT_EQ(guest.trap(name, arguments), kOutOfBounds) << name;
  }
  EXPECT_EQ(guest.text("b", 0, 1), std::string(1, '\0'));
  EXPECT_EQ(guest.text("b", 131064, 8), "ABCDEFGH");
  EXPECT_EQ(guest.text("c", 0, 1), std::string(1, '\0'));
}

TEST(MultiMemory, OneMemoryByTwoNamesIsCopiedAsOne) {
  Guest owner(R"((module (memory (export "memory") 1) (data (i32.const 0) "0123456789")))");
  ASSERT_TRUE(owner.start());
  const Extern memory = *owner.store->exported(owner.instance, "memory");
  auto module =
      compile(R"((module (memory $a (import "" "a") 1) (memory $b (import "" "b") 1) (export "b" (memory $b))
    (func (export "copy") (param i32 i32 i32) (memory.copy $a $b (local.get 0) (local.get 1) (local.get 2)))
    (func (export "grow") (result i32) (drop (memory.grow $b (i32.const 1))) (memory.size $a))))");
  const Extern imports[] = {memory, memory};
  owner.instance = *owner.store->instantiate(*module, imports);
  ASSERT_TRUE(owner.call("copy", {2, 0, 6}));
  EXPECT_EQ(owner.text("b", 0, 10), "0101234589");
  ASSERT_TRUE(owner.call("copy", {0, 2, 6}));
  EXPECT_EQ(owner.text("b", 0, 10), "0123454589");
  EXPECT_EQ(*owner.call("grow"), 2u);
  EXPECT_EQ(owner.store->exported(owner.instance, "b")->index, memory.index);
}

TEST(MultiMemory, InitializesFromSegmentsUntilTheyAreDropped) {
  Guest guest(R"((module (memory $a (export "a") 1) (memory $b (export "b") 1)
    (data "passive") (data (memory $b) (i32.const 100) "active")
    (func (export "init a") (param i32 i32 i32) (memory.init $a 0 (local.get 0) (local.get 1) (local.get 2)))
    (func (export "init b") (param i32 i32 i32) (memory.init $b 0 (local.get 0) (local.get 1) (local.get 2)))
    (func (export "init active") (param i32) (memory.init $b 1 (i32.const 0) (i32.const 0) (local.get 0)))
    (func (export "drop") (data.drop 0))))");
  ASSERT_TRUE(guest.start());
  ASSERT_TRUE(guest.call("init a", {0, 0, 4}));
  ASSERT_TRUE(guest.call("init b", {65532, 3, 4}));
  EXPECT_EQ(guest.text("a", 0, 5), std::string("pass\0", 5));
  EXPECT_EQ(guest.text("b", 65532, 4), "sive");
  EXPECT_EQ(guest.text("b", 100, 6), "active");
  for (std::vector<uint32_t> wrong :
       {std::vector<uint32_t>{65533, 3, 4}, {0, 4, 4}, {0, 8, 0}, {65537, 0, 0}, {0, 0, 0xffffffff}}) {
    EXPECT_EQ(guest.trap("init b", wrong), kOutOfBounds);
  }
  EXPECT_TRUE(guest.call("init active", {0}));
  EXPECT_EQ(guest.trap("init active", {1}), kOutOfBounds);  // dropped when it was applied
  EXPECT_TRUE(guest.call("drop"));
  EXPECT_TRUE(guest.call("drop"));
  EXPECT_TRUE(guest.call("init b", {0, 0, 0}));
  EXPECT_EQ(guest.trap("init b", {0, 0, 1}), kOutOfBounds);
  EXPECT_EQ(guest.trap("init a", {0, 0, 1}), kOutOfBounds);
}

TEST(MultiMemory, InstancesDropSegmentsEachForItself) {
  Guest guest(R"((module (memory $a 1) (memory $b (export "b") 1) (data "x")
    (func (export "init") (memory.init $b 0 (i32.const 0) (i32.const 0) (i32.const 1)))
    (func (export "drop") (data.drop 0))))");
  ASSERT_TRUE(guest.start());
  ASSERT_TRUE(guest.call("drop"));
  ASSERT_TRUE(guest.start());
  EXPECT_TRUE(guest.call("init"));
  EXPECT_EQ(guest.text("b", 0, 1), "x");
}

// 1 and 2 are applied, 3 is not, nor is 4: segments go in their order, and the start function comes last.
TEST(MultiMemory, StartsInTheSpecifiedOrder) {
  constexpr std::string_view kText = R"((module
    (memory $a (import "" "a") 1) (memory $b (import "" "b") 1) (import "" "at" (global $at i32))
    (import "" "told" (func $told (param i32)))
    (data (memory $a) (i32.const 0) "1") (data (memory $b) (global.get $at) "2")
    (data (memory $a) (i32.const 10) "3") (data "never") (data (memory $b) (i32.const 1) "4")
    (func $start (call $told (i32.load8_u $b (i32.const 1))))
    (start $start)))";
  Guest owner(R"((module (memory (export "a") 1) (memory (export "b") 1)
    (global (export "near") i32 (i32.const 65535)) (global (export "far") i32 (i32.const 65536))))");
  ASSERT_TRUE(owner.start());
  static uint32_t told;
  told = 0;
  const Extern tell = owner.store->make_host_function(
      {{CoreType::i32}, {}},
      [](void*, CoreValue* values) {
        told = values[0].u32;
        return true;
      },
      nullptr);
  auto item = [&](std::string_view name) { return *owner.store->exported(owner.instance, name); };
  auto module = compile(kText);
  const Extern far[] = {item("a"), item("b"), item("far"), tell};
  auto failed = owner.store->instantiate(*module, far);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message(), kOutOfBounds);
  EXPECT_EQ(owner.text("a", 0, 1), "1");
  EXPECT_EQ(owner.text("a", 10, 1), std::string(1, '\0'));
  EXPECT_EQ(told, 0u);
  const Extern near[] = {item("a"), item("b"), item("near"), tell};
  ASSERT_TRUE(owner.store->instantiate(*module, near));
  EXPECT_EQ(owner.text("b", 65535, 1), "2");
  EXPECT_EQ(owner.text("a", 10, 1), "3");
  EXPECT_EQ(told, static_cast<uint32_t>('4'));
}

TEST(MultiMemory, FunctionsAreFoundWhereverTheyAreNamed) {
  Guest guest(R"((module (type $t (func (result i32)))
    (import "" "ten" (func $ten (result i32))) (memory $a 1) (memory $b 1)
    (func $one (export "one") (result i32) (i32.const 1)) (func $two (result i32) (i32.const 2))
    (func $three (result i32) (i32.const 3)) (func $four (result i32) (i32.const 4))
    (table $t1 8 funcref) (table $t2 1 funcref) (global $g (mut funcref) (ref.func $four))
    (elem (table $t1) (i32.const 0) func $two $ten) (elem (table $t1) (i32.const 2) funcref (ref.func $three) (ref.null func))
    (elem declare func $one) (elem funcref (ref.func $three)) (elem func $four)
    (func (export "table") (param i32) (result i32) (call_indirect $t1 (type $t) (local.get 0)))
    (func (export "global") (result i32)
      (table.set $t2 (i32.const 0) (global.get $g)) (call_indirect $t2 (type $t) (i32.const 0)))
    (func (export "reference") (result i32)
      (table.set $t2 (i32.const 0) (ref.func $one)) (call_indirect $t2 (type $t) (i32.const 0)))
    (func (export "init") (result i32)
      (table.init $t2 3 (i32.const 0) (i32.const 0) (i32.const 1)) (call_indirect $t2 (type $t) (i32.const 0)))
    (func (export "calls") (result i32) (i32.add (call $ten) (i32.add (call $two) (i32.load8_u $b (i32.const 8)))))
    (func $start (i32.store8 $b (i32.const 8) (i32.const 100))) (start $start) (export "imported" (func $ten))
    (export "four" (func $four))))");
  const Extern ten[] = {guest.store->make_host_function(
      {{}, {CoreType::i32}},
      [](void*, CoreValue* values) {
        values[0].u64 = 10;
        return true;
      },
      nullptr)};
  ASSERT_TRUE(guest.start(ten));
  EXPECT_EQ(*guest.call("one"), 1u);
  EXPECT_EQ(*guest.call("four"), 4u);
  EXPECT_EQ(*guest.call("imported"), 10u);
  EXPECT_EQ(*guest.call("table", {0}), 2u);
  EXPECT_EQ(*guest.call("table", {1}), 10u);
  EXPECT_EQ(*guest.call("table", {2}), 3u);
  EXPECT_EQ(*guest.call("global"), 4u);
  EXPECT_EQ(*guest.call("reference"), 1u);
  EXPECT_EQ(*guest.call("init"), 3u);
  EXPECT_EQ(*guest.call("calls"), 112u);
}

TEST(MultiMemory, MemoriesAreExportedByAllTheirNamesAndImported) {
  Guest owner(R"((module (memory $a (export "a") 1) (memory $b (export "b") (export "b too") 2 3)
    (func (export "load") (result i32) (i32.load $b (i32.const 4)))))");
  ASSERT_TRUE(owner.start());
  auto item = [&](std::string_view name) { return *owner.store->exported(owner.instance, name); };
  EXPECT_EQ(item("b").index, item("b too").index);
  EXPECT_NE(item("a").index, item("b").index);
  ASSERT_EQ(owner.module->exports().size(), 4u);
  EXPECT_EQ(owner.module->exports()[2].kind, ExternKind::memory);

  const InstanceHandle first = owner.instance;
  auto one = compile(R"((module (memory (import "" "m") 2 3)
    (func (export "store") (param i32) (i32.store (i32.const 4) (local.get 0)))))");
  const Extern b[] = {item("b")};
  owner.instance = *owner.store->instantiate(*one, b);
  ASSERT_TRUE(owner.call("store", {42}));
  auto two = compile(R"((module (memory (import "" "n") 1) (memory $m (import "" "m") 2) (memory $own 1)
    (func (export "load") (result i32) (i32.add (i32.load $m (i32.const 4)) (memory.size $own)))
    (func (export "grow") (result i32) (memory.grow $m (i32.const 1)))))");
  const Extern both[] = {{ExternKind::memory, 0}, b[0]};
  owner.instance = *owner.store->instantiate(*two, both);
  EXPECT_EQ(*owner.call("load"), 43u);
  EXPECT_EQ(*owner.call("grow"), 2u);
  EXPECT_EQ(*owner.call("grow"), 0xffffffff);  // its maximum
  owner.instance = first;
  EXPECT_EQ(*owner.call("load"), 42u);
  EXPECT_EQ(owner.view("b").bytes, 3 * kPage);
}

TEST(MultiMemory, ImportedMemoriesMustFit) {
  Guest owner(R"((module (memory (export "a") 1) (memory (export "b") 2 5) (func (export "f"))))");
  ASSERT_TRUE(owner.start());
  auto item = [&](std::string_view name) { return *owner.store->exported(owner.instance, name); };
  auto error = [&](std::string_view limits, const Extern& second) {
    auto module =
        compile(fmt::format(R"((module (memory (import "" "a") 1) (memory (import "" "b") {})))", limits));
    const Extern imports[] = {item("a"), second};
    auto made = owner.store->instantiate(*module, imports);
    return made ? "" : made.error().message();
  };
  EXPECT_EQ(error("2 5", item("b")), "");
  EXPECT_EQ(error("0", item("b")), "");
  EXPECT_THAT(error("3", item("b")), HasSubstr("\"b\" has 2 pages, and must have 3"));
  EXPECT_THAT(error("2 4", item("b")), HasSubstr("\"b\" may grow to 5 pages"));
  EXPECT_THAT(error("2", item("f")), HasSubstr("is a memory, and was given a function"));
}

TEST(MultiMemory, AllMemoriesTogetherAreBounded) {
  constexpr std::string_view kText = R"((module (memory $a 2) (memory $b (export "b") 3)
    (func (export "grow a") (param i32) (result i32) (memory.grow $a (local.get 0)))
    (func (export "grow b") (param i32) (result i32) (memory.grow $b (local.get 0)))))";
  Guest guest(kText, {.max_memory_bytes = 8 * kPage});
  ASSERT_TRUE(guest.start());
  EXPECT_EQ(*guest.call("grow b", {4}), 0xffffffff);
  EXPECT_EQ(*guest.call("grow b", {2}), 3u);
  EXPECT_EQ(*guest.call("grow a", {3}), 0xffffffff);
  EXPECT_EQ(*guest.call("grow a", {1}), 2u);
  EXPECT_EQ(*guest.call("grow b", {1}), 0xffffffff);
  EXPECT_EQ(guest.view("b").bytes, 5 * kPage);

  Guest small(kText, {.max_memory_bytes = 4 * kPage});
  EXPECT_EQ(small.start().error().code(), ErrorCode::memory_exceeded);
  Guest capped(kText, {}, {.max_memory_bytes = 3 * kPage});
  ASSERT_TRUE(capped.start());
  EXPECT_EQ(*capped.call("grow a", {1}), 2u);
  EXPECT_EQ(*capped.call("grow b", {1}), 0xffffffff);
  Guest few(kText, {.max_instances = 1});
  EXPECT_EQ(few.start().error().code(), ErrorCode::memory_exceeded);
}

TEST(MultiMemory, ResetGivesBackEveryMemory) {
  Guest guest(
      R"((module (memory $a (export "a") 1) (memory $b (export "b") 4) (global $g (mut i32) (i32.const 5))
    (data (memory $b) (i32.const 70000) "kept") (data "passive")
    (func (export "write") (param i32) (result i32)
      (i32.store $a (local.get 0) (i32.const 1)) (i32.store $b (local.get 0) (i32.const 2))
      (memory.fill $b (i32.const 70000) (i32.const 1) (i32.const 4))
      (memory.copy $a $b (i32.const 512) (i32.const 70000) (i32.const 4))
      (memory.init $b 1 (i32.const 140000) (i32.const 0) (i32.const 7))
      (global.set $g (i32.add (global.get $g) (i32.const 1))) (global.get $g))
    (func (export "grow") (result i32) (memory.grow $b (i32.const 1)))))");
  ASSERT_TRUE(guest.start());
  ASSERT_TRUE(guest.store->take_image());
  for (uint32_t round = 0; round < 200; ++round) {
    ASSERT_EQ(*guest.call("write", {round * 300}), 6u);
    ASSERT_EQ(guest.text("b", 140000, 7), "passive");
    ASSERT_TRUE(guest.store->reset());
    ASSERT_EQ(guest.text("b", 70000, 4), "kept");
    for (std::string_view name : {"a", "b"}) {
      const MemoryView view = guest.view(name);
      size_t written = 0;
      for (size_t at = 0; at < view.bytes; ++at) written += view.base[at] != 0;
      ASSERT_EQ(written, name == "a" ? 0 : 4) << name << " in round " << round;
    }
  }
  ASSERT_TRUE(guest.call("grow"));
  EXPECT_FALSE(guest.store->reset());
}

TEST(MultiMemory, AModuleThatDropsSegmentsIsNotResettable) {
  constexpr std::string_view kStart =
      R"((module (memory 1) (memory $b 1) (data "x") (data (memory $b) (i32.const 0) "y")
    (func $f (memory.init $b 0 (i32.const 0) (i32.const 0) (i32.const 1)) (data.drop 0)) )";
  EXPECT_TRUE(compile(std::string(kStart) + "(start $f))")->resettable());
  EXPECT_FALSE(compile(std::string(kStart) + "(export \"f\" (func $f)))")->resettable());
}

TEST(MultiMemory, NamesOfTheEngineAreNotTakenFromTheGuest) {
  Guest guest(R"((module (import "wattle:engine 0.1" "36" (func $f (result i32)))
    (import "wattle:engine 1.0" "" (func $g (result i32))) (import "wattle:engine" "memory" (func $h (result i32)))
    (memory 1) (memory $b 1) (global $x (mut i32) (i32.const 1))
    (func (export "wattle:save") (result i32) (i32.store $b (i32.const 0) (i32.const 9))
      (memory.copy $b 0 (i32.const 1) (i32.const 0) (i32.const 1))
      (i32.add (i32.load $b (i32.const 0)) (i32.add (call $f) (i32.add (call $g) (call $h)))))))");
  const Extern one = guest.store->make_host_function(
      {{}, {CoreType::i32}},
      [](void*, CoreValue* values) {
        values[0].u64 = 1;
        return true;
      },
      nullptr);
  const Extern imports[] = {one, one, one};
  ASSERT_TRUE(guest.start(imports));
  EXPECT_EQ(*guest.call("wattle:save"), 12u);
  EXPECT_TRUE(guest.store->take_image());
}

TEST(MultiMemory, AModuleThatWasGivenUpComesBack) {
  Guest guest(kCopier);
  const auto bytes = assemble(kCopier);
  const ModuleRecord record = std::exchange(guest.module, nullptr)->record();
  for (int times = 0; times < 2; ++times) {
    guest.module = *Module::restore(bytes, {}, record);
    ASSERT_TRUE(guest.start());
    EXPECT_TRUE(guest.call("b to c", {0, 131064, 1}));
    EXPECT_EQ(guest.text("c", 0, 1), "A");
    flush_code_cache();
  }
}

TEST(MultiMemory, DeadlinesEndAGuestInAnotherMemory) {
  Guest guest(R"((module (memory 1) (memory $b 1) (func (export "spin")
    (loop (i32.store $b (i32.const 0) (i32.add (i32.load $b (i32.const 0)) (i32.const 1)))
          (memory.copy 0 $b (i32.const 0) (i32.const 0) (i32.const 4)) (br 0)))))");
  ASSERT_TRUE(guest.start());
  guest.scope.reset();
  guest.scope.emplace(*guest.store, CallLimits{.deadline = Clock::now() + std::chrono::milliseconds(30)});
  auto called = guest.call("spin");
  ASSERT_FALSE(called);
  EXPECT_EQ(called.error().code(), ErrorCode::deadline_exceeded);
}

// ---- Validation

// With the bytes of `from`, which the assembled text has once, replaced by those of `to`.
Result<void> validate(std::string_view text, const Bytes& from = {}, const Bytes& to = {}) {
  testing::start_engine();
  auto bytes = assemble(text);
  if (!from.empty()) {
    auto at = std::search(bytes.begin(), bytes.end(), from.begin(), from.end());
    if (at == bytes.end() || std::search(at + 1, bytes.end(), from.begin(), from.end()) != bytes.end()) {
      ADD_FAILURE() << "what is to be replaced is not there once";
      return {};
    }
    std::copy(to.begin(), to.end(), at);
  }
  return Module::validate(bytes);
}

std::string refusal(std::string_view text, const Bytes& from, const Bytes& to) {
  auto valid = validate(text, from, to);
  return valid ? "valid" : valid.error().message();
}

Bytes bytes_of(std::initializer_list<uint8_t> bytes) {
  return bytes;
}
Bytes bytes_of(std::string_view text, std::initializer_list<uint8_t> bytes = {}) {
  Bytes all(text.begin(), text.end());
  put(all, bytes);
  return all;
}

constexpr std::string_view kInstructions =
    R"((module (memory 1) (memory 1) (data "x") (data (memory 1) (i32.const 77) "y")
  (export "second" (memory 1))
  (func (drop (i32.load 1 offset=5 (i32.const 1234))) (drop (memory.size 1)) (drop (memory.grow 1 (i32.const 1)))
    (memory.copy 1 0 (i32.const 1) (i32.const 1) (i32.const 1)) (memory.fill 1 (i32.const 1) (i32.const 1) (i32.const 1))
    (memory.init 1 0 (i32.const 1) (i32.const 1) (i32.const 1)))))";

TEST(MultiMemoryValidation, KnowsHowManyMemoriesThereAre) {
  EXPECT_TRUE(validate(kInstructions));
  for (const auto& [from, to] : {std::pair{bytes_of({0x28, 0x42, 1, 5}), bytes_of({0x28, 0x42, 2, 5})},
                                 {bytes_of({0x3f, 1}), bytes_of({0x3f, 2})},
                                 {bytes_of({0x40, 1, 0x1a}), bytes_of({0x40, 2, 0x1a})},
                                 {bytes_of({0xfc, 0x0a, 1, 0}), bytes_of({0xfc, 0x0a, 2, 0})},
                                 {bytes_of({0xfc, 0x0a, 1, 0}), bytes_of({0xfc, 0x0a, 1, 2})},
                                 {bytes_of({0xfc, 0x0b, 1}), bytes_of({0xfc, 0x0b, 2})},
                                 {bytes_of({0xfc, 0x08, 0, 1}), bytes_of({0xfc, 0x08, 0, 2})},
                                 {bytes_of("second", {2, 1}), bytes_of("second", {2, 2})},
                                 {bytes_of({2, 1, 0x41, 0xcd}), bytes_of({2, 2, 0x41, 0xcd})}}) {
    EXPECT_EQ(refusal(kInstructions, from, to), "the core module is invalid: unknown memory 2");
  }
}

TEST(MultiMemoryValidation, LeavesTheRestToV8) {
  for (const auto& [from, to] :
       {std::pair{bytes_of({0x28, 0x42, 1, 5}), bytes_of({0x28, 0x43, 1, 5})},  // alignment
        {bytes_of({0x3f, 1, 0x1a}), bytes_of({0x3f, 1, 0x01})},                 // not dropped
        {bytes_of({0xfc, 0x08, 0, 1}), bytes_of({0xfc, 0x08, 7, 1})},           // segment
        {bytes_of({0x41, 0xcd}), bytes_of({0x42, 0xcd})},                       // an offset's type
        {bytes_of({2, 1, 0x41, 0xcd, 0}), bytes_of({2, 1, 0x3f, 0x00, 1})},     // not constant
        {bytes_of({0xfc, 0x0b, 1, 0x41}), bytes_of({0xfc, 0x0b, 1, 0x42})}}) {
    EXPECT_NE(refusal(kInstructions, from, to), "valid")
        << static_cast<int>(to[0]) << ' ' << static_cast<int>(to[1]);
  }
}

TEST(MultiMemoryValidation, ChecksEveryMemory) {
  constexpr std::string_view kLimits = "(module (memory 1) (memory 3 9) (memory 1))";
  const Bytes limits = bytes_of({1, 3, 9});
  EXPECT_TRUE(validate(kLimits));
  EXPECT_THAT(refusal(kLimits, limits, bytes_of({1, 10, 9})), HasSubstr("minimum must not be greater"));
  EXPECT_THAT(refusal(kLimits, limits, bytes_of({3, 3, 9})), HasSubstr("shared memory"));
  EXPECT_THAT(refusal(kLimits, limits, bytes_of({5, 3, 9})), HasSubstr("64-bit"));
  EXPECT_NE(refusal(kLimits, limits, bytes_of({9, 3, 9})), "valid");
  EXPECT_NE(refusal(kLimits, limits, bytes_of({0, 3, 9})), "valid");
  const std::string many = "(module (memory 1) (memory 65536 65536) (memory 1))";
  EXPECT_TRUE(validate(many));
  EXPECT_THAT(
      refusal(many, bytes_of({0x80, 0x80, 4, 0x80, 0x80, 4}), bytes_of({0x80, 0x80, 4, 0x81, 0x80, 4})),
      HasSubstr("at most 65536 pages"));
  std::string hundred = "(module ";
  for (int count = 0; count < 100; ++count) hundred += "(memory 0) ";
  EXPECT_TRUE(validate(hundred + ")"));
  EXPECT_THAT(refusal(hundred + "(memory 0))", {}, {}), HasSubstr("101 memories, and may have 100"));
}

TEST(MultiMemoryValidation, ReadsWhatItLeavesOutForV8) {
  constexpr std::string_view kImports =
      R"((module (memory (import "m" "first") 1) (memory (import "m" "other") 1)))";
  EXPECT_TRUE(validate(kImports));
  EXPECT_NE(refusal(kImports, bytes_of("other"), bytes_of("oth\xff\xff")), "valid");
  // Numbers that are too long stay malformed.
  constexpr std::string_view kLong =
      "(module (memory 1) (memory 1) (func (drop (i32.load 1 offset=0xffffffff (i32.const 0)))))";
  EXPECT_TRUE(validate(kLong));
  EXPECT_NE(
      refusal(kLong, bytes_of({0xff, 0xff, 0xff, 0xff, 0x0f}), bytes_of({0xff, 0xff, 0xff, 0xff, 0x1f})),
      "valid");
}

}  // namespace
}  // namespace wattle::engine
