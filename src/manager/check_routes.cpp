// Of check(): two HTTP routes to one place. What a route is, src/providers/http_server decides: by address,
// host name and path. Configs that somebody else puts are not known here, and routes with them are not
// judged.

#include <algorithm>
#include <charconv>
#include <set>

#include "lattice/json_fields.h"
#include "manager/check.h"

namespace wattle::manager {
namespace {

constexpr std::string_view kHttpServer = "builtin://http-server";
constexpr std::string_view kDefaultAddress = "0.0.0.0:8000";

struct Route {
  const Application* application;
  const Part* server;
  const Link* link;
  std::string server_id;
  std::string ip;  // empty: every one
  uint32_t port = 0;
  std::string host;
  std::string path;
  std::string certificate;
};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

// Keys in lower case, those of config_json among them; later configs go before earlier ones. False: they are
// not all known.
bool merge(const std::vector<Config>& configs, StringMap& values) {
  for (const Config& config : configs) {
    if (!config.values) return false;
    for (const auto& [key, value] : *config.values) {
      if (lower(key) == "config_b64") return false;
      if (lower(key) != "config_json") continue;
      const auto json = lattice::parse_object(value, "config_json");
      if (!json) return false;
      for (const auto& [name, inner] : *json)
        values.insert_or_assign(
            lower(name), inner.is_string() ? std::string(inner.get_string()) : boost::json::serialize(inner));
    }
    for (const auto& [key, value] : *config.values) values.insert_or_assign(lower(key), value);
  }
  return true;
}

std::string_view find(const StringMap& values, const std::string& key) {
  const auto found = values.find(key);
  return found == values.end() ? std::string_view() : std::string_view(found->second);
}

bool set_address(Route& route, std::string_view address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view port = address.substr(colon + 1);
  const auto [end, fault] = std::from_chars(port.data(), port.data() + port.size(), route.port);
  if (fault != std::errc() || end != port.data() + port.size() || route.port > 65535) return false;
  route.ip = address.substr(0, colon);
  if (route.ip == "0.0.0.0" || route.ip == "[::]" || route.ip == "::") route.ip.clear();
  return true;
}

// The declaration of a shared server, where its application is known.
std::pair<const Application*, const Part*> declaration(const Application& application, const Part& part,
                                                       Applications all) {
  if (!part.shared) return {&application, &part};
  for (const Application* other : all)
    if (other->name == part.shared->application)
      if (const Part* declared = find_part(*other, part.shared->part)) return {other, declared};
  return {nullptr, nullptr};
}

std::vector<Route> routes_of(const Application& application, Applications all) {
  std::vector<Route> routes;
  for (const Link& link : application.links) {
    const Part* part = find_part(application, link.source);
    if (part == nullptr || link.wit_package != "http" || link.wit_namespace != "wasi") continue;
    const auto [owner, server] = declaration(application, *part, all);
    if (server == nullptr || server->reference != kHttpServer) continue;
    StringMap provider, values;
    if (!merge(server->configs, provider) || !merge(link.source_configs, values)) continue;
    Route route{&application, server, &link, server->id, {}, 0, {}, {}, {}};
    std::string address(find(values, "address"));
    if (address.empty() && !find(values, "port").empty())
      address = fmt::format("0.0.0.0:{}", find(values, "port"));
    if (address.empty()) address = find(provider, "address");
    if (address.empty()) address = find(provider, "default_address");
    if (!set_address(route, address.empty() ? kDefaultAddress : address)) continue;  // told when it is linked
    route.host = lower(find(values, "host"));
    route.path = find(values, "path");
    while (route.path.ends_with('/')) route.path.pop_back();
    values.insert(provider.begin(), provider.end());  // of what the link does not say
    route.certificate = find(values, "tls_cert_file");
    routes.push_back(std::move(route));
  }
  return routes;
}

bool may_share_host(const Part& a, const Part& b) {
  const auto spreads = [](const Part& part) {
    return part.scaling && !part.scaling->spreads.empty() ? part.scaling->spreads
                                                          : std::vector<Spread>{Spread{}};
  };
  for (const Spread& one : spreads(a))
    for (const Spread& other : spreads(b))
      if (may_overlap(one, other)) return true;
  return false;
}

std::string where(const Route& route) {
  return fmt::format("{}:{}{}{}", route.ip.empty() ? "0.0.0.0" : route.ip, route.port,
                     route.host.empty() ? "" : fmt::format(" for the host {}", route.host),
                     route.path.empty() ? "" : fmt::format(" under {}", route.path));
}

std::string whose(const Route& route, const Route& other) {
  if (route.application == other.application)
    return fmt::format("the link in line {} to {}", other.link->place.line, in_quotes(other.link->target));
  return fmt::format("the application {}", in_quotes(other.application->name));
}

// Whether the two cannot be together, which is told. `told`: what was said already, since every alias of an
// application is a route.
bool conflict(const Route& route, const Route& other, std::set<std::string>& told, Problems& problems) {
  if (route.port != other.port || route.port == 0) return false;
  if (route.ip != other.ip && !route.ip.empty() && !other.ip.empty()) return false;
  std::string message, remedy;
  if (route.server_id != other.server_id || route.ip != other.ip) {
    if (!may_share_host(*route.server, *other.server)) return false;
    message = fmt::format("the port {} is that of {} too, by another {}", route.port, whose(route, other),
                          route.server_id != other.server_id ? "HTTP server" : "address");
    remedy = "take another port, share one HTTP server, or keep them on different hosts by labels";
  } else if (route.certificate != other.certificate) {
    message = fmt::format("{} has another certificate in {}", where(route), whose(route, other));
    remedy = "an address has one certificate; take another port";
  } else if (route.host == other.host && route.path == other.path) {
    message = fmt::format("{} is routed by {} already", where(route), whose(route, other));
    remedy = "give this link another path, host or address";
  } else {
    return false;
  }
  if (told.insert(message).second) problems.error(route.link->place, std::move(message), std::move(remedy));
  return true;
}

}  // namespace

void check_routes(const Application& application, Applications others, Problems& problems) {
  std::vector<const Application*> all{&application};
  for (const Application* other : others)
    if (other->name != application.name) all.push_back(other);
  const auto routes = routes_of(application, all);
  std::set<std::string> told;
  // The first conflict of each is enough to act on.
  for (size_t i = 0; i < routes.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (conflict(routes[i], routes[j], told, problems)) break;
  if (routes.empty()) return;
  for (const Application* other : std::span(all).subspan(1))
    for (const Route& theirs : routes_of(*other, all))
      for (const Route& route : routes)
        if (conflict(route, theirs, told, problems)) break;
}

}  // namespace wattle::manager
