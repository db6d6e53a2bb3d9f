#include "providers/http_server/routes.h"

#include <algorithm>
#include <functional>

namespace wattle::providers::http_server {
namespace {

std::string place(const Settings& settings) {
  return fmt::format("{}{}{}", settings.address, settings.host.empty() ? "" : " host " + settings.host,
                     settings.path.empty() ? "" : " path " + settings.path);
}

}  // namespace

void Routes::Paths::set_lengths() {
  lengths.clear();
  for (const auto& entry : by_prefix) lengths.push_back(entry.first.size());
  std::sort(lengths.begin(), lengths.end(), std::greater<>());
  lengths.erase(std::unique(lengths.begin(), lengths.end()), lengths.end());
}

std::shared_ptr<const Route> Routes::Paths::find(std::string_view path) const {
  for (const size_t length : lengths) {
    if (length > path.size() || (length < path.size() && path[length] != '/')) continue;
    if (const auto found = by_prefix.find(path.substr(0, length)); found != by_prefix.end())
      return found->second;
  }
  // What begins with no "/" ("*") belongs to who serves everything.
  const auto all = by_prefix.find(std::string_view());
  return all == by_prefix.end() ? nullptr : all->second;
}

Result<void> Routes::add(std::shared_ptr<const Route> route) {
  Paths& paths = hosts_[route->settings.host];
  auto& slot = paths.by_prefix[route->settings.path];
  if (slot && slot->link_name != route->link_name)
    return failure(
        Error(
            ErrorCode::already_exists,
            fmt::format("{} is routed to \"{}\" (link \"{}\") already, so it cannot be routed to \"{}\" too",
                        place(route->settings), slot->target, slot->link_name, route->target))
            .with_remedy("give this link another path, host or address, or delete the other link"));
  if (!slot) ++count_;
  slot = std::move(route);
  paths.set_lengths();
  return {};
}

void Routes::remove(const Route& route) {
  const auto paths = hosts_.find(route.settings.host);
  if (paths == hosts_.end()) return;
  const auto found = paths->second.by_prefix.find(route.settings.path);
  if (found == paths->second.by_prefix.end() || found->second->link_name != route.link_name) return;
  paths->second.by_prefix.erase(found);
  --count_;
  if (paths->second.by_prefix.empty()) {
    hosts_.erase(paths);
  } else {
    paths->second.set_lengths();
  }
}

std::shared_ptr<const Route> Routes::find(std::string_view authority,
                                          std::string_view path_with_query) const {
  const std::string_view path = path_with_query.substr(0, path_with_query.find('?'));
  if (hosts_.size() > 1 || !hosts_.contains(std::string_view())) {
    if (const auto paths = hosts_.find(host_name(authority)); paths != hosts_.end())
      if (auto route = paths->second.find(path)) return route;
  }
  const auto any = hosts_.find(std::string_view());
  return any == hosts_.end() ? nullptr : any->second.find(path);
}

}  // namespace wattle::providers::http_server
