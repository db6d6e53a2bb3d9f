// decode() as a whole: what files it refuses and how, what a decoded component says, and that hostile input
// stays cheap. The rules of the specification are judged by tests/conformance.

#include "component/decoder.h"

#include <gtest/gtest.h>

#include <chrono>

#include "component/encoder.h"

namespace wattle::component {
namespace {

using wit::Kind;
using Bytes = std::vector<uint8_t>;

Bytes bytes_of(std::string_view text) {
  return Bytes(text.begin(), text.end());
}

// A core module that exports a memory, "realloc" and functions of no use.
Bytes library_module() {
  constexpr std::string_view kModule(
      "\0asm\1\0\0\0"
      "\1\x0e\2\x60\4\x7f\x7f\x7f\x7f\1\x7f\x60\1\x7f\1\x7f"  // types: realloc, (i32) -> i32
      "\3\3\2\0\1"
      "\5\3\1\0\1"
      "\7\x1b\3\6memory\2\0\7realloc\0\0\4same\0\1"
      "\x0a\x0b\2\4\0\x41\0\x0b\4\0\x20\0\x0b",
      76);
  return bytes_of(kModule);
}

TEST(Decode, EmptyFile) {
  const auto decoded = decode({});
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code(), ErrorCode::malformed);
  EXPECT_NE(decoded.error().message().find("the file is empty"), std::string::npos);
}

TEST(Decode, TextFile) {
  const auto decoded = decode(bytes_of("  (component)"));
  ASSERT_FALSE(decoded);
  EXPECT_NE(decoded.error().message().find("WebAssembly text"), std::string::npos);
  EXPECT_NE(decoded.error().remedy().find("wasm-tools parse"), std::string::npos);
}

TEST(Decode, OtherFile) {
  const auto decoded =
      decode(bytes_of("\x7f"
                      "ELF and more"));
  ASSERT_FALSE(decoded);
  EXPECT_NE(decoded.error().message().find("not a WebAssembly binary"), std::string::npos);
}

TEST(Decode, CoreModuleHasARemedy) {
  const auto decoded = decode(library_module());
  ASSERT_FALSE(decoded);
  EXPECT_NE(decoded.error().message().find("core WebAssembly module"), std::string::npos);
  EXPECT_NE(decoded.error().remedy().find("component new"), std::string::npos);
}

TEST(Decode, EveryTruncationIsRefused) {
  InstanceTypeEncoder host;
  wit::FunctionType type;
  type.parameters = {{"p", wit::record_of({{"a", wit::primitive(Kind::string)}})}};
  host.function("f", type);
  Encoder encoder;
  encoder.core_module(library_module());
  encoder.import_instance("test:demo/host", host);
  const Bytes whole = encoder.finish();
  ASSERT_TRUE(decode(whole));
  size_t prefixes = 0;
  for (size_t length = 0; length < whole.size(); length++)
    prefixes += decode(Bytes(whole.begin(), whole.begin() + length)) ? 1 : 0;
  EXPECT_LE(prefixes, 6u);  // ends of sections
}

TEST(Decode, DefinitionsAreResolved) {
  Encoder encoder;
  const uint32_t module = encoder.core_module(library_module());
  const uint32_t instance = encoder.core_instantiate(module, {});
  const uint32_t same = encoder.alias_core_export(instance, "same", Sort::core_function);
  wit::FunctionType type;
  type.parameters = {{"p", wit::primitive(Kind::u32)}};
  type.result = wit::primitive(Kind::u32);
  encoder.export_item("same", Sort::function, encoder.lift(same, {}, type));
  const auto decoded = decode(encoder.finish());
  ASSERT_TRUE(decoded) << decoded.error().full_message();
  const Component& component = **decoded;
  ASSERT_EQ(component.modules.size(), 1u);
  EXPECT_EQ(component.modules[0].type->exports.size(), 3u);
  ASSERT_NE(component.binary, nullptr);
  EXPECT_GE(component.modules[0].bytes.data(), component.binary->data());
  const auto& lifted = std::get<CanonLift>(component.definitions.at(4));
  EXPECT_EQ(lifted.core_function, 0u);
  EXPECT_TRUE(wit::equal(*lifted.type, type));
  const auto& exported = std::get<Export>(component.definitions.at(5));
  EXPECT_EQ(exported.name, "same");
  EXPECT_TRUE(wit::equal(*exported.type->function, type));
  EXPECT_TRUE(component.later_features.empty());
}

TEST(Decode, SignaturesAreCompared) {
  Encoder encoder;
  const uint32_t instance = encoder.core_instantiate(encoder.core_module(library_module()), {});
  const uint32_t same = encoder.alias_core_export(instance, "same", Sort::core_function);
  wit::FunctionType type;
  type.parameters = {{"p", wit::primitive(Kind::u64)}};
  type.result = wit::primitive(Kind::u32);
  encoder.lift(same, {}, type);
  const auto decoded = decode(encoder.finish());
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code(), ErrorCode::invalid);
  EXPECT_NE(
      decoded.error().message().find("lowered parameter types `[I64]` do not match parameter types `[I32]`"),
      std::string::npos);
}

TEST(Decode, EveryImportOfAnInstanceTypeHasItsOwnResources) {
  InstanceTypeEncoder host;
  host.resource("blob", 0);
  Encoder encoder;
  encoder.import_instance("a", host);
  encoder.import_instance("b", host);
  const auto decoded = decode(encoder.finish());
  ASSERT_TRUE(decoded) << decoded.error().full_message();
  const auto& imports = (*decoded)->type.imports;
  EXPECT_NE(imports[0].type->instance->exports[0].type->type.resource,
            imports[1].type->instance->exports[0].type->type.resource);
}

TEST(Decode, LaterTypesAreNotedAndRefusedWhereUsed) {
  // (type (stream u8)), (type (list 0))
  const Bytes noted = bytes_of(std::string_view("\0asm\x0d\0\1\0\7\4\1\x66\1\x7d", 14));
  const auto decoded = decode(noted);
  ASSERT_TRUE(decoded) << decoded.error().full_message();
  EXPECT_TRUE((*decoded)->later_features.contains("async"));
  const Bytes used = bytes_of(std::string_view("\0asm\x0d\0\1\0\7\6\2\x66\1\x7d\x70\0", 16));
  std::set<std::string_view> features;
  const auto refused = decode(used, &features);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::unsupported);
  EXPECT_TRUE(features.contains("async"));
}

// Tuples of two of the one before: the tree has 2^n nodes.
TEST(Decode, DoublingTypesAreRefusedQuickly) {
  Encoder encoder;
  auto type = wit::primitive(Kind::string);
  for (int i = 0; i < 60; i++) type = wit::tuple_of({type, type});
  encoder.define(type);
  const auto start = std::chrono::steady_clock::now();
  const auto decoded = decode(encoder.finish());
  ASSERT_FALSE(decoded);
  EXPECT_NE(decoded.error().message().find("effective type size exceeds the limit"), std::string::npos);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
}

TEST(Decode, DeepTypesAreRefused) {
  Encoder encoder;
  auto type = wit::primitive(Kind::u8);
  for (int i = 0; i < 150; i++) type = wit::list_of(type);
  encoder.define(type);
  const auto decoded = decode(encoder.finish());
  ASSERT_FALSE(decoded);
  EXPECT_NE(decoded.error().message().find("type nesting is too deep"), std::string::npos);
}

TEST(Decode, DeepComponentsAreRefused) {
  Bytes nested = Encoder().finish();
  for (int i = 0; i < 150; i++) {
    Encoder outer;
    outer.component(nested);
    nested = outer.finish();
  }
  const auto decoded = decode(nested);
  ASSERT_FALSE(decoded);
  EXPECT_NE(decoded.error().message().find("nesting too deep"), std::string::npos);
}

// Each instance type holds the one before it: deep without being nested in the binary.
TEST(Decode, ChainsOfInstanceTypesAreRefused) {
  constexpr uint32_t kCount = 100'000;
  ByteWriter types;
  types.u32(1 + kCount);
  const auto write = [&](std::initializer_list<uint8_t> bytes) {
    for (const uint8_t byte : bytes) types.byte(byte);
  };
  write({0x42, 0x00});
  for (uint32_t i = 0; i < kCount; i++) {
    write({0x42, 0x02, 0x02, 0x03, 0x02, 0x01});  // alias outer 1 ... (type)
    types.u32(i);
    write({0x04, 0x00, 0x01, 'a', 0x05, 0x00});  // export "a" (instance (type 0))
  }
  ByteWriter whole;
  for (const uint8_t byte : {0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00}) whole.byte(byte);
  whole.section(7, types);
  const auto decoded = decode(whole.bytes());
  ASSERT_FALSE(decoded);
  EXPECT_NE(decoded.error().message().find("type nesting is too deep"), std::string::npos);
}

// Many imports of one large instance type with a resource: each gets a copy, and the sum is bounded.
TEST(Decode, ManyOpenedInstanceTypesAreBounded) {
  InstanceTypeEncoder host;
  host.resource("blob", 0);
  for (int i = 0; i < 3000; i++) {
    wit::FunctionType type;
    type.parameters = {{"p", wit::list_of(wit::borrow_of(0))}};
    host.function(fmt::format("f{}", i), type);
  }
  Encoder encoder;
  for (int i = 0; i < 900; i++) encoder.import_instance(fmt::format("i{}", i), host);
  const auto start = std::chrono::steady_clock::now();
  const auto decoded = decode(encoder.finish());
  ASSERT_FALSE(decoded);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
}

}  // namespace
}  // namespace wattle::component
