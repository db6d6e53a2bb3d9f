// wattle stop: a component, a provider, or a host.

#include "base/parse.h"
#include "cli/sandbox.h"
#include "cli/workload.h"

namespace wattle::cli {
namespace {

struct StopOptions : WaitOptions {
  std::string id;
  std::string host;
  std::string drain_timeout = "10s";
};

Told told_of(const std::string& kind, const std::string& id, const Place& place) {
  return {.text = fmt::format("{} {} stopped on {}", kind, id, place.host_name),
          .result = "stopped",
          .fields = {{kind + "_id", id}, {"host_id", place.host_id}, {"friendly_name", place.host_name}}};
}

Result<void> stop_component(Lattice& lattice, const StopOptions& options, const Output& output) {
  WATTLE_TRY(const auto places, places_of(lattice, Kind::component, options.id, options.host));
  for (const Place& place : places) {
    const lattice::ScaleComponent request{.component_ref = place.image,
                                          .component_id = options.id,
                                          .annotations = {},
                                          .count = 0,
                                          .component_limits = {},
                                          .host_id = place.host_id,
                                          .config = {}};
    WATTLE_CHECK(carry_out(
        lattice, options, output, [&] { return lattice.control.scale_component(request); },
        {.done = "component_scaled",
         .failed = "component_scale_failed",
         .id = options.id,
         .host_id = place.host_id,
         .max_instances = 0},
        told_of("component", options.id, place)));
  }
  return {};
}

Result<void> stop_provider(Lattice& lattice, const StopOptions& options, const Output& output) {
  WATTLE_TRY(const auto places, places_of(lattice, Kind::provider, options.id, options.host));
  for (const Place& place : places)
    WATTLE_CHECK(carry_out(
        lattice, options, output,
        [&] { return lattice.control.stop_provider({.host_id = place.host_id, .provider_id = options.id}); },
        {.done = "provider_stopped", .failed = "", .id = options.id, .host_id = place.host_id},
        told_of("provider", options.id, place)));
  return {};
}

Result<void> stop_host(Lattice& lattice, const StopOptions& options, const Output& output) {
  const auto drain = parse_duration(options.drain_timeout);
  if (!drain) return failure(about_option("--drain-timeout", drain.error()));
  WATTLE_TRY(const auto host, find_host(lattice, options.id));
  return carry_out(lattice, options, output, [&] { return lattice.control.stop_host(host.id, *drain); },
                   {.done = "host_stopped", .failed = "", .id = "", .host_id = host.id},
                   {.text = fmt::format("host {} stopped", host.friendly_name),
                    .result = "stopped",
                    .fields = {{"host_id", host.id}, {"friendly_name", host.friendly_name}}});
}

std::shared_ptr<StopOptions> add(CLI::App& stop, Session& session, const std::string& kind,
                                 const std::string& example, CLI::App*& verb,
                                 Result<void> (*work)(Lattice&, const StopOptions&, const Output&)) {
  verb = stop.add_subcommand(kind, "Stops a " + kind);
  auto options = std::make_shared<StopOptions>();
  options->add_to(*verb);
  verb->footer("Example:\n  " + example);
  on_lattice<StopOptions>(*verb, session, options, work);
  return options;
}

}  // namespace

void add_stop(CLI::App& app, Session& session) {
  auto* stop = app.add_subcommand("stop", "Stops a component, a provider or a host");
  stop->require_subcommand(1);
  stop->footer("Example:\n  wattle stop component shop");
  CLI::App* verb = nullptr;
  auto component = add(*stop, session, "component", "wattle stop component shop", verb, stop_component);
  verb->add_option("id", component->id, "The component's id")->required();
  verb->add_option("--host", component->host, "Only on this host; otherwise wherever it runs");
  auto provider = add(*stop, session, "provider", "wattle stop provider shop-kv", verb, stop_provider);
  verb->add_option("id", provider->id, "The provider's id")->required();
  verb->add_option("--host", provider->host, "Only on this host; otherwise wherever it runs");
  auto host = add(*stop, session, "host", "wattle stop host calm-reed-4821", verb, stop_host);
  verb->add_option("host", host->id, "The host: its id or its name")->required();
  verb->add_option("--drain-timeout", host->drain_timeout, "What its calls in flight have")
      ->type_name("DURATION")
      ->capture_default_str();
}

}  // namespace wattle::cli
