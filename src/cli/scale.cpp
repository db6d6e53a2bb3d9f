// wattle scale and wattle update: a component that runs, with other instances or another image.

#include "cli/workload.h"

namespace wattle::cli {
namespace {

struct ScaleOptions : WaitOptions {
  std::string id;
  std::string host;
  uint32_t max_instances = 0;
  std::vector<std::string> configs;
  std::string image;
  std::string idle_after;
};

// Where it runs; only those of one image, if one is named.
Result<std::vector<Place>> revisions_of(Lattice& lattice, const ScaleOptions& options) {
  WATTLE_TRY(auto places, places_of(lattice, Kind::component, options.id, options.host));
  if (options.image.empty()) return places;
  std::erase_if(places, [&](const Place& each) { return each.image != options.image; });
  if (!places.empty()) return places;
  return failure(Error(ErrorCode::not_found,
                       fmt::format("component \"{}\" runs nowhere from {}", options.id, options.image))
                     .with_remedy("see what it runs from: wattle get components"));
}

Result<void> scale(Lattice& lattice, const ScaleOptions& options, const Output& output) {
  WATTLE_TRY(const auto idle_after, idle_after_ms(options.idle_after));
  WATTLE_TRY(const auto places, revisions_of(lattice, options));
  if (places.size() > 1)
    return failure(Error(ErrorCode::invalid_argument,
                         fmt::format("component \"{}\" runs in {} places: {} on {}, and {} on {} among them",
                                     options.id, places.size(), places[0].image, places[0].host_name,
                                     places[1].image, places[1].host_name))
                       .with_remedy("say which one with --host, and its image with --image"));
  const Place& place = places.front();
  const lattice::ScaleComponent request{.component_ref = place.image,
                                        .component_id = options.id,
                                        .annotations = {},
                                        .count = options.max_instances,
                                        .component_limits = {},
                                        .host_id = place.host_id,
                                        .config = options.configs,
                                        .beside = !options.image.empty(),
                                        .idle_after_ms = idle_after};
  return carry_out(lattice, options, output, [&] { return lattice.control.scale_component(request); },
                   {.done = "component_scaled",
                    .failed = "component_scale_failed",
                    .id = options.id,
                    .host_id = place.host_id,
                    .max_instances = options.max_instances},
                   {.text = fmt::format("component {} on {} has at most {} instances", options.id,
                                        place.host_name, options.max_instances),
                    .result = "scaled",
                    .fields = {{"component_id", options.id},
                               {"host_id", place.host_id},
                               {"friendly_name", place.host_name},
                               {"max_instances", std::to_string(options.max_instances)}}});
}

Result<void> update(Lattice& lattice, const ScaleOptions& options, const Output& output) {
  WATTLE_TRY(const auto places, places_of(lattice, Kind::component, options.id, options.host));
  WATTLE_TRY(const auto image, image_reference(lattice, options.image));
  for (const Place& place : places) {
    const lattice::UpdateComponent request{
        .component_id = options.id, .annotations = {}, .host_id = place.host_id, .new_component_ref = image};
    WATTLE_CHECK(carry_out(
        lattice, options, output, [&] { return lattice.control.update_component(request); },
        {.done = "component_scaled",
         .failed = "component_scale_failed",
         .id = options.id,
         .host_id = place.host_id},
        {.text = fmt::format("component {} on {} updated to {}", options.id, place.host_name, image),
         .result = "updated",
         .fields = {{"component_id", options.id},
                    {"host_id", place.host_id},
                    {"friendly_name", place.host_name},
                    {"image_ref", image}}}));
  }
  return {};
}

}  // namespace

void add_scale(CLI::App& app, Session& session) {
  auto* group = app.add_subcommand("scale", "Changes how many instances a component may have");
  group->require_subcommand(1);
  group->footer("Example:\n  wattle scale component shop --max-instances 8");
  auto* verb = group->add_subcommand("component", "Changes how many instances a component may have");
  auto options = std::make_shared<ScaleOptions>();
  options->add_to(*verb);
  verb->add_option("id", options->id, "The component's id")->required();
  verb->add_option("--max-instances", options->max_instances, "Calls at once; 0 stops it")->required();
  verb->add_option("--host", options->host, "On which host, where it runs on several");
  verb->add_option("--image", options->image,
                   "Only the revision of this reference, where it runs beside others");
  add_idle_after(*verb, options->idle_after);
  verb->add_option("--config", options->configs, "A config for it; give several times for more")
      ->type_name("NAME")
      ->allow_extra_args(false);
  verb->footer(
      "Examples:\n"
      "  wattle scale component shop --max-instances 8 --host calm-reed-4821\n"
      "  wattle scale component shop --max-instances 8 --idle-after 5m");
  on_lattice<ScaleOptions>(*verb, session, options, scale);
}

void add_update(CLI::App& app, Session& session) {
  auto* group = app.add_subcommand("update", "Gives a component that runs another image");
  group->require_subcommand(1);
  group->footer("Example:\n  wattle update component shop shop-2.wasm");
  auto* verb = group->add_subcommand("component", "Gives a component another image, wherever it runs");
  auto options = std::make_shared<ScaleOptions>();
  options->add_to(*verb);
  verb->add_option("id", options->id, "The component's id")->required();
  verb->add_option("image", options->image, "A file, or a reference that hosts load")->required();
  verb->add_option("--host", options->host, "Only on this host");
  verb->footer("Example:\n  wattle update component shop shop-2.wasm");
  on_lattice<ScaleOptions>(*verb, session, options, update);
}

}  // namespace wattle::cli
