#include "lattice/control_client.h"

#include <algorithm>

#include "base/parse.h"
#include "lattice/names.h"
#include "lattice/revision_weights.h"
#include "nats/error.h"

namespace wattle::lattice {
namespace {

constexpr std::string_view kIsAHostRunning = "is a host running? wattle up";

// What a host refused, as the error that it was there.
Error refusal(const Reply& reply) {
  for (int code = 0; code <= static_cast<int>(ErrorCode::internal); ++code)
    if (to_string(static_cast<ErrorCode>(code)) == reply.code)
      return {static_cast<ErrorCode>(code), reply.message};
  return {ErrorCode::invalid_argument,
          reply.message.empty() ? "the host refused without a reason" : reply.message};
}

Result<Reply> read_reply(std::string_view payload) {
  WATTLE_TRY(Reply reply, parse_reply(payload));
  if (!reply.success) return failure(refusal(reply));
  return reply;
}

template <class T>
Result<T> response_of(const Reply& reply, std::string_view what) {
  if (reply.response.empty())
    return failure(ErrorCode::malformed, "the answer to {} has no response{}{}", what,
                   reply.message.empty() ? "" : ": ", reply.message);
  auto value = parse_json<T>(reply.response);
  if (!value)
    return failure(value.error().with_context(fmt::format("the answer to {} cannot be read", what)));
  return value;
}

}  // namespace

Error ControlClient::unanswered(const Error& why, std::string_view subject, std::string_view host_id) const {
  const bool nobody = nats::reason_of(why) == nats::Reason::no_responders;
  if (!nobody && why.code() != ErrorCode::deadline_exceeded)
    return why.with_context(fmt::format("asking {}", subject));
  const std::string who = host_id.empty() ? fmt::format("no host of the lattice \"{}\"", options_.lattice)
                                          : fmt::format("host {}", host_id);
  const std::string when = nobody ? "" : fmt::format(" within {}", format_duration(options_.request_timeout));
  std::string message = fmt::format("{} {}{}", who, host_id.empty() ? "answers" : "does not answer", when);
  return Error(why.code(), std::move(message), why)
      .with_remedy(host_id.empty() ? std::string(kIsAHostRunning)
                                   : fmt::format("wattle get hosts; {}", kIsAHostRunning));
}

Result<Reply> ControlClient::request(std::string_view entity, std::string_view verb,
                                     std::string_view argument, std::string_view payload,
                                     std::string_view host_id) {
  if (!argument.empty()) WATTLE_CHECK(check_id(argument, host_id.empty() ? "the name" : "the host's id"));
  const std::string subject = control_subject(options_.lattice, entity, verb, argument);
  const auto answer =
      bus_.request(subject, payload, {.headers = nullptr, .timeout = options_.request_timeout});
  if (!answer) return failure(unanswered(answer.error(), subject, host_id));
  return read_reply(answer->payload);
}

Result<std::string> ControlClient::acknowledged(std::string_view entity, std::string_view verb,
                                                std::string_view argument, std::string_view payload,
                                                std::string_view host_id) {
  WATTLE_TRY(Reply reply, request(entity, verb, argument, payload, host_id));
  return std::move(reply.message);
}

Result<std::string> ControlClient::acknowledged_by_host(std::string_view host_id, std::string_view entity,
                                                        std::string_view verb, std::string_view payload) {
  WATTLE_CHECK(check_id(host_id, "the host's id"));
  return acknowledged(entity, verb, host_id, payload, host_id);
}

template <class T>
Result<T> ControlClient::asked(std::string_view entity, std::string_view verb, std::string_view argument,
                               std::string_view host_id) {
  WATTLE_TRY(const Reply reply, request(entity, verb, argument, "", host_id));
  return response_of<T>(reply, fmt::format("{}.{}", entity, verb));
}

template <class T>
Result<std::vector<T>> ControlClient::gathered(std::string_view entity, std::string_view verb,
                                               std::string_view payload, Duration timeout) {
  const std::string subject = control_subject(options_.lattice, entity, verb);
  GatherOptions options;
  options.timeout = timeout;
  options.quiet = options_.quiet;
  const auto answers = bus_.request_many(subject, payload, options);
  if (!answers) return failure(unanswered(answers.error(), subject, ""));
  std::vector<T> values;
  for (const Message& answer : *answers) {
    WATTLE_TRY(const Reply reply, read_reply(answer.payload));
    WATTLE_TRY(T value, response_of<T>(reply, fmt::format("{}.{}", entity, verb)));
    values.push_back(std::move(value));
  }
  return values;
}

Result<std::vector<Host>> ControlClient::hosts() {
  WATTLE_TRY(auto hosts, gathered<Host>("host", "ping", "", options_.request_timeout));
  if (hosts.empty())
    return failure(
        Error(ErrorCode::unavailable, fmt::format("no host of the lattice \"{}\" answers", options_.lattice))
            .with_remedy(std::string(kIsAHostRunning)));
  std::sort(hosts.begin(), hosts.end(),
            [](const Host& left, const Host& right) { return left.id < right.id; });
  return hosts;
}

Result<HostInventory> ControlClient::inventory(std::string_view host_id) {
  WATTLE_CHECK(check_id(host_id, "the host's id"));
  return asked<HostInventory>("host", "get", host_id, host_id);
}

Result<std::string> ControlClient::stop_host(std::string_view host_id,
                                             std::optional<Duration> drain_timeout) {
  StopHost request{.host_id = std::string(host_id), .timeout_ms = {}};
  if (drain_timeout)
    request.timeout_ms =
        static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(*drain_timeout).count());
  return acknowledged_by_host(host_id, "host", "stop", to_json(request));
}

Result<std::string> ControlClient::put_label(std::string_view host_id, const Label& label) {
  return acknowledged_by_host(host_id, "label", "put", to_json(label));
}

Result<std::string> ControlClient::delete_label(std::string_view host_id, std::string_view key) {
  return acknowledged_by_host(host_id, "label", "del", to_json(LabelKey{std::string(key)}));
}

Result<std::vector<ComponentAuctionAck>> ControlClient::auction(const ComponentAuction& auction) {
  return gathered<ComponentAuctionAck>("component", "auction", to_json(auction), options_.auction_timeout);
}

Result<std::vector<ProviderAuctionAck>> ControlClient::auction(const ProviderAuction& auction) {
  return gathered<ProviderAuctionAck>("provider", "auction", to_json(auction), options_.auction_timeout);
}

Result<std::string> ControlClient::scale_component(const ScaleComponent& request) {
  return acknowledged_by_host(request.host_id, "component", "scale", to_json(request));
}

Result<std::string> ControlClient::update_component(const UpdateComponent& request) {
  return acknowledged_by_host(request.host_id, "component", "update", to_json(request));
}

Result<std::string> ControlClient::start_provider(const StartProvider& request) {
  return acknowledged_by_host(request.host_id, "provider", "start", to_json(request));
}

Result<std::string> ControlClient::stop_provider(const StopProvider& request) {
  return acknowledged_by_host(request.host_id, "provider", "stop", to_json(request));
}

Result<std::string> ControlClient::put_link(const Link& link) {
  WATTLE_CHECK(check(link));
  return acknowledged("link", "put", "", to_json(link));
}

Result<std::string> ControlClient::replace_link(const Link& link) {
  WATTLE_CHECK(check(link));
  return acknowledged("link", "replace", "", to_json(link));
}

Result<LinkCopyAck> ControlClient::copy_link(const LinkCopyRequest& copy) {
  WATTLE_TRY(const Reply reply, request("link", "copy", "", to_json(copy)));
  if (reply.response.empty()) return failure(ErrorCode::malformed, "the answer to link.copy has no response");
  return parse_link_copy_ack(reply.response);
}

Result<std::string> ControlClient::delete_link(const LinkKey& key) {
  return acknowledged("link", "del", "", to_json(key));
}

Result<std::vector<Link>> ControlClient::links() {
  return asked<std::vector<Link>>("link", "get", "");
}

Result<std::string> ControlClient::put_config(std::string_view name, const StringMap& values) {
  WATTLE_CHECK(check_id(name, "the config's name"));
  return acknowledged("config", "put", name, to_json(values));
}

Result<std::string> ControlClient::delete_config(std::string_view name) {
  WATTLE_CHECK(check_id(name, "the config's name"));
  return acknowledged("config", "del", name, "");
}

Result<StringMap> ControlClient::config(std::string_view name) {
  WATTLE_CHECK(check_id(name, "the config's name"));
  WATTLE_TRY(const Reply reply, request("config", "get", name, ""));
  if (reply.response.empty())
    return failure(Error(ErrorCode::not_found, fmt::format("there is no config \"{}\"", name))
                       .with_remedy(fmt::format("wattle config put {} KEY=VALUE", name)));
  return response_of<StringMap>(reply, "config.get");
}

Result<std::vector<StringMap>> ControlClient::claims() {
  return asked<std::vector<StringMap>>("claims", "get", "");
}

Result<std::string> ControlClient::put_weights(std::string_view id, const RevisionWeights& weights) {
  WATTLE_CHECK(check_weights(id, weights));
  return acknowledged("weights", "put", "", to_json(PutWeights{std::string(id), weights}));
}

Result<WeightTable> ControlClient::weights() {
  return asked<WeightTable>("weights", "get", "");
}

Result<std::string> ControlClient::put_registries(const RegistryCredentials& credentials) {
  return acknowledged("registry", "put", "", to_json(credentials));
}

}  // namespace wattle::lattice
