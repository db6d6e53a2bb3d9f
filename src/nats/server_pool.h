// The servers that a client may connect to: those it was given, in that order, and those that servers named
// in their INFO, in an order of chance. Internal to src/nats.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "nats/url.h"

namespace wattle::nats {

struct Server {
  Url url;
  std::string tls_name;  // what its certificate must name
  bool learnt = false;
};

class ServerPool {
 public:
  static constexpr size_t kServersMax = 128;

  // Precondition: `urls` is not empty.
  explicit ServerPool(std::vector<Url> urls);

  // What `from` says its cluster consists of: learnt servers that are missing from it go, new ones come, with
  // its credentials. A learnt address is verified under the name that `from` has.
  void learn(std::span<const std::string> places, const Server& from);
  // In turn.
  const Server& next();
  size_t size() const { return servers_.size(); }

 private:
  std::vector<Server> servers_;
  size_t next_ = 0;
};

}  // namespace wattle::nats
