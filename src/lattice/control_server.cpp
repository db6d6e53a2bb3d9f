#include "lattice/control_server.h"

#include <array>

#include "lattice/names.h"

namespace wattle::lattice {
namespace {

using Answer = std::optional<Reply>;

// A request on its way: whose, what about, and what it holds.
struct Request {
  ControlHandler& handler;
  std::string_view host_id;   // ours
  std::string_view argument;  // the subject's last word
  std::string_view payload;
};

Answer refused(const Error& error) {
  return Reply::refused(error);
}

Answer acknowledged(const Result<Ack>& result) {
  return result ? Reply::ok(result->message) : Reply::refused(result.error());
}

template <class T>
Answer answered(const Result<T>& result) {
  return result ? Reply::ok("", to_json(*result)) : Reply::refused(result.error());
}

// Asks `function` with the payload's value.
template <class T>
Answer ask(const Request& request, Result<Ack> (ControlHandler::*function)(const T&)) {
  const auto value = parse_json<T>(request.payload);
  return value ? acknowledged((request.handler.*function)(*value)) : refused(value.error());
}

// The same for what is meant for one host: its id is in the subject, in the payload, or in both.
template <class T>
Answer ask_host(const Request& request, Result<Ack> (ControlHandler::*function)(const T&)) {
  const auto value = parse_json<T>(request.payload);
  const bool for_us = value && value->host_id == request.host_id;
  // Every host hears a subject without an id, and only the one that is meant answers.
  if (request.argument.empty()) return for_us ? acknowledged((request.handler.*function)(*value)) : Answer();
  if (!value) return refused(value.error());
  if (!value->host_id.empty() && !for_us)
    return refused(Error(ErrorCode::invalid_argument,
                         fmt::format("the request was sent to host {} and names host \"{}\" as its host_id",
                                     request.host_id, value->host_id)));
  return acknowledged((request.handler.*function)(*value));
}

template <class T>
Answer bid(const Request& request) {
  const auto auction = parse_json<T>(request.payload);
  if (!auction) return refused(auction.error());
  const auto ack = request.handler.bid(*auction);
  if (!ack) return refused(ack.error());
  if (!*ack) return {};
  return Reply::ok("", to_json(**ack));
}

Answer get_config(const Request& request) {
  const auto config = request.handler.config(std::string(request.argument));
  if (!config) return refused(config.error());
  if (!*config) return Reply::ok("Configuration not found");
  return Reply::ok("", to_json(**config));
}

Answer put_config(const Request& request) {
  if (auto name = check_id(request.argument, "the config's name"); !name) return refused(name.error());
  const auto values = parse_json<StringMap>(request.payload);
  if (!values) return refused(values.error());
  return acknowledged(request.handler.put_config(std::string(request.argument), *values));
}

Answer put_link(const Request& request) {
  const auto link = parse_link(request.payload);
  return link ? acknowledged(request.handler.put_link(*link)) : refused(link.error());
}

Answer replace_link(const Request& request) {
  const auto link = parse_link(request.payload);
  return link ? acknowledged(request.handler.replace_link(*link)) : refused(link.error());
}

Answer copy_link(const Request& request) {
  const auto wanted = parse_link_copy(request.payload);
  return wanted ? answered(request.handler.copy_link(*wanted)) : refused(wanted.error());
}

enum class Argument : uint8_t {
  none,
  host,           // our id
  optional_host,  // also without
  name,
};

struct Command {
  std::string_view entity;
  std::string_view verb;
  Argument argument;
  Answer (*run)(const Request&);
};

using H = ControlHandler;
constexpr std::array kCommands{
    Command{"host", "ping", Argument::none,
            [](const Request& r) { return answered(r.handler.describe_host()); }},
    Command{"host", "get", Argument::host, [](const Request& r) { return answered(r.handler.inventory()); }},
    Command{"host", "stop", Argument::host, [](const Request& r) { return ask_host(r, &H::stop_host); }},
    Command{"component", "auction", Argument::none, &bid<ComponentAuction>},
    Command{"component", "scale", Argument::optional_host,
            [](const Request& r) { return ask_host(r, &H::scale_component); }},
    Command{"component", "update", Argument::optional_host,
            [](const Request& r) { return ask_host(r, &H::update_component); }},
    Command{"provider", "auction", Argument::none, &bid<ProviderAuction>},
    Command{"provider", "start", Argument::optional_host,
            [](const Request& r) { return ask_host(r, &H::start_provider); }},
    Command{"provider", "stop", Argument::optional_host,
            [](const Request& r) { return ask_host(r, &H::stop_provider); }},
    Command{"label", "put", Argument::host, [](const Request& r) { return ask(r, &H::put_label); }},
    Command{"label", "del", Argument::host, [](const Request& r) { return ask(r, &H::delete_label); }},
    Command{"link", "put", Argument::none, &put_link},
    Command{"link", "replace", Argument::none, &replace_link},
    Command{"link", "copy", Argument::none, &copy_link},
    Command{"link", "del", Argument::none, [](const Request& r) { return ask(r, &H::delete_link); }},
    Command{"link", "get", Argument::none, [](const Request& r) { return answered(r.handler.links()); }},
    Command{"config", "put", Argument::name, &put_config},
    Command{"config", "get", Argument::name, &get_config},
    Command{"config", "del", Argument::name,
            [](const Request& r) { return acknowledged(r.handler.delete_config(std::string(r.argument))); }},
    Command{"claims", "get", Argument::none, [](const Request& r) { return answered(r.handler.claims()); }},
    Command{"weights", "put", Argument::none, [](const Request& r) { return ask(r, &H::put_weights); }},
    Command{"weights", "get", Argument::none, [](const Request& r) { return answered(r.handler.weights()); }},
    Command{"registry", "put", Argument::none, [](const Request& r) { return ask(r, &H::put_registries); }},
};

bool fits(const Command& command, const ControlSubject& subject, std::string_view host_id) {
  if (command.entity != subject.entity || command.verb != subject.verb) return false;
  switch (command.argument) {
    case Argument::none:
      return subject.argument.empty();
    case Argument::host:
      return subject.argument == host_id;
    case Argument::optional_host:
      return subject.argument.empty() || subject.argument == host_id;
    case Argument::name:
      return !subject.argument.empty();
  }
  return false;
}

// The trace that the request belongs to.
Headers trace_of(const Message& request) {
  Headers headers;
  for (const std::string_view name : {"traceparent", "tracestate"})
    if (const auto value = request.headers.find(name)) headers.add(name, *value);
  return headers;
}

}  // namespace

std::optional<Reply> answer_control_request(ControlHandler& handler, std::string_view lattice,
                                            std::string_view host_id, std::string_view subject,
                                            std::string_view payload) {
  if (const auto parts = parse_control_subject(lattice, subject))
    for (const Command& command : kCommands)
      if (fits(command, *parts, host_id)) return command.run({handler, host_id, parts->argument, payload});
  return Reply{false, "unsupported subject", {}, std::string(to_string(ErrorCode::unsupported))};
}

Result<std::unique_ptr<ControlServer>> ControlServer::start(Bus& bus, ControlHandler& handler,
                                                            ControlServerOptions options) {
  WATTLE_CHECK(check_lattice(options.lattice));
  WATTLE_CHECK(check_id(options.host_id, "the host's id"));
  std::unique_ptr<ControlServer> server(new ControlServer(bus, handler, std::move(options)));
  const ControlServerOptions& chosen = server->options_;
  for (const std::string_view words : {"link.*", "claims.get", "config.>", "weights.*"})
    WATTLE_CHECK(server->subscribe(words, true));
  for (const std::string_view words : {"registry.put", "host.ping", "component.scale", "component.update",
                                       "provider.start", "provider.stop"})
    WATTLE_CHECK(server->subscribe(words, false));
  for (const std::string_view entity : {"component", "provider", "label", "host"})
    WATTLE_CHECK(server->subscribe(fmt::format("{}.*.{}", entity, chosen.host_id), false));
  if (chosen.component_auctions) WATTLE_CHECK(server->subscribe("component.auction", false));
  if (chosen.provider_auctions) WATTLE_CHECK(server->subscribe("provider.auction", false));
  // From here on who asks is heard.
  WATTLE_CHECK(bus.flush());
  return server;
}

Result<void> ControlServer::subscribe(std::string_view words, bool queued) {
  const std::string prefix = control_prefix(options_.lattice);
  SubscribeOptions options;
  // One host of the lattice answers: the queue group is named after the entity.
  if (queued) options.queue_group = fmt::format("{}.{}", prefix, words.substr(0, words.find('.')));
  options.fibers_max = options_.fibers_max;
  options.pending_messages_max = options_.waiting_max;
  WATTLE_TRY(auto subscription, bus_.subscribe(fmt::format("{}.{}", prefix, words), std::move(options),
                                               [this](const Message& message) {
                                                 ++serving_;
                                                 serve(message);
                                                 --serving_;
                                                 served_.notify();
                                               }));
  subscriptions_.push_back(std::move(subscription));
  return {};
}

Result<void> ControlServer::drain() {
  Result<void> drained;
  for (auto& subscription : subscriptions_)
    if (auto one = subscription->drain(); !one && drained) drained = std::move(one);
  subscriptions_.clear();
  const async::MaskScope mask;
  while (serving_ > 0) (void)served_.wait();
  return drained;
}

void ControlServer::serve(const Message& message) {
  const async::DeadlineScope deadline(Clock::now() + options_.deadline);
  const std::optional<Reply> reply =
      answer_control_request(handler_, options_.lattice, options_.host_id, message.subject, message.payload);
  if (!reply || message.reply.empty()) return;
  std::string json = to_json(*reply);
  if (json.size() > bus_.max_payload_bytes())
    json = to_json(Reply::refused(
        Error(ErrorCode::unsupported,
              fmt::format("the answer has {} bytes, and the bus carries at most {} in one message",
                          json.size(), bus_.max_payload_bytes()))
            .with_remedy("raise max_payload of nats-server")));
  const Headers trace = trace_of(message);
  // Whoever asked waits at most until its deadline.
  (void)bus_.publish(message.reply, json, {.reply = {}, .headers = &trace});
}

}  // namespace wattle::lattice
