#include "http/message.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace wattle::http {

void Request::clear() {
  method.clear();
  scheme.clear();
  authority.clear();
  path_with_query.clear();
  fields.clear();
}

void Response::clear() {
  status = 200;
  fields.clear();
}

std::shared_ptr<Body> reading_end(std::shared_ptr<Body> body) {
  Body* raw = body.get();
  return std::shared_ptr<Body>(raw, [body = std::move(body)](Body* self) { self->pipe.stop_reading(); });
}

std::shared_ptr<Body> writing_end(std::shared_ptr<Body> body) {
  Body* raw = body.get();
  return std::shared_ptr<Body>(raw, [body = std::move(body)](Body* self) {
    self->pipe.abort(http_error(ErrorCase::connection_terminated, "the body was dropped before its end"));
  });
}

BodyEnds make_body(size_t capacity_bytes) {
  auto body = std::make_shared<Body>(capacity_bytes);
  return {reading_end(body), writing_end(body)};
}

std::shared_ptr<Body> body_of(std::span<const uint8_t> bytes) {
  auto body = std::make_shared<Body>(std::max<size_t>(bytes.size(), 1));
  body->pipe.try_write(bytes);
  body->pipe.close();
  body->content_length = bytes.size();
  return body;
}

std::optional<uint64_t> content_length_of(const Fields& fields) {
  const auto text = fields.get("content-length");
  if (!text) return std::nullopt;
  uint64_t length = 0;
  auto [end, problem] = std::from_chars(text->data(), text->data() + text->size(), length);
  if (problem != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return length;
}

Result<std::string> read_all(Body& body, size_t limit_bytes) {
  std::string text;
  std::array<uint8_t, 16 * 1024> buffer;
  for (;;) {
    WATTLE_TRY(const size_t count, body.pipe.read_some(buffer));
    if (count == 0) return text;
    if (count > limit_bytes - text.size())
      return failure(ErrorCode::invalid, "a body of more than {} bytes", limit_bytes);
    text.append(reinterpret_cast<const char*>(buffer.data()), count);
  }
}

std::string_view reason_phrase(uint16_t status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 103:
      return "Early Hints";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

}  // namespace wattle::http
