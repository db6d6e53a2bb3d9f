// What the host functions of this folder know of the invocation that they serve: through which link a call
// goes, and what that leads to. Attached to the instance's Host, also while the instance is made, since start
// functions may call too:
//
//   Invocation invocation(resolver);
//   instance.host().attach(invocation);
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "capability/outgoing_http.h"
#include "runtime/host.h"

namespace wattle::bindings {

// What a link leads to, kept for the call: the link may be put to something else meanwhile.
template <class Capability>
struct Target {
  std::shared_ptr<Capability> capability;
  std::string source_id;  // the caller, as the provider knows it
  std::string link_name;
  std::optional<Duration> timeout{};  // of a call, as the link says
  capability::Caller caller() const { return {source_id, link_name}; }
  // Of a call that begins now.
  TimePoint deadline() const { return timeout ? Clock::now() + *timeout : kNever; }
};

using Config = std::map<std::string, std::string>;

// wasi:logging/logging.level
enum class LogLevel : uint8_t { trace, debug, info, warn, error, critical };

// Finds what one component may reach. `interface` comes without version: "wasi:keyvalue/atomics". A refusal
// reaches the component as the interface's own error, so its message names source, link, interface and what
// to do: see missing_link().
class CapabilityResolver {
 public:
  virtual ~CapabilityResolver() = default;
  virtual Result<Target<capability::KeyValue>> key_value(std::string_view interface,
                                                         std::string_view link_name) = 0;
  virtual Result<Target<capability::Blobstore>> blobstore(std::string_view interface,
                                                          std::string_view link_name) = 0;
  virtual Result<Target<capability::Messaging>> messaging(std::string_view interface,
                                                          std::string_view link_name) = 0;
  virtual Result<Target<capability::Postgres>> postgres(std::string_view interface,
                                                        std::string_view link_name) = 0;
  virtual Result<Target<capability::OutgoingHttp>> outgoing_http(std::string_view interface,
                                                                 std::string_view link_name) = 0;
  // The secrets that the component was given, by the names that it knows them by.
  virtual Result<Target<capability::Secrets>> secrets() = 0;
  // The component's configuration, as of now; never null.
  virtual std::shared_ptr<const Config> config() = 0;
  virtual void log(LogLevel level, std::string_view context, std::string_view message) = 0;
};

class Invocation {
 public:
  // `resolver` outlives the invocation.
  explicit Invocation(CapabilityResolver& resolver) : resolver_(resolver) {}
  Invocation(const Invocation&) = delete;
  Invocation& operator=(const Invocation&) = delete;

  CapabilityResolver& resolver() const { return resolver_; }
  // Of the links that calls of `interface` (without version) go through: "default" until it is set.
  const std::string& link_name(std::string_view interface) const;
  // Every call begins with the default ones.
  void forget_link_names() { link_names_.clear(); }
  // Refused (invalid_argument): more interfaces than kMaxLinkNames.
  Result<void> set_link_name(std::string_view interface, std::string name);

 private:
  static constexpr size_t kMaxLinkNames = 1000;
  CapabilityResolver& resolver_;
  std::vector<std::pair<std::string, std::string>> link_names_;  // by interface; few
};

// The invocation that a host function serves.
inline Invocation& invocation_of(runtime::Host& host) {
  return host.state<Invocation>();
}

// What sends the requests of the invocation that `host` is attached to: wasi::Context::http_link for
// components whose outgoing HTTP goes along links.
using OutgoingHttpLink = std::function<Result<http::ClientResponse>(
    const http::Request& request, std::shared_ptr<http::Body> body, const http::RequestOptions& options)>;
Result<OutgoingHttpLink> outgoing_http_link(runtime::Host& host);

// not_found: `source` has no link of that name for `interface`; with the command that puts one.
Error missing_link(std::string_view source, std::string_view link_name, std::string_view interface);

}  // namespace wattle::bindings
