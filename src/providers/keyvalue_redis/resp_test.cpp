#include "providers/keyvalue_redis/resp.h"

#include <gtest/gtest.h>

namespace wattle::providers::redis {
namespace {

TEST(Resp, ReadsEveryKind) {
  Reply reply;
  const std::string_view input = "*6\r\n+OK\r\n-ERR no\r\n:-7\r\n$4\r\na\r\nb\r\n$-1\r\n*1\r\n*-1\r\n+next";
  auto read = read_reply(input, reply);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->bytes, input.size() - 5);
  ASSERT_EQ(reply.items.size(), 6u);
  EXPECT_EQ(reply.items[0].text, "OK");
  EXPECT_EQ(reply.items[1].kind, Reply::Kind::error);
  EXPECT_EQ(reply.items[2].integer, -7);
  EXPECT_EQ(reply.items[3].text, "a\r\nb");
  EXPECT_EQ(reply.items[4].kind, Reply::Kind::null);
  EXPECT_EQ(reply.items[5].items[0].kind, Reply::Kind::null);
}

TEST(Resp, WaitsForTheRest) {
  const std::string_view input = "*2\r\n$5\r\nhello\r\n:1\r\n";
  for (size_t size = 0; size < input.size(); ++size) {
    Reply reply;
    auto read = read_reply(input.substr(0, size), reply);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->bytes, 0u);
    EXPECT_GT(read->needed_bytes, size);
    EXPECT_LE(read->needed_bytes, input.size());
  }
}

TEST(Resp, RefusesWhatIsNone) {
  for (const std::string_view input :
       {"\r\n", "?x\r\n", ":1x\r\n", "$-2\r\n", "$3\r\nabcd\r\n", "*-2\r\n", "$99999999999999999999\r\n",
        "*9999999999\r\n", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"}) {
    Reply reply;
    EXPECT_FALSE(read_reply(input, reply)) << input;
  }
}

TEST(Resp, WritesCommands) {
  std::string out;
  const std::string_view words[] = {"SET", "", "a\r\nb"};
  append_command(out, words);
  EXPECT_EQ(out, "*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\na\r\nb\r\n");
}

}  // namespace
}  // namespace wattle::providers::redis
