#include "cli/function_name.h"

namespace wattle::cli {

Result<FunctionName> parse_function_name(std::string_view text) {
  size_t split = text.find('#');
  if (split == std::string_view::npos) split = text.find(".[");
  // A version has dots of its own; the function is what follows the last one.
  if (split == std::string_view::npos && text.find('/') != std::string_view::npos) split = text.rfind('.');
  FunctionName name;
  if (split == std::string_view::npos && text.find('/') == std::string_view::npos) {
    name.function = text;
  } else if (split != std::string_view::npos) {
    name.interface = text.substr(0, split);
    name.function = text.substr(split + 1);
  }
  // "ns:package/interface@1.0.0" alone would read as a function named "0".
  const bool is_version =
      !name.function.empty() && name.function.find_first_not_of("0123456789") == std::string::npos;
  if (name.function.empty() || is_version || (split != std::string_view::npos && name.interface.empty())) {
    return failure(
        Error(ErrorCode::invalid_argument, fmt::format("\"{}\" names no function", text))
            .with_remedy("write ns:package/interface@version.function, for example "
                         "'wattle:demo/calc@1.0.0.add'; \"wattle inspect\" lists a component's exports"));
  }
  return name;
}

}  // namespace wattle::cli
