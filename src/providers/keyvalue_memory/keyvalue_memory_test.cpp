#include "providers/keyvalue_memory/keyvalue_memory.h"

#include <gtest/gtest.h>

#include <thread>

#include "providers/key_value_contract.h"
#include "providers/keyvalue_memory/contents.h"

namespace wattle::providers {
namespace {

struct MemoryBackend {
  static constexpr bool kHasServer = false;
  static constexpr bool kPagesExactly = true;
  std::unique_ptr<capability::ProviderFactory> factory() { return keyvalue_memory_factory(); }
  std::map<std::string, std::string> link_config() { return {}; }
};
INSTANTIATE_TYPED_TEST_SUITE_P(Memory, KeyValueContract, MemoryBackend);

TEST(KeyValueMemory, HoldsNoMoreThanItMay) {
  MemoryContents contents(10);
  EXPECT_TRUE(contents.set("b", "key", "1234567"));
  EXPECT_FALSE(contents.set("b", "k", ""));
  EXPECT_TRUE(contents.set("b", "key", "123456"));
  EXPECT_TRUE(contents.set("b", "k", ""));
  EXPECT_TRUE(contents.remove("b", "key"));
  EXPECT_TRUE(contents.set("b", "other", "1234"));
}

TEST(KeyValueMemory, ThreadsShareIt) {
  MemoryContents contents;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < 1000; ++n) EXPECT_TRUE(contents.increment("b", "n", 1));
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(*contents.get("b", "n"), "4000");
}

}  // namespace
}  // namespace wattle::providers
