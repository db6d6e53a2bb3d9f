#include "http/h1_parser.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace wattle::http {
namespace {

constexpr size_t kMaxChunkLineBytes = 256;
constexpr size_t kMaxExtensionBytes = 16 * 1024;  // of all chunks of one body together

tl::unexpected<ParseFailure> bad(std::string_view message, ErrorCase reason = ErrorCase::http_protocol_error,
                                 uint16_t status = 400) {
  return tl::unexpected<ParseFailure>(ParseFailure{status, reason, message});
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Cuts the next line off `rest`, without its CRLF. The scanner has seen to it that every LF follows a CR.
std::string_view next_line(std::string_view& rest) {
  const size_t end = rest.find("\r\n");
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 2);
  return line;
}

Parsed<Fields::Field> parse_field(std::string_view line) {
  if (line.front() == ' ' || line.front() == '\t')
    return bad("a field continues on a second line (obs-fold)");
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return bad("a field line without a colon");
  Fields::Field field{line.substr(0, colon), trim(line.substr(colon + 1))};
  if (!is_token(field.name)) return bad("a field name with a character that may not stand there");
  if (!is_field_value(field.value)) return bad("a field value with a control character");
  return field;
}

// Everything that decides where the message ends and whether the connection goes on.
struct Facts {
  std::optional<uint64_t> length;
  bool chunked = false;
  bool has_coding = false;
  bool close = false;
  bool keep_alive = false;
  bool expects_continue = false;
  bool has_host = false;
  std::string_view host;
};

Parsed<void> note_length(std::string_view value, Facts& facts) {
  uint64_t length = 0;
  auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), length);
  if (problem != std::errc() || end != value.data() + value.size() || length > INT64_MAX)
    return bad("Content-Length is not one decimal number");
  if (facts.length) return bad("Content-Length is given twice");
  facts.length = length;
  return {};
}

Parsed<void> note_coding(std::string_view value, Facts& facts) {
  if (facts.has_coding) return bad("Transfer-Encoding is given twice");
  facts.has_coding = true;
  if (!same_name(value, "chunked"))
    return bad("a transfer coding other than chunked", ErrorCase::http_response_transfer_coding, 501);
  facts.chunked = true;
  return {};
}

void note_connection(std::string_view value, Facts& facts) {
  while (!value.empty()) {
    const size_t comma = value.find(',');
    std::string_view option = trim(value.substr(0, comma));
    if (same_name(option, "close")) facts.close = true;
    if (same_name(option, "keep-alive")) facts.keep_alive = true;
    value.remove_prefix(comma == std::string_view::npos ? value.size() : comma + 1);
  }
}

// Whether the field was one of those that stay out of `fields`.
Parsed<bool> note_field(Fields::Field field, bool request, Facts& facts) {
  switch (field.name.size()) {
    case 4:
      if (!request || !same_name(field.name, "host")) return false;
      if (facts.has_host) return bad("Host is given twice");
      facts.has_host = true;
      facts.host = field.value;
      return true;
    case 6:
      if (!request || !same_name(field.name, "expect")) return false;
      if (!same_name(field.value, "100-continue"))
        return bad("an expectation other than 100-continue", ErrorCase::http_protocol_error, 417);
      facts.expects_continue = true;
      return true;
    case 10:
      if (same_name(field.name, "connection")) {
        note_connection(field.value, facts);
        return true;
      }
      return same_name(field.name, "keep-alive");
    case 14:
      if (!same_name(field.name, "content-length")) return false;
      if (auto noted = note_length(field.value, facts); !noted) return tl::unexpected(noted.error());
      return false;
    case 17:
      if (!same_name(field.name, "transfer-encoding")) return false;
      if (auto noted = note_coding(field.value, facts); !noted) return tl::unexpected(noted.error());
      return true;
    default:
      return is_connection_field(field.name);
  }
}

Parsed<void> parse_fields(std::string_view rest, const HeadLimits& limits, bool request, Fields& fields,
                          Facts& facts) {
  while (!rest.empty()) {
    const std::string_view line = next_line(rest);
    if (line.empty()) break;
    auto field = parse_field(line);
    if (!field) return tl::unexpected(field.error());
    auto framing = note_field(*field, request, facts);
    if (!framing) return tl::unexpected(framing.error());
    if (*framing) continue;
    if (fields.size() >= limits.fields)
      return bad("more fields than the limit allows",
                 request ? ErrorCase::http_request_header_section_size
                         : ErrorCase::http_response_header_section_size,
                 431);
    fields.append_checked(field->name, field->value);
  }
  return {};
}

Parsed<Protocol> parse_version(std::string_view text) {
  if (text == "HTTP/1.1") return Protocol::http_1_1;
  if (text == "HTTP/1.0") return Protocol::http_1_0;
  if (text.size() == 8 && text.starts_with("HTTP/") && text[6] == '.') {
    // A later minor version is to be taken as the highest that is known (RFC 9110 section 2.5).
    if (text[5] == '1' && text[7] >= '2' && text[7] <= '9') return Protocol::http_1_1;
    if (text[5] >= '0' && text[5] <= '9' && text[7] >= '0' && text[7] <= '9')
      return bad("a version of HTTP other than 1.x", ErrorCase::http_protocol_error, 505);
  }
  return bad("the first line is not that of an HTTP message");
}

// RFC 9112 section 3.2: origin-form, absolute-form, authority-form (CONNECT) and asterisk-form (OPTIONS).
Parsed<void> parse_target(std::string_view target, Request& request, bool& has_authority) {
  constexpr auto kBadTarget = ErrorCase::http_request_uri_invalid;
  has_authority = false;
  if (!is_target(target))
    return bad("the request target holds a character that may not stand there", kBadTarget);
  if (request.method == "CONNECT") {
    if (!is_authority(target)) return bad("CONNECT without HOST:PORT", kBadTarget);
    request.authority = target;
    has_authority = true;
    return {};
  }
  if (target.front() == '/') {
    request.path_with_query = target;
    return {};
  }
  if (target == "*" && request.method == "OPTIONS") {
    request.path_with_query = "*";
    return {};
  }
  size_t start = 0;
  if (target.size() > 7 && same_name(target.substr(0, 7), "http://")) start = 7;
  if (target.size() > 8 && same_name(target.substr(0, 8), "https://")) start = 8;
  if (start == 0) return bad("the request target is neither a path nor an http URI", kBadTarget);
  const size_t path = std::min(target.find_first_of("/?", start), target.size());
  const std::string_view authority = target.substr(start, path - start);
  if (authority.empty() || !is_authority(authority))
    return bad("the request target's authority is invalid", kBadTarget);
  request.authority = authority;
  has_authority = true;
  request.path_with_query.clear();
  if (path == target.size() || target[path] == '?') request.path_with_query = "/";
  request.path_with_query += target.substr(path);
  return {};
}

Parsed<void> parse_request_line(std::string_view line, const HeadLimits& limits, Request& request,
                                Protocol& protocol, bool& has_authority) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return bad("the first line is not METHOD TARGET VERSION");
  auto version = parse_version(line.substr(last + 1));
  if (!version) return tl::unexpected(version.error());
  protocol = *version;
  request.method = line.substr(0, first);
  if (!is_token(request.method))
    return bad("the method is not a token", ErrorCase::http_request_method_invalid);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  if (target.size() > limits.target_bytes)
    return bad("the request target is longer than the limit", ErrorCase::http_request_uri_too_long, 414);
  return parse_target(target, request, has_authority);
}

}  // namespace

bool is_authority(std::string_view text) {
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos || end < 3) return false;
    for (char c : text.substr(1, end - 1))
      if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' ||
            c == '.'))
        return false;
    text.remove_prefix(end + 1);
    if (text.empty()) return true;
    if (text.front() != ':') return false;
  } else {
    const size_t colon = text.find(':');
    for (char c : text.substr(0, colon)) {
      const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      if (!plain && std::string_view("-._~%!$&'()*+,;=").find(c) == std::string_view::npos) return false;
    }
    if (colon == std::string_view::npos) return true;
    text.remove_prefix(colon);
  }
  text.remove_prefix(1);
  return text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_target(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

Parsed<size_t> HeadScanner::scan(std::string_view input, const HeadLimits& limits) {
  while (scanned_ < input.size()) {
    const void* found = std::memchr(input.data() + scanned_, '\n', input.size() - scanned_);
    if (found == nullptr) {
      scanned_ = input.size();
      break;
    }
    const size_t at = static_cast<size_t>(static_cast<const char*>(found) - input.data());
    if (at == 0 || input[at - 1] != '\r') return bad("a line ends with LF alone");
    scanned_ = at + 1;
    const bool blank = at - 1 == line_start_;
    line_start_ = at + 1;
    if (blank) {
      if (scanned_ > limits.bytes) break;
      return scanned_;
    }
  }
  if (scanned_ > limits.bytes)
    return bad("the header section is larger than the limit", ErrorCase::http_request_header_section_size,
               431);
  return size_t{0};
}

Parsed<MessageFraming> parse_request_head(std::string_view head, const HeadLimits& limits, Request& request) {
  request.clear();
  MessageFraming result;
  bool has_authority = false;
  if (auto line = parse_request_line(next_line(head), limits, request, result.protocol, has_authority); !line)
    return tl::unexpected(line.error());
  Facts facts;
  if (auto fields = parse_fields(head, limits, true, request.fields, facts); !fields)
    return tl::unexpected(fields.error());

  const bool version_1_0 = result.protocol == Protocol::http_1_0;
  if (!facts.has_host && !version_1_0) return bad("an HTTP/1.1 request without Host");
  if (facts.has_host && !is_authority(facts.host)) return bad("Host is not HOST or HOST:PORT");
  if (!has_authority) request.authority = facts.host;
  if (facts.has_coding && facts.length) return bad("both Content-Length and Transfer-Encoding");
  if (facts.has_coding && version_1_0) return bad("Transfer-Encoding in an HTTP/1.0 request");
  if (facts.chunked) {
    result.framing = Framing::chunked;
  } else if (facts.length.value_or(0) > 0) {
    result.framing = Framing::length;
    result.length = *facts.length;
  }
  result.keep_alive = version_1_0 ? facts.keep_alive && !facts.close : !facts.close;
  result.expects_continue = facts.expects_continue && !version_1_0 && result.framing != Framing::none;
  return result;
}

Parsed<MessageFraming> parse_response_head(std::string_view head, const HeadLimits& limits, bool to_head,
                                           Response& response) {
  response.clear();
  MessageFraming result;
  result.response = true;
  const std::string_view line = next_line(head);
  if (line.size() < 12 || line[8] != ' ') return bad("the first line is not VERSION STATUS REASON");
  auto version = parse_version(line.substr(0, 8));
  if (!version) return tl::unexpected(version.error());
  result.protocol = *version;
  auto [end, problem] = std::from_chars(line.data() + 9, line.data() + 12, response.status);
  if (problem != std::errc() || end != line.data() + 12 || response.status < 100 ||
      (line.size() > 12 && line[12] != ' '))
    return bad("the status is not a number of three digits");
  Facts facts;
  if (auto fields = parse_fields(head, limits, false, response.fields, facts); !fields)
    return tl::unexpected(fields.error());

  const bool version_1_0 = result.protocol == Protocol::http_1_0;
  result.keep_alive = version_1_0 ? facts.keep_alive && !facts.close : !facts.close;
  if (facts.has_coding && facts.length) return bad("both Content-Length and Transfer-Encoding");
  // RFC 9112 section 6.3.
  if (to_head || response.status < 200 || response.status == 204 || response.status == 304) return result;
  if (facts.chunked) {
    result.framing = Framing::chunked;
  } else if (facts.length) {
    result.framing = *facts.length > 0 ? Framing::length : Framing::none;
    result.length = *facts.length;
  } else {
    result.framing = Framing::until_close;
    result.keep_alive = false;
  }
  return result;
}

void BodyDecoder::begin(const MessageFraming& framing, const HeadLimits& limits) {
  limits_ = limits;
  remaining_ = framing.length;
  response_ = framing.response;
  decoded_ = 0;
  extension_bytes_ = 0;
  scanner_.reset();
  trailers_.reset();
  switch (framing.framing) {
    case Framing::none:
      state_ = State::done;
      break;
    case Framing::length:
      state_ = State::length;
      break;
    case Framing::chunked:
      state_ = State::chunk_size;
      break;
    case Framing::until_close:
      state_ = State::until_close;
      break;
  }
}

Parsed<BodyDecoder::Step> BodyDecoder::next(std::span<const uint8_t> input, size_t max_data) {
  if (state_ == State::done) return Step{};
  if (input.empty()) return Step{0, {}, true};
  const std::string_view text(reinterpret_cast<const char*>(input.data()), input.size());
  switch (state_) {
    case State::chunk_size:
      return next_chunk_size(text);
    case State::trailers:
      return next_trailers(text);
    case State::chunk_end:
      if (text[0] != '\r' || (text.size() > 1 && text[1] != '\n'))
        return bad("a chunk is longer than its size says");
      if (text.size() < 2) return Step{0, {}, true};
      state_ = State::chunk_size;
      return Step{2, {}, false};
    default:
      break;
  }
  size_t count = std::min(input.size(), std::max<size_t>(max_data, 1));
  if (state_ != State::until_close) {
    count = static_cast<size_t>(std::min<uint64_t>(count, remaining_));
    remaining_ -= count;
    if (remaining_ == 0) state_ = state_ == State::length ? State::done : State::chunk_end;
  }
  decoded_ += count;
  return Step{count, input.first(count), false};
}

Parsed<BodyDecoder::Step> BodyDecoder::next_chunk_size(std::string_view input) {
  const size_t line_feed = input.substr(0, kMaxChunkLineBytes).find('\n');
  if (line_feed == std::string_view::npos) {
    if (input.size() >= kMaxChunkLineBytes) return bad("the line of a chunk's size is too long");
    return Step{0, {}, true};
  }
  if (line_feed == 0 || input[line_feed - 1] != '\r') return bad("a line ends with LF alone");
  const std::string_view line = input.substr(0, line_feed - 1);
  uint64_t size = 0;
  auto [end, problem] = std::from_chars(line.data(), line.data() + line.size(), size, 16);
  if (problem != std::errc() || size > INT64_MAX) return bad("a chunk's size is not a hexadecimal number");
  const std::string_view extension = line.substr(static_cast<size_t>(end - line.data()));
  extension_bytes_ += extension.size();
  if (!extension.empty() && !trim(extension).starts_with(';'))
    return bad("a chunk's size is followed by something else");
  if (!is_field_value(extension)) return bad("a chunk extension with a control character");
  if (extension_bytes_ > kMaxExtensionBytes) return bad("too many chunk extensions");
  remaining_ = size;
  state_ = size == 0 ? State::trailers : State::chunk_data;
  return Step{line_feed + 1, {}, false};
}

Parsed<BodyDecoder::Step> BodyDecoder::next_trailers(std::string_view input) {
  auto size = scanner_.scan(input, limits_);
  if (!size) {
    ParseFailure failure = size.error();
    if (failure.status == 431) failure.reason = trailer_size_reason();
    return tl::unexpected(failure);
  }
  if (*size == 0) return Step{0, {}, true};
  Fields fields;
  for (std::string_view rest = input.substr(0, *size); !rest.empty();) {
    const std::string_view line = next_line(rest);
    if (line.empty()) break;
    auto field = parse_field(line);
    if (!field) return tl::unexpected(field.error());
    if (is_forbidden_trailer(field->name)) continue;
    if (fields.size() >= limits_.fields)
      return bad("more trailers than the limit allows", trailer_size_reason(), 431);
    fields.append_checked(field->name, field->value);
  }
  if (!fields.empty()) trailers_ = std::move(fields);
  state_ = State::done;
  return Step{*size, {}, false};
}

Parsed<void> BodyDecoder::end_of_input() {
  if (state_ == State::until_close) state_ = State::done;
  if (state_ != State::done)
    return bad("the connection ended inside a body",
               response_ ? ErrorCase::http_response_incomplete : ErrorCase::connection_terminated);
  return {};
}

bool BodyDecoder::would_be_cut_after(uint64_t bytes) const {
  switch (state_) {
    case State::done:
    case State::until_close:
      return false;
    case State::length:
      return bytes < remaining_;
    default:
      return bytes == 0;
  }
}

std::optional<Fields> BodyDecoder::take_trailers() {
  return std::move(trailers_);
}

}  // namespace wattle::http
