#include "http/h1_writer.h"

#include <array>
#include <charconv>

namespace wattle::http {

void append_number(std::string& out, uint64_t number) {
  std::array<char, 24> text;
  auto [end, problem] = std::to_chars(text.data(), text.data() + text.size(), number);
  (void)problem;
  out.append(text.data(), end);
}

void append_status_line(std::string& out, uint16_t status) {
  if (status == 200) {
    out.append("HTTP/1.1 200 OK\r\n");
    return;
  }
  out.append("HTTP/1.1 ");
  append_number(out, status);
  out.append(" ").append(reason_phrase(status)).append("\r\n");
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

bool append_fields(std::string& out, const Fields& fields) {
  bool has_date = false;
  for (auto field : fields) {
    switch (field.name.size()) {
      case 4:
        if (same_name(field.name, "date")) has_date = true;
        if (same_name(field.name, "host")) continue;
        break;
      case 14:
        if (same_name(field.name, "content-length")) continue;
        break;
      default:
        break;
    }
    if (!is_connection_field(field.name)) append_field(out, field.name, field.value);
  }
  return has_date;
}

void append_last_chunk(std::string& out, const std::optional<Fields>& trailers) {
  out.append("0\r\n");
  if (trailers) {
    for (auto field : *trailers)
      if (!is_forbidden_trailer(field.name)) append_field(out, field.name, field.value);
  }
  out.append("\r\n");
}

void append_chunk(std::string& out, std::span<const uint8_t> bytes) {
  std::array<char, 24> text;
  auto [end, problem] = std::to_chars(text.data(), text.data() + text.size(), bytes.size(), 16);
  (void)problem;
  out.append(text.data(), end).append("\r\n");
  out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size()).append("\r\n");
}

}  // namespace wattle::http
