// wattle serve: an HTTP component behind a port. Each worker thread has its own server, instance pool and
// clients; they share the compiled component and nothing else.

#include <algorithm>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <future>
#include <thread>

#include "async/offload.h"
#include "base/parse.h"
#include "cli/load.h"
#include "cli/sandbox.h"
#include "cli/session.h"
#include "engine/store_pool.h"
#include "http/client.h"
#include "http/server.h"
#include "http/tls.h"
#include "telemetry/log.h"
#include "wasi/add_to.h"
#include "wasi/declare.h"
#include "wasi/http_handler.h"

namespace wattle::cli {
namespace {

constexpr size_t kSpareStores = 4;
constexpr uint32_t kReplacedAhead = 2;  // of each worker

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

// What the options come to, shared by all workers.
struct Plan {
  std::shared_ptr<const runtime::LinkedComponent> linked;
  runtime::PoolOptions pool;
  http::ServerOptions server;
  wasi::IncomingHandlerOptions handler;
  Duration drain_time{};
};

// One thread of the server. Made before its thread starts; everything in it ends on that thread.
class ServeWorker {
 public:
  static Result<std::unique_ptr<ServeWorker>> create(const Plan& plan, const Grants& grants,
                                                     async::OffloadPool& blocking) {
    std::unique_ptr<ServeWorker> worker(new ServeWorker(plan, blocking));
    WATTLE_CHECK(grants.apply(worker->context_));
    WATTLE_TRY(worker->handler_,
               wasi::IncomingHandler::create(*worker->instances_, *plan.linked, plan.handler));
    worker->server_ = std::make_unique<http::Server>(
        worker->loop_, plan.server,
        [handler = worker->handler_.get()](http::Exchange& exchange) { handler->handle(exchange); });
    return worker;
  }

  async::Worker& loop() { return loop_; }
  http::Server& server() { return *server_; }

  // Makes an instance and gives it back: a component that cannot start is told before the first request.
  Result<void> warm_up() {
    WATTLE_TRY(auto lease, instances_->acquire());
    return {};
  }

  // On this worker's thread, until drain() has finished.
  void run() {
    loop_.run();
    server_.reset();
    handler_.reset();
    instances_.reset();
    client_.reset();
  }

  // On a fiber of this worker.
  void drain(Duration grace) {
    server_->drain(grace);
    instances_->shut_down(Error(ErrorCode::unavailable, "the server is shutting down"));
    client_->close_idle();
  }

 private:
  ServeWorker(const Plan& plan, async::OffloadPool& blocking)
      : context_(blocking), client_(std::make_unique<http::Client>(loop_, blocking, http::ClientOptions{})) {
    context_.client = client_.get();
    context_.stdio = wasi::inherit_stdio(blocking);
    context_.stdio.input = wasi::empty_source();
    runtime::PoolOptions options = plan.pool;
    options.prepare_host = [this](runtime::Host& host) { host.attach(context_); };
    instances_ = std::make_unique<runtime::InstancePool>(loop_, plan.linked, options);
  }

  async::Worker loop_;
  wasi::Context context_;
  std::unique_ptr<http::Client> client_;
  std::unique_ptr<runtime::InstancePool> instances_;
  std::unique_ptr<wasi::IncomingHandler> handler_;
  std::unique_ptr<http::Server> server_;
};

uint32_t share(uint32_t total, uint32_t workers) {
  return std::max(1u, (total + workers - 1) / workers);
}

Result<http::ServerOptions> server_options(const ServeOptions& options, uint32_t workers) {
  http::ServerOptions server;
  server.max_connections = share(options.max_connections, workers);
  if (!options.max_body.empty()) {
    auto bytes = parse_bytes(options.max_body);
    if (!bytes) return failure(about_option("--max-body", bytes.error()));
    server.max_body_bytes = *bytes;
  }
  if (options.tls_certificate.empty() != options.tls_key.empty())
    return failure(Error(ErrorCode::invalid_argument, "--tls-cert and --tls-key belong together")
                       .with_remedy("give the certificate chain and its key, both as PEM files"));
  if (!options.tls_certificate.empty()) {
    WATTLE_TRY(server.tls, http::TlsServerContext::load(
                               {.certificate_file = options.tls_certificate, .key_file = options.tls_key}));
  }
  return server;
}

Result<Plan> make_plan(const ServeOptions& options, const telemetry::Log& log, uint32_t workers) {
  WATTLE_TRY(auto limits, options.limits.parse());
  Plan plan;
  WATTLE_TRY(plan.server, server_options(options, workers));
  auto drain_time = parse_duration(options.drain_timeout);
  if (!drain_time) return failure(about_option("--drain-timeout", drain_time.error()));
  plan.drain_time = *drain_time;
  plan.pool.max_instances = share(options.max_instances, workers);
  plan.pool.max_queue = options.max_queue == 0 ? 0 : share(options.max_queue, workers);
  plan.pool.pristine = !options.reuse;
  plan.pool.instantiate_limits.cpu_time = limits.cpu_time;
  if (limits.timeout) plan.handler.timeout = *limits.timeout;
  plan.handler.cpu_time = limits.cpu_time;
  plan.handler.on_failure = [&log](const http::Request& request, const Error& error) {
    log.error("request failed", {{"method", request.method},
                                 {"path", request.path_with_query},
                                 {"code", to_string(error.code())},
                                 {"error", error.full_message()}});
  };
  WATTLE_TRY(auto component, load_component(options.path, {.max_memory_bytes = limits.max_memory_bytes}));
  runtime::Linker linker;
  wasi::add_to(linker);
  WATTLE_CHECK(wasi::declare_types(linker));
  WATTLE_TRY(plan.linked, linker.link(component));
  return plan;
}

void announce(const ServeOptions& options, const http::Server& server, const Output& output) {
  const auto& endpoint = server.local_endpoint();
  const bool v6 = endpoint.address().is_v6();
  const std::string url =
      fmt::format("{}://{}{}{}:{}", options.tls_certificate.empty() ? "http" : "https", v6 ? "[" : "",
                  endpoint.address().to_string(), v6 ? "]" : "", endpoint.port());
  if (output.json()) {
    output.line(fmt::format(R"({{"serving":{},"url":{}}})", json_string(options.path), json_string(url)));
  } else {
    output.line(fmt::format("serving {} on {}", options.path, url));
  }
}

// Runs all workers until a signal has drained them; the first on this thread.
Result<void> serve_on(std::vector<std::unique_ptr<ServeWorker>>& workers, const Plan& plan,
                      const ServeOptions& options, const Output& output) {
  ServeWorker& first = *workers.front();
  WATTLE_CHECK(first.server().listen(options.address));
  std::vector<http::Server*> others;
  for (size_t index = 1; index < workers.size(); ++index) others.push_back(&workers[index]->server());
  first.server().share_with(others);
  for (auto* server : others) server->start();

  std::vector<std::thread> threads;
  for (size_t index = 1; index < workers.size(); ++index)
    threads.emplace_back([worker = workers[index].get()] { worker->run(); });

  auto drain_all = [&] {
    first.drain(plan.drain_time);
    for (size_t index = 1; index < workers.size(); ++index) {
      auto* worker = workers[index].get();
      worker->loop().post([worker, grace = plan.drain_time] {
        worker->loop().spawn([worker, grace] { worker->drain(grace); });
      });
    }
  };
  boost::asio::signal_set signals(first.loop().io(), SIGINT, SIGTERM);
  signals.async_wait([&](boost::system::error_code error, int) {
    if (error) return;
    signals.clear();  // a second one ends the process at once
    first.loop().spawn(drain_all);
  });
  Result<void> started;
  first.loop().spawn([&] {
    started = first.warm_up();
    if (started) {
      announce(options, first.server(), output);
    } else {
      signals.cancel();
      drain_all();
    }
  });
  first.run();
  for (auto& thread : threads) thread.join();
  return started;
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
  WATTLE_TRY(auto plan, make_plan(options, log, workers));
  async::OffloadPool blocking;
  // An instance that a hostile request spoilt is replaced without making its neighbours wait for a new
  // isolate.
  engine::StorePool spare_stores(kSpareStores);
  plan.pool.spare_stores = &spare_stores;
  plan.pool.replaced_ahead = kReplacedAhead;
  std::vector<std::unique_ptr<ServeWorker>> all;
  for (uint32_t index = 0; index < workers; ++index) {
    WATTLE_TRY(auto worker, ServeWorker::create(plan, options.grants, blocking));
    all.push_back(std::move(worker));
  }
  return serve_on(all, plan, options, output);
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
