#include "wrpc/typed_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nats/test_server.h"

namespace wattle::wrpc {
enum class Colour : uint8_t { red, green, blue };
}  // namespace wattle::wrpc

template <>
inline constexpr uint32_t wattle::kCaseCount<wattle::wrpc::Colour> = 3;

namespace wattle::wrpc {
namespace {

struct Person {
  std::string name;
  uint8_t age = 0;
  std::optional<int16_t> balance;
  bool operator==(const Person&) const = default;
};
using Fields = std::vector<std::pair<std::string, std::vector<Binary>>>;
// wrpc:http/types@0.1.0 request
struct HttpRequest {
  ByteStream body;
  Future<std::optional<Fields>> trailers;
  std::variant<std::monostate, std::monostate, std::string> method;  // get, head, other
  std::optional<std::string> path_with_query;
  std::optional<std::variant<std::monostate, std::monostate, std::string>> scheme;
  std::optional<std::string> authority;
  Fields headers;
};
struct Upload {
  uint8_t number = 0;
  ByteStream body;
  Future<std::optional<std::string>> trailer;
};

std::string bytes(std::initializer_list<int> numbers) {
  std::string out;
  for (const int number : numbers) out += static_cast<char>(number);
  return out;
}

template <class T>
void golden(const T& value, const std::string& expected) {
  EXPECT_EQ(encoded(value), expected);
  const Result<T> back = decoded<T>(expected);
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_TRUE(*back == value);
  for (size_t cut = 0; cut < expected.size(); ++cut) {
    const Result<T> part = decoded<T>(std::string_view(expected).substr(0, cut));
    ASSERT_FALSE(part);
    EXPECT_TRUE(has_reason(part.error(), Reason::truncated));
  }
}

TEST(TypedCodecGolden, Scalars) {
  golden(true, bytes({1}));
  golden(uint8_t{255}, bytes({0xff}));
  golden(int8_t{-128}, bytes({0x80}));
  golden(uint16_t{65535}, bytes({0xff, 0xff, 0x03}));
  golden(int16_t{-65}, bytes({0xbf, 0x7f}));
  golden(uint32_t{624485}, bytes({0xe5, 0x8e, 0x26}));
  golden(int32_t{-123456}, bytes({0xc0, 0xbb, 0x78}));
  golden(uint64_t{128}, bytes({0x80, 0x01}));
  golden(int64_t{64}, bytes({0xc0, 0x00}));
  golden(1.5f, bytes({0, 0, 0xc0, 0x3f}));
  golden(-2.0, bytes({0, 0, 0, 0, 0, 0, 0, 0xc0}));
  golden(U'\u20ac', bytes({0xe2, 0x82, 0xac}));
}

TEST(TypedCodecGolden, TextAndLists) {
  golden(std::string("h\u00e9"), bytes({3, 'h', 0xc3, 0xa9}));
  golden(std::vector<uint8_t>{0, 255}, bytes({2, 0, 0xff}));
  golden(Binary{"\xff"}, bytes({1, 0xff}));
  golden(std::vector<uint16_t>{1, 300}, bytes({2, 1, 0xac, 0x02}));
  golden(std::vector<std::pair<std::string, bool>>{{"a", true}}, bytes({1, 1, 'a', 1}));
  EXPECT_EQ(encoded(std::string_view("ab")), bytes({2, 'a', 'b'}));
}

TEST(TypedCodecGolden, ProductsAndCases) {
  golden(Person{"Ann", 7, int16_t{-1}}, bytes({3, 'A', 'n', 'n', 7, 1, 0x7f}));
  golden(std::tuple(true, int32_t{-1}), bytes({1, 0x7f}));
  golden(std::variant<std::monostate, std::string>("x"), bytes({1, 1, 'x'}));
  golden(std::variant<std::monostate, std::string>(), bytes({0}));
  golden(Colour::blue, bytes({2}));
  golden(Flags<9>{0x101}, bytes({1, 1}));
  golden(std::optional<uint8_t>(5), bytes({1, 5}));
  golden(tl::expected<uint32_t, std::string>(300), bytes({0, 0xac, 0x02}));
  golden(tl::expected<uint32_t, std::string>(tl::unexpect, "no"), bytes({1, 2, 'n', 'o'}));
  using Nothing = tl::expected<void, std::monostate>;
  EXPECT_EQ(encoded(Nothing()), bytes({0}));
  EXPECT_EQ(encoded(Nothing(tl::unexpected(std::monostate()))), bytes({1}));
  EXPECT_TRUE(decoded<Nothing>(bytes({0}))->has_value());
  EXPECT_FALSE(decoded<Nothing>(bytes({1}))->has_value());
}

TEST(TypedCodecGolden, StreamsAndFuturesArePendingUnderTheirPaths) {
  const auto later = std::make_shared<async::Pipe>();
  Upload upload{
      7, {std::make_shared<async::Pipe>()}, Future<std::optional<std::string>>{std::nullopt, later}};
  std::string out;
  Writer writer(out);
  encode_all(writer, std::string("k"), upload);
  EXPECT_EQ(out, bytes({1, 'k', 7, 0, 0}));
  ASSERT_EQ(writer.streams.size(), 2u);
  EXPECT_EQ(to_string(writer.streams[0].path), "1.1");
  EXPECT_EQ(writer.streams[0].flow, Flow::bytes);
  EXPECT_EQ(to_string(writer.streams[1].path), "1.2");
  EXPECT_EQ(writer.streams[1].flow, Flow::raw);
  EXPECT_EQ(writer.streams[1].pipe, later);

  Reader reader(out);
  auto back = decode_all<std::string, Upload>(reader);
  ASSERT_TRUE(back) << back.error().message();
  ASSERT_EQ(reader.streams.size(), 2u);
  EXPECT_EQ(to_string(reader.streams[1].path), "1.2");
  EXPECT_EQ(reader.streams[0].pipe, std::get<1>(*back).body.pipe);
}

TEST(TypedCodecGolden, WhatIsThereCrossesWithinTheMessage) {
  Upload upload{7, {std::make_shared<async::Pipe>()}, Future<std::optional<std::string>>::ready("end")};
  const uint8_t whole[] = {'a', 'b'};
  upload.body.pipe->try_write(whole);
  upload.body.pipe->close();
  std::string out;
  Writer writer(out);
  encode_all(writer, upload);
  EXPECT_EQ(out, bytes({7, 2, 'a', 'b', 1, 1, 3, 'e', 'n', 'd'}));
  EXPECT_TRUE(writer.streams.empty());
  EXPECT_EQ(upload.body.pipe->buffered(), 2u);  // to be sent again where nobody began the call

  Reader reader(out);
  auto back = decode_all<Upload>(reader);
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_TRUE(reader.streams.empty());
  uint8_t read[3];
  EXPECT_EQ(std::get<0>(*back).body.pipe->try_read(read), 2u);
  EXPECT_TRUE(std::get<0>(*back).body.pipe->at_end());
}

TEST(TypedCodecGolden, AStreamThatIsEmptyLargeBrokenOrGoesOnIsPending) {
  const auto pending = [](auto fill) {
    auto pipe = std::make_shared<async::Pipe>();
    fill(*pipe);
    std::string out;
    Writer writer(out);
    encode_all(writer, ByteStream{pipe});
    return out == bytes({0}) && writer.streams.size() == 1;
  };
  const std::vector<uint8_t> large(kInlineStreamBytesMax + 1);
  const std::span<const uint8_t> most(large.data(), kInlineStreamBytesMax);
  EXPECT_TRUE(pending([](async::Pipe& pipe) { pipe.close(); }));
  EXPECT_TRUE(pending([&](async::Pipe& pipe) { pipe.try_write(most); }));
  EXPECT_TRUE(pending([&](async::Pipe& pipe) { pipe.try_write(large), pipe.close(); }));
  EXPECT_TRUE(pending([&](async::Pipe& pipe) {
    pipe.try_write(most);
    pipe.abort(Error(ErrorCode::io, "the disk is gone"));
  }));
  EXPECT_FALSE(pending([&](async::Pipe& pipe) { pipe.try_write(most), pipe.close(); }));
}

TEST(TypedCodecGolden, ARequestOfHttp) {
  HttpRequest request;
  request.body.pipe = std::make_shared<async::Pipe>();
  request.trailers = Future<std::optional<Fields>>::ready(std::nullopt);
  request.path_with_query = "/a";
  request.headers = {{"x", {Binary{"1"}, Binary{"2"}}}};
  std::string out;
  Writer writer(out);
  encode_all(writer, request);
  EXPECT_EQ(out, bytes({0, 1, 0, 0, 1, 2, '/', 'a', 0, 0, 1, 1, 'x', 2, 1, '1', 1, '2'}));
  ASSERT_EQ(writer.streams.size(), 1u);
  EXPECT_EQ(to_string(writer.streams[0].path), "0.0");
  Reader reader(out);
  const auto back = decode_all<HttpRequest>(reader);
  ASSERT_TRUE(back);
  EXPECT_EQ(std::get<0>(*back).headers, request.headers);

  // A result adds nothing to a path.
  std::string answer;
  Writer second(answer);
  encode_all(second, tl::expected<std::tuple<ByteStream, uint16_t>, std::monostate>(
                         std::tuple(ByteStream{request.body}, uint16_t{200})));
  EXPECT_EQ(answer, bytes({0, 0, 0xc8, 0x01}));
  EXPECT_EQ(to_string(second.streams.at(0).path), "0.0");
}

TEST(TypedCodec, AFutureIsWhatComesThroughItsPipe) {
  nats::run_test([](async::Worker&) {
    const std::string pending = bytes({0});
    Reader reader(pending);
    auto future = Code<Future<uint16_t>>::decode(reader);
    ASSERT_TRUE(future);
    const uint8_t later[] = {0xac, 0x02};
    reader.streams[0].pipe->try_write(later);
    reader.streams[0].pipe->close();
    EXPECT_EQ(future->get().value(), 300);
    EXPECT_EQ(decoded<Future<uint16_t>>(bytes({1, 0xac, 0x02}))->get().value(), 300);
  });
}

TEST(TypedCodec, RefusesWhatIsNoneOfTheType) {
  EXPECT_FALSE(decoded<Colour>(bytes({3})));
  EXPECT_FALSE(decoded<std::string>(bytes({1, 0xff})));
  EXPECT_FALSE((decoded<std::variant<bool, bool>>(bytes({2, 0}))));
  EXPECT_FALSE(decoded<uint8_t>(bytes({1, 1})));
  EXPECT_EQ(decoded<std::vector<std::monostate>>(bytes({0xff, 0xff, 0xff, 0xff, 0x0f})).error().code(),
            ErrorCode::memory_exceeded);
}

}  // namespace
}  // namespace wattle::wrpc
