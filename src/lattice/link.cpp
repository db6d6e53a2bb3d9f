#include "lattice/link.h"

#include <algorithm>

#include "lattice/link_fields.h"
#include "lattice/names.h"
#include "wit/version.h"

namespace wattle::lattice {
namespace {

constexpr size_t kInterfacesMax = 100;
constexpr size_t kConfigsMax = 100;

Result<void> check_label(std::string_view text, std::string_view what) {
  if (text.size() <= kNameBytesMax && wit::is_label(text)) return {};
  return failure(ErrorCode::invalid_argument, "{} \"{}\" is not a name as WIT has it (\"incoming-handler\")",
                 what, text.substr(0, kNameBytesMax));
}

Result<void> check_configs(const std::vector<std::string>& names, std::string_view what) {
  if (names.size() > kConfigsMax)
    return failure(ErrorCode::invalid_argument, "{} names more than {} configs", what, kConfigsMax);
  for (size_t i = 0; i < names.size(); ++i) {
    WATTLE_CHECK(check_id(names[i], "the config's name"));
    if (std::find(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(i), names[i]) !=
        names.begin() + static_cast<std::ptrdiff_t>(i))
      return failure(ErrorCode::invalid_argument, "{} names the config \"{}\" twice", what, names[i]);
  }
  return {};
}

Result<void> check_interfaces(const std::vector<std::string>& interfaces) {
  if (interfaces.empty())
    return failure(ErrorCode::invalid_argument, "a link needs at least one interface, such as \"store\"");
  if (interfaces.size() > kInterfacesMax)
    return failure(ErrorCode::invalid_argument, "a link may have at most {} interfaces", kInterfacesMax);
  for (const std::string& interface : interfaces) WATTLE_CHECK(check_label(interface, "the interface"));
  return {};
}

}  // namespace

Result<InterfaceParts> split_interface(std::string_view interface) {
  const size_t colon = interface.find(':');
  const size_t slash = interface.find('/');
  const size_t at = std::min(interface.find('@'), interface.size());
  if (colon == std::string_view::npos || slash == std::string_view::npos || colon > slash || slash > at)
    return failure(ErrorCode::invalid_argument,
                   "\"{}\" is not an interface like \"wasi:keyvalue/store@0.2.0\"",
                   interface.substr(0, kNameBytesMax));
  InterfaceParts parts{.wit_namespace = interface.substr(0, colon),
                       .wit_package = interface.substr(colon + 1, slash - colon - 1),
                       .interface = interface.substr(slash + 1, at - slash - 1),
                       .version = interface.substr(std::min(at + 1, interface.size()))};
  WATTLE_CHECK(check_label(parts.wit_namespace, "the namespace"));
  WATTLE_CHECK(check_label(parts.wit_package, "the package"));
  WATTLE_CHECK(check_label(parts.interface, "the interface"));
  if (at < interface.size() &&
      (parts.version.empty() || wit::version_length(parts.version) != parts.version.size()))
    return failure(ErrorCode::invalid_argument, "\"{}\" in \"{}\" is no version like 0.2.0",
                   parts.version.substr(0, kNameBytesMax), interface.substr(0, kNameBytesMax));
  return parts;
}

Result<void> check(const Link& link) {
  WATTLE_CHECK(check_id(link.source_id, "the link's source"));
  WATTLE_CHECK(check_id(link.target, "the link's target"));
  WATTLE_CHECK(check_link_name(link.name));
  WATTLE_CHECK(check_label(link.wit_namespace, "the link's namespace"));
  WATTLE_CHECK(check_label(link.wit_package, "the link's package"));
  WATTLE_CHECK(check_interfaces(link.interfaces));
  WATTLE_CHECK(check_configs(link.source_config, "source_config"));
  return check_configs(link.target_config, "target_config");
}

Result<Link> parse_link(std::string_view json) {
  return read_json<Link>(json, "the link");
}

std::string to_json(const Link& link) {
  return write_json(link);
}

}  // namespace wattle::lattice
