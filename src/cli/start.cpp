// wattle start: a component or a provider, on the host that is named, or on one that an auction finds.

#include "cli/workload.h"

namespace wattle::cli {
namespace {

struct StartOptions : WaitOptions {
  std::string image;
  std::string id;
  std::string host;
  uint32_t max_instances = 128;
  std::vector<std::string> configs;
  std::vector<std::string> labels;
  std::string idle_after;
  bool beside = false;
};

Error nobody(const Lattice& lattice, const StartOptions& options, size_t hosts) {
  return Error(ErrorCode::unavailable,
               fmt::format("none of the {} hosts of the lattice \"{}\" would run \"{}\"{}{}", hosts,
                           lattice.name, options.id, options.labels.empty() ? "" : " with the labels ",
                           fmt::join(options.labels, ",")))
      .with_remedy(
          "a host runs an id once, and only if it has all the labels: \"wattle get inventory\" and \"wattle "
          "get hosts\" show both; --host names one without an auction");
}

// The host that is named; else the one with the least on it of those that would run it.
template <class Auction>
Result<lattice::Host> choose_host(Lattice& lattice, const StartOptions& options, const Auction& auction) {
  if (!options.host.empty()) return find_host(lattice, options.host);
  WATTLE_TRY(const auto hosts, lattice.control.hosts());
  WATTLE_TRY(const auto acks, lattice.control.auction(auction));
  std::vector<std::string> ids;
  for (const auto& ack : acks) ids.push_back(ack.host_id);
  if (ids.empty()) return failure(nobody(lattice, options, hosts.size()));
  WATTLE_TRY(const auto best, least_loaded(lattice, ids));
  for (const auto& host : hosts)
    if (host.id == best) return host;
  lattice::Host joined;  // since the hosts were listed
  joined.id = best;
  joined.friendly_name = best;
  return joined;
}

Told told_of(const std::string& kind, const StartOptions& options, const lattice::Host& host,
             const std::string& image) {
  return {.text = fmt::format("{} {} started on {}", kind, options.id, host.friendly_name),
          .result = "started",
          .fields = {{kind + "_id", options.id},
                     {"host_id", host.id},
                     {"friendly_name", host.friendly_name},
                     {"image_ref", image}}};
}

Result<void> start_component(Lattice& lattice, const StartOptions& options, const Output& output) {
  WATTLE_CHECK(lattice::check_id(options.id, "the component's id"));
  WATTLE_TRY(const auto idle_after, idle_after_ms(options.idle_after));
  WATTLE_TRY(const auto labels, parse_pairs(options.labels, "a label with its value"));
  WATTLE_TRY(const auto image, image_reference(lattice, options.image));
  WATTLE_TRY(const auto host,
             choose_host(lattice, options, lattice::ComponentAuction{image, options.id, labels}));
  const lattice::ScaleComponent request{.component_ref = image,
                                        .component_id = options.id,
                                        .annotations = {},
                                        .count = options.max_instances,
                                        .component_limits = {},
                                        .host_id = host.id,
                                        .config = options.configs,
                                        .beside = options.beside,
                                        .idle_after_ms = idle_after};
  return carry_out(
      lattice, options, output, [&] { return lattice.control.scale_component(request); },
      {.done = "component_scaled",
       .failed = "component_scale_failed",
       .id = options.id,
       .host_id = host.id,
       .max_instances = options.max_instances},
      told_of("component", options, host, image));
}

Result<void> start_provider(Lattice& lattice, const StartOptions& options, const Output& output) {
  WATTLE_CHECK(lattice::check_id(options.id, "the provider's id"));
  WATTLE_TRY(const auto labels, parse_pairs(options.labels, "a label with its value"));
  WATTLE_TRY(const auto image, image_reference(lattice, options.image));
  WATTLE_TRY(const auto host,
             choose_host(lattice, options, lattice::ProviderAuction{image, options.id, labels}));
  const lattice::StartProvider request{.provider_id = options.id,
                                       .provider_ref = image,
                                       .host_id = host.id,
                                       .config = options.configs,
                                       .annotations = {}};
  return carry_out(
      lattice, options, output, [&] { return lattice.control.start_provider(request); },
      {.done = "provider_started", .failed = "provider_start_failed", .id = options.id, .host_id = host.id},
      told_of("provider", options, host, image));
}

CLI::App* add(CLI::App& start, Session& session, const std::string& kind,
              const std::shared_ptr<StartOptions>& options,
              Result<void> (*work)(Lattice&, const StartOptions&, const Output&)) {
  auto* verb = start.add_subcommand(kind, "Starts a " + kind);
  options->add_to(*verb);
  verb->add_option("image", options->image,
                   "A file, whose content every host gets over the bus; or a reference that hosts load: "
                   "file:///PATH, builtin://NAME")
      ->required();
  verb->add_option("--id", options->id, "Under which links and calls find it")->required();
  verb->add_option("--host", options->host, "Where: a host's id or name; otherwise an auction finds one");
  verb->add_option("--config", options->configs, "A config for it; give several times for more")
      ->type_name("NAME")
      ->allow_extra_args(false);
  verb->add_option("--label", options->labels, "Only on a host with this label; give several times for more")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  on_lattice<StartOptions>(*verb, session, options, work);
  return verb;
}

}  // namespace

void add_start(CLI::App& app, Session& session) {
  auto* start = app.add_subcommand("start", "Starts a component or a provider in a lattice");
  start->require_subcommand(1);
  start->footer("Example:\n  wattle start component shop.wasm --id shop");
  auto options = std::make_shared<StartOptions>();
  auto* component = add(*start, session, "component", options, start_component);
  component->add_option("--max-instances", options->max_instances, "Calls at once, one instance each")
      ->capture_default_str();
  add_idle_after(*component, options->idle_after);
  component->add_flag("--beside", options->beside,
                      "Beside other revisions of it on the host, which calls are shared with by weight");
  component->footer(
      "Examples:\n"
      "  wattle start component shop.wasm --id shop --config prices\n"
      "  wattle start component shop.wasm --id shop --max-instances 8 --label zone=eu\n"
      "  wattle start component report.wasm --id report --idle-after 5m\n"
      "  wattle start component shop-2.wasm --id shop --host calm-reed-4821 --beside");
  add(*start, session, "provider", std::make_shared<StartOptions>(), start_provider)
      ->footer("Example:\n  wattle start provider builtin://http-server --id http-server");
}

}  // namespace wattle::cli
