#include "nats/parser.h"

#include <gtest/gtest.h>

#include "nats/json.h"
#include "nats/message.h"
#include "nats/server_pool.h"
#include "nats/subject.h"

namespace wattle::nats {
namespace {

Operation parse_one(std::string_view input) {
  Parser parser;
  Operation operation;
  EXPECT_EQ(parser.next(input, operation), Parser::Step::operation) << parser.problem();
  EXPECT_EQ(operation.bytes, input.size());
  return operation;
}

std::string problem_of(std::string_view input, ParserLimits limits = {}) {
  Parser parser(limits);
  Operation operation;
  EXPECT_EQ(parser.next(input, operation), Parser::Step::malformed);
  EXPECT_EQ(parser.next(input, operation), Parser::Step::malformed);  // and stays so
  return parser.problem();
}

TEST(Parser, ReadsEachOperation) {
  EXPECT_EQ(parse_one("PING\r\n").kind, Operation::Kind::ping);
  EXPECT_EQ(parse_one("pong\r\n").kind, Operation::Kind::pong);
  EXPECT_EQ(parse_one("+OK\r\n").kind, Operation::Kind::ok);
  EXPECT_EQ(parse_one("-ERR 'Unknown Protocol Operation'\r\n").text, "Unknown Protocol Operation");
  EXPECT_EQ(parse_one("INFO {\"a\":1} \r\n").text, "{\"a\":1}");
  const Operation plain = parse_one("MSG greet.ann 7 5\r\nhello\r\n");
  EXPECT_EQ(plain.subject, "greet.ann");
  EXPECT_EQ(plain.subscription, 7u);
  EXPECT_EQ(plain.payload, "hello");
  EXPECT_TRUE(plain.reply.empty());
  EXPECT_EQ(parse_one("MSG\tgreet  7 inbox.1 0\r\n\r\n").reply, "inbox.1");
  const Operation with_headers = parse_one("HMSG a 1 b 21 23\r\nNATS/1.0\r\nName: v\r\n\r\nhi\r\n");
  EXPECT_EQ(with_headers.headers, "NATS/1.0\r\nName: v\r\n\r\n");
  EXPECT_EQ(with_headers.payload, "hi");
  EXPECT_EQ(with_headers.reply, "b");
}

TEST(Parser, TakesBytesOneByOne) {
  const std::string input = "MSG a 1 12\r\nwith\r\nbreaks\r\nPING\r\n";
  Parser parser;
  Operation operation;
  std::string have;
  std::vector<Operation::Kind> kinds;
  for (char byte : input) {
    have += byte;
    if (parser.next(have, operation) != Parser::Step::operation) continue;
    kinds.push_back(operation.kind);
    have.erase(0, operation.bytes);
  }
  EXPECT_TRUE(have.empty());
  EXPECT_EQ(kinds, (std::vector{Operation::Kind::message, Operation::Kind::ping}));
}

TEST(Parser, SaysHowMuchAMessageStillNeeds) {
  Parser parser;
  Operation operation;
  EXPECT_EQ(parser.next("MSG a 1 100\r\nx", operation), Parser::Step::more);
  EXPECT_EQ(parser.wanted_bytes(), 13u + 100 + 2);
}

TEST(Parser, RefusesWhatIsNotNats) {
  EXPECT_NE(problem_of("HTTP/1.1 400 Bad Request\r\n").find("HTTP/1.1 400"), std::string::npos);
  problem_of("MSG a 1\r\n");
  problem_of("MSG a 1 b c 5\r\n");
  problem_of("MSG a b c d e f 5\r\n");
  problem_of("MSG a x 5\r\nhello\r\n");
  problem_of("MSG a 1 -5\r\nhello\r\n");
  problem_of("MSG a 1 99999999999999999999\r\n");
  problem_of("MSG a 1 5\r\nhello!\r\n");
  problem_of("HMSG a 1 9 5\r\nhello\r\n");
  problem_of("MSG a 1 11\r\n", {.message_bytes = 10});
  problem_of(std::string(33, 'x'), {.line_bytes = 32});
}

TEST(Headers, ReadsStatusAndFields) {
  const Headers none = Headers::parse("NATS/1.0 503\r\n\r\n");
  EXPECT_EQ(none.status(), 503);
  const Headers idle = Headers::parse("NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 8\r\n\r\n");
  EXPECT_EQ(idle.status(), 100);
  EXPECT_EQ(idle.description(), "Idle Heartbeat");
  EXPECT_EQ(idle.find("Nats-Last-Consumer"), "8");
  EXPECT_FALSE(idle.find("nats-last-consumer"));
}

TEST(Headers, ComeBackAsTheyWereWritten) {
  Headers headers{{"one", "1"}, {"one", "again"}};
  headers.set("two", "a: b");
  std::string block;
  ASSERT_TRUE(headers.append_to(block));
  EXPECT_EQ(Headers::parse(block).fields(), headers.fields());
}

TEST(Headers, RefusesWhatWouldBreakTheBlock) {
  std::string block;
  EXPECT_FALSE((Headers{{"a\r\nb", "c"}}.append_to(block)));
  EXPECT_FALSE((Headers{{"", "c"}}.append_to(block)));
  EXPECT_FALSE((Headers{{"a", "c\r\nInjected: yes"}}.append_to(block)));
}

TEST(Headers, LeavesOutWhatIsNone) {
  EXPECT_TRUE(Headers::parse("nonsense").empty());
  EXPECT_EQ(Headers::parse("NATS/1.0\r\nno colon\r\n: no name\r\na:b\r\n").fields().size(), 1u);
}

TEST(Subject, ChecksWordsAndWildcards) {
  for (const char* fine : {"a", "a.b.c", "$KV.x.y", "a*.b", "a.b>"}) EXPECT_TRUE(check_subject(fine)) << fine;
  for (const char* bad : {"", ".", "a.", ".a", "a..b", "a b", "a\tb", "a.*", ">", "a\r\nPUB b"})
    EXPECT_FALSE(check_subject(bad)) << bad;
  EXPECT_TRUE(check_pattern("a.*.>"));
  EXPECT_FALSE(check_pattern("a.>.b"));
  EXPECT_FALSE(check_subject(std::string(kSubjectBytesMax + 1, 'a')));
}

TEST(Subject, MatchesPatterns) {
  EXPECT_TRUE(matches("a.*.c", "a.b.c"));
  EXPECT_TRUE(matches("a.>", "a.b.c"));
  EXPECT_FALSE(matches("a.>", "a"));
  EXPECT_FALSE(matches("a.*", "a.b.c"));
  EXPECT_FALSE(matches("a.b", "a.c"));
}

TEST(Url, ReadsPlacesAndCredentials) {
  const auto urls = parse_urls("nats://ann:p%40ss@db.example:4333, tls://[::1], token@10.0.0.1").value();
  ASSERT_EQ(urls.size(), 3u);
  EXPECT_EQ(urls[0].host, "db.example");
  EXPECT_EQ(urls[0].port, 4333);
  EXPECT_EQ(urls[0].user, "ann");
  EXPECT_EQ(urls[0].password, "p@ss");
  EXPECT_EQ(urls[0].text(), "nats://db.example:4333");
  EXPECT_TRUE(urls[1].tls);
  EXPECT_EQ(urls[1].text(), "tls://[::1]:4222");
  EXPECT_EQ(urls[2].token, "token");
}

TEST(Url, RefusesWithoutShowingCredentials) {
  for (const char* bad : {"http://ann:secret@host", "nats://ann:secret@", "nats://ann:secret@host:0",
                          "nats://ann:secret@host:99999", "nats://ann:secret@[::1", "nats://ann:secret@h/x",
                          "nats://ann:secret@h\"x"}) {
    const auto urls = parse_urls(bad);
    ASSERT_FALSE(urls) << bad;
    EXPECT_EQ(urls.error().message().find("secret"), std::string::npos) << urls.error().message();
  }
}

TEST(ServerPool, LearnsAndForgets) {
  ServerPool pool(parse_urls("tls://ann:x@db.example:4222").value());
  const Server first = pool.next();
  pool.learn(std::vector<std::string>{"10.0.0.1:4222", "10.0.0.2:4222", "db.example:4222"}, first);
  EXPECT_EQ(pool.size(), 3u);
  Server learnt = pool.next();
  if (!learnt.learnt) learnt = pool.next();
  EXPECT_EQ(learnt.tls_name, "db.example");
  EXPECT_EQ(learnt.url.user, "ann");
  EXPECT_TRUE(learnt.url.tls);
  pool.learn(std::vector<std::string>{"10.0.0.2:4222"}, first);
  EXPECT_EQ(pool.size(), 2u);
}

TEST(Json, ReadsTimesAsGoWritesThem) {
  EXPECT_EQ(json::parse_time("1970-01-01T00:00:01.5Z"), 1'500'000'000);
  EXPECT_EQ(json::parse_time("2024-02-29T12:00:00.123456789+01:00"), 1'709'204'400'123'456'789);
  for (const char* bad :
       {"", "yesterday", "2024-13-01T00:00:00Z", "2024-01-01T00:00:00", "9999-01-01T00:00:00Z"})
    EXPECT_EQ(json::parse_time(bad), 0) << bad;
}

}  // namespace
}  // namespace wattle::nats
