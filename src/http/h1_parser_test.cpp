#include "http/h1_parser.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace wattle::http {
namespace {

// The status that a request is refused with; 0 when it parses.
int refusal(std::string_view text, const HeadLimits& limits = {}) {
  HeadScanner scanner;
  auto size = scanner.scan(text, limits);
  if (!size) return size.error().status;
  if (*size == 0) return -1;
  Request request;
  auto framing = parse_request_head(text.substr(0, *size), limits, request);
  return framing ? 0 : framing.error().status;
}

Request parsed(std::string_view text) {
  Request request;
  auto framing = parse_request_head(text, HeadLimits{}, request);
  EXPECT_TRUE(framing) << (framing ? "" : framing.error().message);
  return request;
}

TEST(RequestHead, TakesOriginFormApart) {
  Request request = parsed("GET /a?b=c HTTP/1.1\r\nHost: h:8\r\nX-Y:  z \r\nConnection: x\r\n\r\n");
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.path_with_query, "/a?b=c");
  EXPECT_EQ(request.authority, "h:8");
  ASSERT_EQ(request.fields.size(), 1u);
  EXPECT_EQ(request.fields.get("x-y"), "z");
}

TEST(RequestHead, AuthorityOfAbsoluteFormWins) {
  Request request = parsed("GET http://real?q HTTP/1.1\r\nHost: other\r\n\r\n");
  EXPECT_EQ(request.authority, "real");
  EXPECT_EQ(request.path_with_query, "/?q");
}

TEST(RequestHead, RefusesWhatTwoParsersCouldReadDifferently) {
  const std::string_view kBad[] = {
      "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: \r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551616\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\nContent-Length : 1\r\n\r\n",
      "GET / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\n A: b\r\n\r\n",
      "GET / HTTP/1.1\nHost: h\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\nA: b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\nnocolon\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\n: v\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: user@h\r\n\r\n",
      "GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET / HTTP/1.1 \r\nHost: h\r\n\r\n",
      "GET / http/1.1\r\nHost: h\r\n\r\n",
      "G(T / HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET nopath HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET * HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET http:///x HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET /\x80 HTTP/1.1\r\nHost: h\r\n\r\n",
  };
  for (std::string_view text : kBad) EXPECT_EQ(refusal(text), 400) << text;
  EXPECT_EQ(refusal(std::string_view("GET / HTTP/1.1\r\nHost: h\r\nA: b\0c\r\n\r\n", 38)), 400);
}

TEST(RequestHead, RefusesWithTheStatusOfTheReason) {
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"), 501);
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, identity\r\n\r\n"), 501);
  EXPECT_EQ(refusal("GET / HTTP/2.0\r\nHost: h\r\n\r\n"), 505);
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nHost: h\r\nExpect: 200-ok\r\n\r\n"), 417);
  HeadLimits limits;
  limits.bytes = 100;
  limits.fields = 2;
  limits.target_bytes = 10;
  EXPECT_EQ(refusal("GET /" + std::string(10, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n", limits), 414);
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nHost: h\r\nA: " + std::string(100, 'a'), limits), 431);
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nHost: h\r\na:\r\nb:\r\nc:\r\n\r\n", limits), 431);
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nHost: h\r\na:\r\nb:\r\n\r\n", limits), 0);
}

TEST(RequestHead, ScannerFindsTheEndByteByByte) {
  const std::string text = "GET / HTTP/1.1\r\nHost: h\r\n\r\nrest";
  HeadScanner scanner;
  for (size_t i = 1; i < text.size() - 4; ++i) EXPECT_EQ(scanner.scan(text.substr(0, i), {}).value(), 0u);
  EXPECT_EQ(scanner.scan(text, {}).value(), text.size() - 4);
}

TEST(RequestHead, KeepAliveFollowsVersionAndConnection) {
  Request request;
  const auto keeps = [&](std::string_view text) {
    return parse_request_head(text, {}, request).value().keep_alive;
  };
  EXPECT_TRUE(keeps("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.1\r\nHost: h\r\nConnection: a, Close\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(keeps("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
}

TEST(ResponseHead, FramesByRequestStatusAndFields) {
  Response response;
  const auto framing = [&](std::string_view text, bool to_head) {
    return parse_response_head(text, {}, to_head, response).value().framing;
  };
  EXPECT_EQ(framing("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", false), Framing::length);
  EXPECT_EQ(framing("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", true), Framing::none);
  EXPECT_EQ(framing("HTTP/1.1 304 \r\nContent-Length: 3\r\n\r\n", false), Framing::none);
  EXPECT_EQ(framing("HTTP/1.1 204 No Content\r\n\r\n", false), Framing::none);
  EXPECT_EQ(framing("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n", false), Framing::chunked);
  EXPECT_EQ(framing("HTTP/1.0 200 OK\r\n\r\n", false), Framing::until_close);
  for (const char* bad :
       {"HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000\r\n\r\n", "HTTP/1.1  200\r\n\r\n", "ICY 200 OK\r\n\r\n"})
    EXPECT_FALSE(parse_response_head(bad, {}, false, response)) << bad;
}

// Decodes `text` in pieces of `piece` bytes; the refusal's message in front when it is refused.
std::string decoded(std::string_view text, size_t piece, std::optional<Fields>* trailers = nullptr) {
  BodyDecoder decoder;
  decoder.begin({Framing::chunked}, HeadLimits{.bytes = 200});
  std::string out, input;
  while (!decoder.done()) {
    auto step = decoder.next(as_bytes(input), piece);
    if (!step) return "refused";
    out.append(reinterpret_cast<const char*>(step->data.data()), step->data.size());
    input.erase(0, step->consumed);
    if (!step->more_input) continue;
    if (text.empty()) return decoder.end_of_input() ? "ended" : "cut";
    input += text.substr(0, piece);
    text.remove_prefix(std::min(piece, text.size()));
  }
  if (trailers != nullptr) *trailers = decoder.take_trailers();
  return out + (input + std::string(text) == "next" ? "" : "?");
}

TEST(Chunks, DecodesInPiecesOfEverySize) {
  const std::string_view text = "5\r\nhello\r\nA;x=y\r\n 123456789\r\n0\r\nT: v\r\nHost: no\r\n\r\nnext";
  for (size_t piece = 1; piece <= text.size(); ++piece) {
    std::optional<Fields> trailers;
    EXPECT_EQ(decoded(text, piece, &trailers).substr(0, 15), "hello 123456789") << piece;
    ASSERT_TRUE(trailers);
    EXPECT_EQ(trailers->get("t"), "v");
    EXPECT_FALSE(trailers->has("host"));
  }
}

TEST(Chunks, RefusesBadFraming) {
  const std::string_view kBad[] = {
      "5\nhello\r\n0\r\n\r\n",
      "5\r\nhello!\r\n0\r\n\r\n",
      "5\r\nhello\n0\r\n\r\n",
      "g\r\n",
      "\r\n",
      "-5\r\nhello\r\n",
      "0x5\r\nhello\r\n",
      " 5\r\nhello\r\n",
      "5 \r\nh",
      "5;a\x01\r\nhello\r\n",
      "8000000000000000\r\n",
      "10000000000000000\r\n",
      "0\r\nT : v\r\n\r\n",
      "0\r\nT: v\n\r\n",
      "0\r\n continued\r\n\r\n",
  };
  for (std::string_view text : kBad) EXPECT_EQ(decoded(text, 1000), "refused") << text;
  EXPECT_EQ(decoded("5;" + std::string(300, 'x'), 1000), "refused");
  EXPECT_EQ(decoded("0\r\nT: " + std::string(300, 'x'), 1000), "refused");
  EXPECT_EQ(decoded("5\r\nhel", 1000), "cut");
}

}  // namespace
}  // namespace wattle::http
