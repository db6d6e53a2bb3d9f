#include "nats/message.h"

#include <algorithm>
#include <charconv>

namespace wattle::nats {
namespace {

constexpr size_t kFieldsMax = 1024;
constexpr std::string_view kVersion = "NATS/1.0";

std::string_view trim(std::string_view text) {
  const auto space = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  return text;
}

// Takes the next line off `block`, without its end.
std::string_view take_line(std::string_view& block) {
  const size_t end = block.find("\r\n");
  const std::string_view line = block.substr(0, end);
  block.remove_prefix(end == std::string_view::npos ? block.size() : end + 2);
  return line;
}

bool is_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) { return c > ' ' && c < 0x7f && c != ':'; });
}

}  // namespace

Headers Headers::parse(std::string_view block) {
  Headers headers;
  std::string_view first = take_line(block);
  if (!first.starts_with(kVersion)) return headers;
  first = trim(first.substr(kVersion.size()));
  if (!first.empty()) {
    const auto [end, problem] = std::from_chars(first.data(), first.data() + first.size(), headers.status_);
    if (problem != std::errc() || headers.status_ < 0) headers.status_ = 0;
    headers.description_ = trim(first.substr(static_cast<size_t>(end - first.data())));
  }
  while (!block.empty() && headers.fields_.size() < kFieldsMax) {
    const std::string_view line = take_line(block);
    const size_t colon = line.find(':');
    if (colon == 0 || colon == std::string_view::npos) continue;
    headers.add(line.substr(0, colon), trim(line.substr(colon + 1)));
  }
  return headers;
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
  for (const auto& field : fields_)
    if (field.first == name) return field.second;
  return std::nullopt;
}

void Headers::set(std::string_view name, std::string_view value) {
  std::erase_if(fields_, [&](const auto& field) { return field.first == name; });
  add(name, value);
}

Result<void> Headers::append_to(std::string& out) const {
  out += kVersion;
  out += "\r\n";
  for (const auto& [name, value] : fields_) {
    if (!is_name(name))
      return failure(ErrorCode::invalid_argument, "\"{}\" cannot be the name of a NATS header", name);
    if (value.find_first_of("\r\n") != std::string::npos)
      return failure(ErrorCode::invalid_argument, "the value of the NATS header \"{}\" holds a line break",
                     name);
    out.append(name).append(": ").append(value).append("\r\n");
  }
  out += "\r\n";
  return {};
}

}  // namespace wattle::nats
