#include "lattice/authorize.h"

#include <set>

namespace wattle::lattice {
namespace {

// The command that would put the link, with TARGET where it is not known.
std::string remedy(std::string_view source, std::string_view link_name, std::string_view interface,
                   std::string_view target) {
  const auto parts = split_interface(interface);
  if (!parts) return "wattle link put";
  // Links are declared on wasi's names.
  const bool wire =
      parts->wit_namespace == "wrpc" &&
      (parts->wit_package == "keyvalue" || parts->wit_package == "blobstore" || parts->wit_package == "http");
  std::string command =
      fmt::format("wattle link put {} {} {}:{} --interface {}", source, target.empty() ? "TARGET" : target,
                  wire ? "wasi" : parts->wit_namespace, parts->wit_package, parts->interface);
  if (!link_name.empty() && link_name != "default") command += fmt::format(" --link-name {}", link_name);
  return command;
}

// ", only \"orders\" and \"sessions\"": the names under which the source has links for the interface's
// package.
std::string other_names(const LinkTable& table, std::string_view source, std::string_view interface) {
  std::set<std::string> names;
  for (const LinkTable::Entry* entry : table.of_source(source))
    if (interface.starts_with(fmt::format("{}:{}/", entry->link.wit_namespace, entry->link.wit_package)))
      names.insert(entry->link.name);
  if (names.empty()) return {};
  std::string text;
  for (const std::string& name : names) text += fmt::format("{}\"{}\"", text.empty() ? "" : ", ", name);
  return fmt::format(" (its links for that package are named {})", text);
}

tl::unexpected<Error> no_link(const LinkTable& table, std::string_view source, std::string_view link_name,
                              std::string_view interface, std::string_view function,
                              std::string_view target) {
  const bool at_callee = !target.empty();
  std::string message =
      link_name.empty()
          ? fmt::format("\"{}\" has no link to \"{}\" for {}, which calling {} needs", source, target,
                        interface, function)
          : fmt::format("\"{}\" has no link \"{}\"{} for {}, which calling {} needs{}", source, link_name,
                        at_callee ? fmt::format(" to \"{}\"", target) : "", interface, function,
                        at_callee ? "" : other_names(table, source, interface));
  return failure(Error(at_callee ? ErrorCode::permission_denied : ErrorCode::not_found, std::move(message))
                     .with_remedy(remedy(source, link_name, interface, target)));
}

}  // namespace

Result<const LinkTable::Entry*> authorize(const LinkTable& table, std::string_view source,
                                          std::string_view link_name, std::string_view interface,
                                          std::string_view function, std::string_view target) {
  const LinkTable::Entry* entry = link_name.empty() ? table.find_between(source, target, interface)
                                  : target.empty()  ? table.find(source, link_name, interface)
                                                    : table.find_to(source, link_name, target, interface);
  if (entry == nullptr) return no_link(table, source, link_name, interface, function, target);
  return entry;
}

}  // namespace wattle::lattice
