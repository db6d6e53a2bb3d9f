#include "providers/blobstore_s3/xml.h"

#include <charconv>
#include <cstdint>

namespace wattle::providers::s3 {
namespace {

void append_utf8(std::string& out, uint32_t point) {
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xc0 | point >> 6);
    out += static_cast<char>(0x80 | (point & 63));
  } else if (point < 0x10000) {
    out += static_cast<char>(0xe0 | point >> 12);
    out += static_cast<char>(0x80 | (point >> 6 & 63));
    out += static_cast<char>(0x80 | (point & 63));
  } else if (point < 0x110000) {
    out += static_cast<char>(0xf0 | point >> 18);
    out += static_cast<char>(0x80 | (point >> 12 & 63));
    out += static_cast<char>(0x80 | (point >> 6 & 63));
    out += static_cast<char>(0x80 | (point & 63));
  }
}

// False: no entity that it knows.
bool append_entity(std::string& out, std::string_view name) {
  if (name == "amp") {
    out += '&';
  } else if (name == "lt") {
    out += '<';
  } else if (name == "gt") {
    out += '>';
  } else if (name == "quot") {
    out += '"';
  } else if (name == "apos") {
    out += '\'';
  } else if (name.starts_with('#')) {
    name.remove_prefix(1);
    const int base = name.starts_with('x') ? 16 : 10;
    if (base == 16) name.remove_prefix(1);
    uint32_t point = 0;
    const auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), point, base);
    if (problem != std::errc() || end != name.data() + name.size() || name.empty()) return false;
    append_utf8(out, point);
  } else {
    return false;
  }
  return true;
}

}  // namespace

std::vector<std::string_view> elements(std::string_view xml, std::string_view name) {
  std::vector<std::string_view> found;
  const std::string open = "<" + std::string(name);
  const std::string close = "</" + std::string(name) + ">";
  for (size_t at = xml.find(open); at != std::string_view::npos; at = xml.find(open, at)) {
    at += open.size();
    if (at >= xml.size()) break;
    const char next = xml[at];
    if (next != '>' && next != ' ' && next != '/') continue;  // another name that begins so
    const size_t begin = xml.find('>', at);
    if (begin == std::string_view::npos) break;
    if (xml[begin - 1] == '/') {
      found.emplace_back();
      at = begin;
      continue;
    }
    const size_t end = xml.find(close, begin);
    if (end == std::string_view::npos) break;
    found.push_back(xml.substr(begin + 1, end - begin - 1));
    at = end + close.size();
  }
  return found;
}

std::optional<std::string> element_text(std::string_view xml, std::string_view name) {
  const auto found = elements(xml, name);
  if (found.empty()) return std::nullopt;
  return plain_text(found.front());
}

std::string plain_text(std::string_view xml) {
  std::string text;
  for (size_t i = 0; i < xml.size(); ++i) {
    const size_t end = xml[i] == '&' ? xml.find(';', i) : std::string_view::npos;
    if (end != std::string_view::npos && append_entity(text, xml.substr(i + 1, end - i - 1))) {
      i = end;
    } else {
      text += xml[i];
    }
  }
  return text;
}

std::string xml_text(std::string_view text) {
  std::string xml;
  for (const char c : text) {
    if (c == '&') {
      xml += "&amp;";
    } else if (c == '<') {
      xml += "&lt;";
    } else if (c == '>') {
      xml += "&gt;";
    } else {
      xml += c;
    }
  }
  return xml;
}

}  // namespace wattle::providers::s3
