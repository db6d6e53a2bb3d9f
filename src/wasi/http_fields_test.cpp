#include "wasi/http_fields.h"

#include "wasi/test_support.h"

namespace wattle::wasi {
namespace {

TEST(HttpFields, GoToAnotherHostWithWhatTheyCharge) {
  Host first, second;
  {
    auto fields = std::make_unique<HttpFields>(first);
    ASSERT_TRUE(*fields->append("name", bytes_of("value")));
    const size_t charged = first.resources.bytes();
    ASSERT_GT(charged, 0u);
    EXPECT_TRUE(fields->move_to(second.resources));
    EXPECT_EQ(first.resources.bytes(), 0u);
    EXPECT_EQ(second.resources.bytes(), charged);
  }
  EXPECT_EQ(second.resources.bytes(), 0u);
}

TEST(HttpFields, StayWhereTheOtherHostHasNoRoomForThem) {
  Host first, second;
  second.resources.max_bytes = 1;
  HttpFields fields(first);
  ASSERT_TRUE(*fields.append("name", bytes_of("value")));
  EXPECT_FALSE(fields.move_to(second.resources));
  EXPECT_EQ(second.resources.bytes(), 0u);
}

}  // namespace
}  // namespace wattle::wasi
