#include "bindings/invocation.h"

#include <fmt/format.h>

#include <algorithm>

#include "http/client.h"

namespace wattle::bindings {

const std::string& Invocation::link_name(std::string_view interface) const {
  static const std::string kDefault = "default";
  const auto found = std::find_if(link_names_.begin(), link_names_.end(),
                                  [&](const auto& each) { return each.first == interface; });
  return found == link_names_.end() ? kDefault : found->second;
}

Result<void> Invocation::set_link_name(std::string_view interface, std::string name) {
  const auto found = std::find_if(link_names_.begin(), link_names_.end(),
                                  [&](const auto& each) { return each.first == interface; });
  if (found != link_names_.end()) {
    found->second = std::move(name);
    return {};
  }
  if (link_names_.size() >= kMaxLinkNames)
    return failure(ErrorCode::invalid_argument, "link names were set for {} interfaces, which is the most",
                   kMaxLinkNames);
  link_names_.emplace_back(interface, std::move(name));
  return {};
}

Result<OutgoingHttpLink> outgoing_http_link(runtime::Host& host) {
  constexpr std::string_view kInterface = "wasi:http/outgoing-handler";
  const Invocation& invocation = invocation_of(host);
  WATTLE_TRY(auto target, invocation.resolver().outgoing_http(kInterface, invocation.link_name(kInterface)));
  return [target = std::move(target)](const http::Request& request, std::shared_ptr<http::Body> body,
                                      const http::RequestOptions& options) {
    const async::DeadlineScope deadline(target.deadline());
    return target.capability->send(target.caller(), request, std::move(body), options);
  };
}

Error missing_link(std::string_view source, std::string_view link_name, std::string_view interface) {
  const size_t colon = interface.find(':');
  const size_t slash = interface.find('/');
  std::string command = "wattle link put --help";
  if (colon != std::string_view::npos && slash != std::string_view::npos && colon < slash) {
    command =
        fmt::format("wattle link put {} TARGET {}:{} --interface {}{}", source, interface.substr(0, colon),
                    interface.substr(colon + 1, slash - colon - 1), interface.substr(slash + 1),
                    link_name == "default" ? "" : fmt::format(" --link-name {}", link_name));
  }
  return Error(ErrorCode::not_found,
               fmt::format("\"{}\" has no link \"{}\" for \"{}\"", source, link_name, interface))
      .with_remedy(fmt::format("put one: {}", command));
}

}  // namespace wattle::bindings
