#include "engine/scan.h"

#include <gtest/gtest.h>

#include "engine/test_module.h"

namespace wattle::engine {
namespace {

bool scanned(std::string_view text) {
  auto bytes = testing::assemble(text);
  return changes_only_memory_and_globals(*decode_core_module(bytes));
}

TEST(Scan, FindsEveryInstructionThatChangesTablesOrSegments) {
  for (const char* instruction :
       {"(table.set 0 (i32.const 0) (ref.null func))", "(drop (table.grow 0 (ref.null func) (i32.const 1)))",
        "(table.fill 0 (i32.const 0) (ref.null func) (i32.const 1))",
        "(table.copy (i32.const 0) (i32.const 0) (i32.const 0))",
        "(table.init 0 (i32.const 0) (i32.const 0) (i32.const 0))", "(elem.drop 0)", "(data.drop 0)"}) {
    const std::string text =
        std::string("(module (memory 1) (table 1 funcref) (func) (elem func 0) (data \"x\") (func ") +
        instruction + ")";
    EXPECT_TRUE(scanned(text + ")")) << instruction << ", though nothing can call it";
    EXPECT_FALSE(scanned(text + "(export \"f\" (func 1)))")) << instruction;
    EXPECT_FALSE(scanned(text + "(func (export \"g\") (call 1)))")) << instruction;
  }
}

TEST(Scan, FollowsReferencesToFunctions) {
  constexpr std::string_view kDropper =
      "(module (memory 1) (data \"x\") (table 1 funcref) (func $d (data.drop 0)) ";
  EXPECT_TRUE(scanned(std::string(kDropper) + "(func (export \"f\")))"));
  EXPECT_FALSE(scanned(std::string(kDropper) + "(elem (i32.const 0) $d))"));
  EXPECT_FALSE(
      scanned(std::string(kDropper) + "(elem declare func $d) (func (export \"f\") (drop (ref.func $d))))"));
  EXPECT_FALSE(scanned(std::string(kDropper) + "(global funcref (ref.func $d)))"));
  EXPECT_FALSE(scanned(std::string(kDropper) + "(elem funcref (ref.func $d) (ref.null func)))"));
}

TEST(Scan, WalksAllKindsOfInstructions) {
  EXPECT_TRUE(scanned(R"((module (memory 1) (table 1 funcref) (data "x") (type $t (func (result i32)))
    (global $g (mut i64) (i64.const 1))
    (func (export "f") (param i32) (result i32) (local i32 i64 f32 f64 v128 funcref)
      (block (result i32) (loop (br_if 1 (i32.const 1) (local.get 0)) (drop))
        (if (result i32) (local.get 0) (then (i32.const -9)) (else (i32.const 0x7fffffff))))
      (drop) (br_table 0 0 (i32.const 0) (i32.const 1)))
    (func (export "g") (param i64) (result i32)
      (global.set $g (i64.const -0x8000000000000000))
      (drop (f32.const nan)) (drop (f64.const -1e300))
      (drop (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 (v128.const i32x4 1 2 3 4) (v128.load (i32.const 0))))
      (drop (v128.load8_lane 3 (i32.const 0) (v128.const i32x4 1 2 3 4)))
      (drop (i32x4.extract_lane 2 (i32x4.splat (i32.const 1))))
      (drop (v128.load32_zero (i32.const 0)))
      (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 1)) (memory.copy (i32.const 0) (i32.const 0) (i32.const 1))
      (drop (i32.trunc_sat_f64_u (f64.const 1))) (drop (memory.grow (i32.const 0))) (drop (table.size 0))
      (drop (select (result funcref) (ref.null func) (table.get 0 (i32.const 0)) (i32.const 1)))
      (call_indirect (type $t) (i32.const 0))))
  )"));
}

}  // namespace
}  // namespace wattle::engine
