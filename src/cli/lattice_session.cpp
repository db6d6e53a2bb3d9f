#include "cli/lattice_session.h"

#include <algorithm>
#include <csignal>

#include "lattice/state_buckets.h"
#include "nats/jetstream.h"
#include "nats/key_value.h"
#include "telemetry/log.h"

namespace wattle::cli {
namespace {

constexpr Duration kConnectTimeout = std::chrono::seconds(5);
constexpr Duration kBucketTimeout = std::chrono::seconds(5);
constexpr Duration kCloseTimeout = std::chrono::seconds(2);
constexpr size_t kHostIdCharacters = 56;

Error not_connected(const Connection& connection, const Error& why) {
  const std::string context = fmt::format("cannot reach the bus of the lattice \"{}\"", connection.lattice);
  if (why.code() == ErrorCode::permission_denied)
    return why.with_context(context).with_remedy(
        "name a credentials file that the server knows with --nats-creds FILE");
  return why.with_context(context).with_remedy(
      "is it up? \"wattle up\" starts one; --nats-url URL names one elsewhere");
}

Result<void> connect_and_work(async::Worker& worker, async::OffloadPool& blocking, const telemetry::Log& log,
                              const Connection& connection,
                              const std::function<Result<void>(Lattice&)>& work) {
  auto& fiber = async::Fiber::current();
  fiber.set_deadline(Clock::now() + kConnectTimeout);
  nats::ClientOptions options;
  options.inbox_prefix = lattice::kInboxPrefix;
  options.urls = {connection.url};
  options.name = "wattle command";
  options.credentials_file = connection.credentials_file;
  options.log = &log;
  options.offload = &blocking;
  auto bus = lattice::NatsBus::connect(worker, {.client = std::move(options)});
  if (!bus) return failure(not_connected(connection, bus.error()));
  fiber.set_deadline(kNever);
  lattice::ControlClientOptions control_options;
  control_options.lattice = connection.lattice;
  lattice::ControlClient control(**bus, std::move(control_options));
  Lattice lattice{connection.lattice, **bus, control, blocking, connection};
  auto done = work(lattice);
  fiber.set_deadline(Clock::now() + kCloseTimeout);
  (void)(*bus)->drain();
  return done;
}

}  // namespace

void LatticeOptions::add_to(CLI::App& verb) {
  verb.add_option("--lattice", lattice, "Which lattice")->type_name("NAME")->capture_default_str();
  verb.add_option("--nats-url", nats_url, "Its bus; otherwise the one that \"wattle up\" started")
      ->type_name("URL")
      ->envname("WATTLE_NATS_URL");
  verb.add_option("--nats-creds", credentials_file, "Credentials for the bus")
      ->type_name("FILE")
      ->envname("WATTLE_NATS_CREDS");
}

Result<void> run_on_lattice(const Session& session, const LatticeOptions& options, const Output& output,
                            const std::function<Result<void>(Lattice&)>& work) {
  WATTLE_CHECK(lattice::check_lattice(options.lattice));
  WATTLE_TRY(const auto connection, find_connection({.lattice = options.lattice,
                                                     .url = options.nats_url,
                                                     .credentials_file = options.credentials_file}));
  std::signal(SIGPIPE, SIG_IGN);
  const telemetry::Log log({.level = *telemetry::parse_log_level(session.log_level),
                            .format = output.json() ? telemetry::LogFormat::json : telemetry::LogFormat::text,
                            .file = {}});
  async::OffloadPool blocking;
  async::Worker worker;
  Result<void> done;
  worker.spawn([&] { done = connect_and_work(worker, blocking, log, connection, work); });
  worker.run();
  return done;
}

Result<lattice::Host> find_host(Lattice& lattice, const std::string& text) {
  WATTLE_TRY(const auto hosts, lattice.control.hosts());
  std::vector<const lattice::Host*> fitting;
  for (const auto& host : hosts) {
    if (host.id == text) return host;
    const bool fits = host.friendly_name == text ||
                      (text.size() < kHostIdCharacters && !text.empty() && host.id.starts_with(text));
    if (fits) fitting.push_back(&host);
  }
  if (fitting.size() == 1) return *fitting.front();
  if (fitting.empty())
    return failure(Error(ErrorCode::not_found,
                         fmt::format("no host \"{}\" is in the lattice \"{}\"", text, lattice.name))
                       .with_remedy("\"wattle get hosts\" lists them; take an id or a name"));
  return failure(
      Error(ErrorCode::invalid_argument, fmt::format("{} hosts fit \"{}\", {} and {} among them",
                                                     fitting.size(), text, fitting[0]->id, fitting[1]->id))
          .with_remedy("write more of the id"));
}

Result<std::vector<lattice::HostInventory>> inventories(Lattice& lattice) {
  WATTLE_TRY(const auto hosts, lattice.control.hosts());
  std::vector<lattice::HostInventory> found;
  for (const auto& host : hosts) {
    auto inventory = lattice.control.inventory(host.id);
    if (!inventory && inventory.error().code() == ErrorCode::unavailable) continue;  // it has just ended
    if (!inventory) return failure(inventory.error());
    found.push_back(std::move(*inventory));
  }
  std::sort(found.begin(), found.end(), [](const auto& left, const auto& right) {
    return std::tie(left.friendly_name, left.host_id) < std::tie(right.friendly_name, right.host_id);
  });
  return found;
}

// The control protocol reads configs by name only: the names are in the bucket that mirrors them.
Result<std::vector<std::string>> config_names(Lattice& lattice) {
  async::DeadlineScope deadline(Clock::now() + kBucketTimeout);
  nats::JetStream jetstream(lattice.bus.client());
  auto bucket = nats::KeyValue::open(jetstream, lattice::config_data_bucket(lattice.name));
  if (!bucket && bucket.error().code() == ErrorCode::not_found) return std::vector<std::string>();
  if (!bucket) return failure(bucket.error().with_context("cannot read which configs there are"));
  WATTLE_TRY(auto names, bucket->keys());
  std::sort(names.begin(), names.end());
  return names;
}

Result<lattice::StringMap> parse_pairs(const std::vector<std::string>& words, std::string_view what) {
  lattice::StringMap pairs;
  for (const auto& word : words) {
    const size_t split = word.find('=');
    if (split == std::string::npos || split == 0)
      return failure(Error(ErrorCode::invalid_argument, fmt::format("\"{}\" is not {}", word, what))
                         .with_remedy("write NAME=VALUE"));
    if (!pairs.emplace(word.substr(0, split), word.substr(split + 1)).second)
      return failure(
          Error(ErrorCode::invalid_argument, fmt::format("\"{}\" is given twice", word.substr(0, split)))
              .with_remedy("give each name one value"));
  }
  return pairs;
}

std::string join_pairs(const lattice::StringMap& pairs) {
  std::string text;
  for (const auto& [name, value] : pairs)
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", name, value);
  return text;
}

}  // namespace wattle::cli
