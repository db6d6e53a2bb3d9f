#include "wasi/declare.h"

#include <gtest/gtest.h>

#include "wasi/add_to.h"

namespace wattle::wasi {
namespace {

TEST(DeclareTypes, ResolvesTheEmbeddedTexts) {
  runtime::Linker linker;
  add_to(linker);
  auto declared = declare_types(linker);
  EXPECT_TRUE(declared) << declared.error().full_message();
}

// What is declared and not defined would be offered, and then be missing at the call.
TEST(DeclareTypes, OffersNothingByItself) {
  runtime::Linker linker;
  ASSERT_TRUE(declare_types(linker));
  EXPECT_TRUE(linker.interfaces().empty());
}

}  // namespace
}  // namespace wattle::wasi
