// wasi:sockets/ip-name-lookup: names that the policy allows, looked up on the context's pool.
#pragma once

#include "wasi/sockets_network.h"

namespace wattle::wasi {

class ResolveAddressStream : public HostResource {
 public:
  static constexpr std::string_view kInterface = "wasi:sockets/ip-name-lookup";
  static constexpr std::string_view kName = "resolve-address-stream";

  // An address as text is its own answer. Refused: what is no name (invalid-argument), a name that the policy
  // does not allow (access-denied).
  static SocketResult<std::unique_ptr<ResolveAddressStream>> resolve(Host& host, const std::string& name);
  // would-block until the answer is there; nothing after the last address.
  SocketResult<std::optional<GuestIpAddress>> next(Host& host);
  std::unique_ptr<Pollable> subscribe() const { return std::make_unique<Pollable>(lookup_); }

 private:
  struct Lookup final : Waitable {
    bool ready() override { return done; }
    void watch(Watch& watch) override { watch.signals.push_back(&changed); }
    bool done = false;
    SocketResult<std::vector<IpAddress>> addresses;
    async::Signal changed;
  };
  explicit ResolveAddressStream(Host& host, std::string name)
      : charge_(host.resources), name_(std::move(name)), lookup_(new Lookup) {}

  Charge charge_;
  std::string name_;
  boost::intrusive_ptr<Lookup> lookup_;
  size_t next_ = 0;
};

}  // namespace wattle::wasi
