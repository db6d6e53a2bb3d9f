#include "cli/window.h"

#include <fmt/format.h>
#include <sys/ioctl.h>

#include <algorithm>

namespace wattle::cli {
namespace {

// The beginning of a line that takes so many places.
std::string_view first_places(std::string_view line, size_t places) {
  size_t end = 0;
  for (size_t seen = 0; end < line.size(); ++end) {
    const bool begins_code_point = (static_cast<unsigned char>(line[end]) & 0xc0) != 0x80;
    if (begins_code_point && seen++ == places) break;
  }
  return line.substr(0, end);
}

std::string_view next_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

}  // namespace

Window window_of(int descriptor) {
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) != 0) return {};
  return {size.ws_row, size.ws_col};
}

std::string cut_to(const Window& window, std::string_view text) {
  if (window.rows == 0 || window.columns == 0) return std::string(text);
  const size_t lines = static_cast<size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  const size_t room = std::max<size_t>(window.rows - 1, 1);
  const size_t shown = lines <= room ? lines : room - 1;
  std::string out;
  for (size_t i = 0; i < shown; ++i) {
    if (i > 0) out += '\n';
    out += first_places(next_line(text), window.columns);
  }
  if (shown == lines) return out;
  const std::string rest = fmt::format("... {} more lines", lines - shown);
  if (shown > 0) out += '\n';
  return out.append(first_places(rest, window.columns));
}

}  // namespace wattle::cli
