#include <wattle/provider.h>

#include <unistd.h>

#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstring>

#include "lattice/json_fields.h"
#include "lattice/nats_bus.h"
#include "lattice/provider_host_data.h"
#include "provider_process.h"

namespace wattle::sdk {
namespace {

constexpr size_t kLineBytesMax = lattice::kDocumentBytesMax * 4 / 3 + 8;

// The first line of standard input, or all of it where it has no end.
Result<std::string> read_line() {
  constexpr std::string_view kRemedy = "a host starts it: wattle start provider file:///PATH --id NAME";
  if (::isatty(STDIN_FILENO) != 0)
    return failure(Error(ErrorCode::invalid_argument,
                         "this program is a provider, and is told on standard input what to do")
                       .with_remedy(std::string(kRemedy)));
  std::string line;
  char block[64 * 1024];
  while (line.size() <= kLineBytesMax) {
    const ssize_t count = ::read(STDIN_FILENO, block, sizeof block);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure(ErrorCode::io, "standard input cannot be read: {}", std::strerror(errno));
    const std::string_view more(block, static_cast<size_t>(count));
    const size_t end = more.find('\n');
    line.append(more.substr(0, end));
    if (count == 0 || end != std::string_view::npos) break;
  }
  if (line.empty())
    return failure(Error(ErrorCode::malformed, "standard input is empty, where a host's data should be")
                       .with_remedy(std::string(kRemedy)));
  return line;
}

telemetry::LogOptions log_options(const lattice::HostData& data) {
  telemetry::LogOptions options;
  if (data.log_level)
    if (const auto level = telemetry::parse_log_level(*data.log_level)) options.level = *level;
  options.format = data.structured_logging ? telemetry::LogFormat::json : telemetry::LogFormat::text;
  return options;
}

nats::ClientOptions client_options(const lattice::HostData& data, const telemetry::Log& log) {
  nats::ClientOptions options;
  options.urls = {data.lattice_rpc_url};
  options.name = data.provider_key;
  options.user_jwt = data.lattice_rpc_user_jwt;
  options.user_seed = data.lattice_rpc_user_seed;
  options.log = &log;
  if (data.default_rpc_timeout_ms && *data.default_rpc_timeout_ms > 0)
    options.request_timeout =
        std::chrono::milliseconds(std::min<uint64_t>(*data.default_rpc_timeout_ms, 3'600'000));
  return options;
}

// Asks the process to stop, as soon as there is one.
class Stopper {
 public:
  explicit Stopper(async::Worker& worker) : signals_(worker.io(), SIGINT, SIGTERM) {
    signals_.async_wait([this](boost::system::error_code error, int) {
      if (error) return;
      signals_.clear();  // a second one ends the process at once
      asked_ = true;
      if (process_ != nullptr) process_->ask_to_stop();
    });
  }
  void watch(ProviderProcess* process) {
    process_ = process;
    if (asked_ && process_ != nullptr) process_->ask_to_stop();
  }
  void end() { signals_.cancel(); }

 private:
  boost::asio::signal_set signals_;
  ProviderProcess* process_ = nullptr;
  bool asked_ = false;
};

// On a fiber.
Result<void> serve(async::Worker& worker, const lattice::HostData& data, capability::ProviderFactory& factory,
                   const telemetry::Log& log, Stopper& stopper) {
  WATTLE_TRY(auto bus, lattice::NatsBus::connect(worker, {.client = client_options(data, log)}));
  auto process = ProviderProcess::start(*bus, data, factory, log);
  if (process) {
    stopper.watch(process->get());
    (*process)->wait();
    stopper.watch(nullptr);
    (*process)->stop();
    process->reset();
  }
  (void)bus->drain();
  if (!process) return failure(process.error());
  return {};
}

}  // namespace

int run(capability::ProviderFactory& factory) {
  std::signal(SIGPIPE, SIG_IGN);
  auto line = read_line();
  auto data = line ? lattice::parse_line(*line) : failure(std::move(line).error());
  if (!data) {
    telemetry::Log().error(data.error());
    return 1;
  }
  const telemetry::Log log(log_options(*data));
  async::Worker worker;
  Stopper stopper(worker);
  Result<void> served;
  worker.spawn([&] {
    served = serve(worker, *data, factory, log, stopper);
    stopper.end();
  });
  worker.run();
  if (served) return 0;
  log.error(served.error().with_context(fmt::format("provider {} cannot serve", data->provider_key)));
  return 1;
}

}  // namespace wattle::sdk
