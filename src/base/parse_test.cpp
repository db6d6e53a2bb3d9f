#include "base/parse.h"

#include <gtest/gtest.h>

namespace wattle {
namespace {

using namespace std::chrono_literals;

TEST(ParseDuration, TakesEveryUnit) {
  EXPECT_EQ(parse_duration("250ms").value(), 250ms);
  EXPECT_EQ(parse_duration("1.5s").value(), 1500ms);
  EXPECT_EQ(parse_duration("2m").value(), 2min);
  EXPECT_EQ(parse_duration("1h").value(), 1h);
  EXPECT_EQ(parse_duration("7 us").value(), 7us);
  EXPECT_EQ(parse_duration("0").value(), 0s);
}

TEST(ParseDuration, RefusesWithARemedy) {
  for (const char* text : {"", "5", "s", "-1s", "5 parsecs", "1e400s", "nan s", "1s2", "99999999999h"}) {
    auto duration = parse_duration(text);
    ASSERT_FALSE(duration) << text;
    EXPECT_EQ(duration.error().code(), ErrorCode::invalid_argument) << text;
  }
  EXPECT_NE(parse_duration("5").error().remedy().find("5s"), std::string::npos);
}

TEST(FormatDuration, ChoosesTheUnit) {
  EXPECT_EQ(format_duration(1500ms), "1.5s");
  EXPECT_EQ(format_duration(250us), "250us");
  EXPECT_EQ(format_duration(2h), "2h");
}

TEST(ParseBytes, TakesBinaryAndDecimalUnits) {
  EXPECT_EQ(parse_bytes("64MiB").value(), 64u << 20);
  EXPECT_EQ(parse_bytes("10 MB").value(), 10'000'000u);
  EXPECT_EQ(parse_bytes("4096").value(), 4096u);
  EXPECT_EQ(parse_bytes("1.5KiB").value(), 1536u);
}

TEST(ParseBytes, RefusesWithARemedy) {
  for (const char* text : {"", "MiB", "-1", "1 mib", "1e300", "99999999TiB"})
    EXPECT_FALSE(parse_bytes(text)) << text;
}

TEST(FormatBytes, ChoosesTheUnit) {
  EXPECT_EQ(format_bytes(17), "17 B");
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(format_bytes(12u << 20), "12.0 MiB");
}

TEST(ParseMemoryQuantity, TakesWhatKubernetesTakes) {
  EXPECT_EQ(parse_memory_quantity("64Mi").value(), 64u << 20);
  EXPECT_EQ(parse_memory_quantity("1G").value(), 1'000'000'000u);
  EXPECT_EQ(parse_memory_quantity("1.5Ki").value(), 1536u);
  EXPECT_EQ(parse_memory_quantity("129e6").value(), 129'000'000u);
  EXPECT_EQ(parse_memory_quantity("0").value(), 0u);
  EXPECT_EQ(parse_memory_quantity("1024Ti").value(), kMemoryQuantityMax);
}

TEST(ParseMemoryQuantity, RefusesWithARemedy) {
  for (const char* text :
       {"", "Mi", "-1", "+1", "64 Mi", "64MiB", "64mi", "400m", "nan", "1e", "1e999", "0x10", "1025Ti"})
    EXPECT_FALSE(parse_memory_quantity(text)) << text;
  EXPECT_NE(parse_memory_quantity("64MB").error().remedy().find("64Mi"), std::string::npos);
}

TEST(ParseCpuQuantity, IsInThousandths) {
  EXPECT_EQ(parse_cpu_quantity("2").value(), 2000u);
  EXPECT_EQ(parse_cpu_quantity("0.1").value(), 100u);
  EXPECT_EQ(parse_cpu_quantity("500m").value(), 500u);
  for (const char* text : {"", "m", "-1", "0.0001", "0.5m", "1 m", "2k", "two", "1000001"})
    EXPECT_FALSE(parse_cpu_quantity(text)) << text;
  EXPECT_EQ(format_cpu_quantity(500), "500m");
  EXPECT_EQ(format_cpu_quantity(2000), "2");
}

}  // namespace
}  // namespace wattle
