#include "lattice/spy.h"

#include <gtest/gtest.h>

namespace wattle::lattice {
namespace {

TEST(Spy, ReadsWhatItWrites) {
  const auto request = parse_spy_request(to_json(SpyRequest{.id = "shop", .to = spy_inbox("a-1")}));
  ASSERT_TRUE(request) << request.error().message();
  EXPECT_EQ(request->id, "shop");
  EXPECT_EQ(request->to, "_INBOX_WATTLE.spy-a-1");
  const SpiedCall call{.host_id = "N1",
                       .source = "web",
                       .target = "shop",
                       .interface = "a:b/c",
                       .function = "f",
                       .arguments = "(1)",
                       .result = "2",
                       .microseconds = 7};
  EXPECT_EQ(parse_spied_call(to_json(call)).value(), call);
}

TEST(Spy, RefusesWhatIsNoneOrNewer) {
  for (const char* text : {"", "{}", R"({"format":1,"id":"","to":"_INBOX_WATTLE.spy-a"})",
                           R"({"format":1,"id":"a.b","to":"_INBOX_WATTLE.spy-a"})"})
    EXPECT_FALSE(parse_spy_request(text)) << text;
  EXPECT_EQ(parse_spy_request(R"({"format":2,"id":"a","to":"_INBOX_WATTLE.spy-a"})").error().code(),
            ErrorCode::unsupported);
  EXPECT_FALSE(parse_spied_call(R"({"format":1,"host_id":"N1"})"));
}

// Nothing else may be sent calls, and nobody else hear them.
TEST(Spy, SendsToInboxesOfSpiesAlone) {
  EXPECT_TRUE(parse_spy_request(to_json(SpyRequest{.id = "shop", .to = spy_inbox(std::string(64, 'a'))})));
  for (const std::string& to :
       {std::string("wasmbus.ctl.v1.default.host.stop"), std::string("_INBOX.a"),
        std::string("_INBOX_WATTLE.a"), spy_inbox(""), spy_inbox("*"), spy_inbox(">"), spy_inbox("a.b"),
        spy_inbox("a b"), spy_inbox("a\r\nPUB x 0\r\n"), spy_inbox(std::string(65, 'a'))}) {
    const auto refused = parse_spy_request(to_json(SpyRequest{.id = "shop", .to = to}));
    ASSERT_FALSE(refused) << to;
    EXPECT_EQ(refused.error().code(), ErrorCode::invalid_argument);
  }
}

}  // namespace
}  // namespace wattle::lattice
