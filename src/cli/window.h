// What a terminal shows at once, for text that is drawn over itself again and again: what does not fit would
// scroll, and be there twice.
//
//   output.line(cut_to(window_of(STDOUT_FILENO), text));
#pragma once

#include <string>
#include <string_view>

namespace wattle::cli {

struct Window {
  size_t rows = 0;  // 0: not known, and nothing is cut
  size_t columns = 0;
  bool operator==(const Window&) const = default;
};

// As it is now. Not known where `descriptor` is no terminal, or one that does not say.
Window window_of(int descriptor);

// `text` without what does not fit above the line that the cursor is in afterwards: the last line then says
// how many lines are left out, and each line ends where the window does. Every code point takes one place, as
// in tables.
std::string cut_to(const Window& window, std::string_view text);

}  // namespace wattle::cli
