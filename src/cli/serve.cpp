// wattle serve: an HTTP component behind a port: a host's data side with the http-server provider and one
// link, without a lattice.

#include <algorithm>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <thread>

#include "base/parse.h"
#include "cli/load.h"
#include "cli/sandbox.h"
#include "cli/session.h"
#include "host/data_plane.h"
#include "providers/http_server/http_server.h"
#include "telemetry/log.h"

namespace wattle::cli {
namespace {

constexpr Duration kDefaultTimeout = std::chrono::seconds(30);

struct ServeOptions {
  std::string path;
  std::string address = "127.0.0.1:8000";
  std::string tls_certificate, tls_key;
  uint32_t workers = 0;
  uint32_t max_instances = 128;
  uint32_t max_queue = 1024;
  uint32_t max_connections = 10'000;
  std::string max_body;
  std::string drain_timeout = "10s";
  bool reuse = false;
  Grants grants;
  Limits limits{.timeout = "30s", .cpu_time = "", .max_memory = ""};
};

// What the options come to.
struct Plan {
  host::ComponentSpec component;
  lattice::ConfigTable configs;
  lattice::Link route;
  Duration drain_time{};
};

constexpr const char* kComponentId = "component";
constexpr const char* kServerId = "http-server";
constexpr const char* kServerConfig = "http-server";
constexpr const char* kRouteConfig = "route";

Result<lattice::ConfigTable> make_configs(const ServeOptions& options, Duration timeout, uint32_t workers) {
  lattice::ConfigTable configs;
  auto& server = configs[kServerConfig];
  server["max_connections"] = std::to_string((options.max_connections + workers - 1) / workers);
  if (!options.max_body.empty()) {
    auto bytes = parse_bytes(options.max_body);
    if (!bytes) return failure(about_option("--max-body", bytes.error()));
    server["max_body_bytes"] = std::to_string(*bytes);
  }
  if (options.tls_certificate.empty() != options.tls_key.empty())
    return failure(Error(ErrorCode::invalid_argument, "--tls-cert and --tls-key belong together")
                       .with_remedy("give the certificate chain and its key, both as PEM files"));
  auto& route = configs[kRouteConfig];
  route["address"] = options.address;
  route["timeout_ms"] =
      std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count());
  if (!options.tls_certificate.empty()) {
    route["tls_cert_file"] = options.tls_certificate;
    route["tls_priv_key_file"] = options.tls_key;
  }
  return configs;
}

Result<Plan> make_plan(const ServeOptions& options, uint32_t workers) {
  WATTLE_TRY(auto limits, options.limits.parse());
  Plan plan;
  const Duration timeout = limits.timeout.value_or(kDefaultTimeout);
  WATTLE_TRY(plan.configs, make_configs(options, timeout, workers));
  auto drain_time = parse_duration(options.drain_timeout);
  if (!drain_time) return failure(about_option("--drain-timeout", drain_time.error()));
  plan.drain_time = *drain_time;
  plan.route = {.source_id = kServerId,
                .target = kComponentId,
                .wit_namespace = "wasi",
                .wit_package = "http",
                .interfaces = {"incoming-handler"},
                .source_config = {kRouteConfig}};
  plan.component = {.id = kComponentId,
                    .max_instances = options.max_instances,
                    .max_queue = options.max_queue,
                    .pristine = !options.reuse,
                    .limits = {.max_memory_bytes = limits.max_memory_bytes,
                               .max_execution_time = timeout,
                               .cpu_time = limits.cpu_time}};
  WATTLE_TRY(plan.component.component,
             load_component(options.path, {.max_memory_bytes = limits.max_memory_bytes}));
  return plan;
}

void announce(const ServeOptions& options, const std::string& address, const Output& output) {
  const std::string url = fmt::format("{}://{}", options.tls_certificate.empty() ? "http" : "https", address);
  if (output.json()) {
    output.line(fmt::format(R"({{"serving":{},"url":{}}})", json_string(options.path), json_string(url)));
  } else {
    output.line(fmt::format("serving {} on {}", options.path, url));
  }
}

// On a fiber.
Result<void> begin(host::DataPlane& plane, const Plan& plan) {
  auto refused = plane.set_configs(std::make_shared<const lattice::ConfigTable>(plan.configs));
  if (!refused.empty()) return failure(std::move(refused.front().reason));
  WATTLE_CHECK(plane.put_component(plan.component));
  if (!plane.serves_http(plan.component.id))
    return failure(Error(ErrorCode::not_found,
                         "this component serves no HTTP: it does not export wasi:http/incoming-handler")
                       .with_remedy("run it if it exports wasi:cli/run, or call one of its functions"));
  WATTLE_CHECK(plane.put_provider({.id = kServerId, .name = "http-server", .config = {kServerConfig}}));
  refused = plane.set_links(lattice::LinkTable::build({plan.route}, plan.configs));
  if (!refused.empty()) return failure(std::move(refused.front().reason));
  return {};
}

// Until a signal has drained everything.
Result<void> serve_until_told(host::DataPlane& plane, const Plan& plan, const ServeOptions& options,
                              const providers::http_server::HttpServerFactory& servers,
                              const Output& output) {
  async::Worker control;
  boost::asio::signal_set signals(control.io(), SIGINT, SIGTERM);
  const auto drain = [&] {
    async::Fiber::current().set_deadline(Clock::now() + plan.drain_time);
    plane.drain();
  };
  signals.async_wait([&](boost::system::error_code error, int) {
    if (error) return;
    signals.clear();  // a second one ends the process at once
    control.spawn(drain);
  });
  Result<void> begun;
  control.spawn([&] {
    begun = begin(plane, plan);
    if (begun) return announce(options, servers.actual_address(options.address), output);
    signals.cancel();
    drain();
  });
  control.run();
  return begun;
}

Result<void> serve(const Session& session, const ServeOptions& options, const Output& output) {
  // Each worker has its share of the instances, one at least.
  const uint32_t wanted =
      options.workers != 0 ? options.workers : std::max(1u, std::thread::hardware_concurrency());
  const uint32_t workers = std::min(wanted, options.max_instances);
  WATTLE_CHECK(start_engine(session));
  std::signal(SIGPIPE, SIG_IGN);  // whoever read our output may have left: the server goes on
  telemetry::Log log({.level = *telemetry::parse_log_level(session.log_level),
                      .format = output.json() ? telemetry::LogFormat::json : telemetry::LogFormat::text,
                      .file = {}});
  WATTLE_TRY(auto plan, make_plan(options, workers));
  providers::http_server::HttpServerFactory servers;
  WATTLE_TRY(
      auto plane,
      host::DataPlane::start(
          {.workers = workers, .log = &log, .factories = {&servers}, .grants = [&](wasi::Context& context) {
             return options.grants.apply(context);
           }}));
  return serve_until_told(*plane, plan, options, servers, output);
}

void add_options(CLI::App& verb, ServeOptions& options) {
  verb.add_option("component", options.path, "The component file")->required();
  verb.add_option("--addr", options.address, "Where to listen; port 0 takes a free one")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  verb.add_option("--tls-cert", options.tls_certificate, "Certificate chain, PEM")->type_name("FILE");
  verb.add_option("--tls-key", options.tls_key, "Its private key, PEM")->type_name("FILE");
  verb.add_option("--workers", options.workers, "Threads; 0 is one a core")->capture_default_str();
  verb.add_option("--max-instances", options.max_instances, "Instances alive at once, busy and ready")
      ->check(CLI::Range(1u, 10'000u))
      ->capture_default_str();
  verb.add_option("--queue", options.max_queue, "Requests that wait for an instance; more are answered 503")
      ->capture_default_str();
  verb.add_option("--max-connections", options.max_connections, "Connections open at once")
      ->capture_default_str();
  verb.add_option("--max-body", options.max_body, "Largest request body, for example 10MiB")
      ->type_name("SIZE");
  verb.add_option("--drain-timeout", options.drain_timeout, "What requests in flight have after SIGTERM")
      ->type_name("DURATION")
      ->capture_default_str();
  verb.add_flag("--reuse", options.reuse, "Keep instances with their state between requests");
  options.grants.add_to(verb);
  options.limits.add_to(verb, "a request");
}

}  // namespace

void add_serve(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("serve", "Serves an HTTP component, each request in a pristine instance");
  auto options = std::make_shared<ServeOptions>();
  add_options(*verb, *options);
  verb->footer("Example:\n  wattle serve app.wasm --addr 127.0.0.1:8000 --timeout 5s --max-memory 64MiB");
  verb->callback([&session, options] {
    session.verb = [&session, options](const Output& output) {
      auto served = serve(session, *options, output);
      if (served) return kExitSuccess;
      output.error(served.error());
      return exit_code(served.error());
    };
  });
}

}  // namespace wattle::cli
