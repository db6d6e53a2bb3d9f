// Which link a request on one port belongs to: by host name, then by the longest path prefix at a segment's
// end. A route for a host goes before those for any host.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "providers/http_server/settings.h"

namespace wattle::providers::http_server {

struct Route {
  std::string target;  // component
  std::string link_name;
  Settings settings;
};

class Routes {
 public:
  // Refused (already_exists): host and path are another link's, which the message names.
  Result<void> add(std::shared_ptr<const Route> route);
  void remove(const Route& route);
  bool empty() const { return count_ == 0; }

  // Null: nobody's. `authority` as the request has it, with or without port.
  std::shared_ptr<const Route> find(std::string_view authority, std::string_view path_with_query) const;

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  template <class T>
  using ByText = std::unordered_map<std::string, T, Hash, std::equal_to<>>;
  struct Paths {
    ByText<std::shared_ptr<const Route>> by_prefix;
    std::vector<size_t> lengths;  // of the prefixes, each once, longest first
    void set_lengths();
    std::shared_ptr<const Route> find(std::string_view path) const;
  };

  ByText<Paths> hosts_;  // "" holds the routes for any host
  size_t count_ = 0;
};

}  // namespace wattle::providers::http_server
