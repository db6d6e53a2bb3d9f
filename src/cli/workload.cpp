#include "cli/workload.h"

#include <boost/json.hpp>
#include <limits>

#include "base/parse.h"
#include "cli/load.h"
#include "cli/sandbox.h"
#include "host/images.h"

namespace wattle::cli {
namespace {

constexpr Duration kPublishTimeout = std::chrono::seconds(60);
constexpr size_t kCandidatesMax = 100;  // that are asked how much runs there

void tell(const Output& output, const Told& told, std::string_view result, const std::string& message) {
  if (output.json()) {
    boost::json::object object;
    for (const auto& [name, value] : told.fields) object[name] = value;
    object["result"] = result;
    if (!message.empty()) object["message"] = message;
    return output.line(boost::json::serialize(object));
  }
  output.line(result == told.result ? told.text : told.text + ": asked for, not waited for");
  if (!message.empty()) output.line("the host says: " + message);
}

}  // namespace

void WaitOptions::add_to(CLI::App& verb) {
  LatticeOptions::add_to(verb);
  verb.add_option("--timeout", timeout, "How long to wait for the end")
      ->type_name("DURATION")
      ->capture_default_str();
  verb.add_flag("--no-wait", no_wait, "Do not wait for the end");
}

Result<std::string> image_reference(Lattice& lattice, const std::string& image) {
  if (image.find("://") != std::string::npos) return image;
  WATTLE_TRY(const auto bytes, read_file(image));
  async::DeadlineScope deadline(Clock::now() + kPublishTimeout);
  host::ImageOptions options;
  options.lattice = lattice.name;
  host::Images images(lattice.bus, lattice.blocking, std::move(options));
  auto published =
      images.publish(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  if (!published)
    return failure(published.error().with_context(
        fmt::format("cannot put \"{}\" into the image store of the lattice", image)));
  return published;
}

Result<std::vector<Place>> places_of(Lattice& lattice, Kind kind, const std::string& id,
                                     const std::string& host) {
  std::string only;
  if (!host.empty()) {
    WATTLE_TRY(const auto found, find_host(lattice, host));
    only = found.id;
  }
  WATTLE_TRY(const auto found, inventories(lattice));
  std::vector<Place> places;
  for (const auto& inventory : found) {
    if (!only.empty() && inventory.host_id != only) continue;
    const Place place{inventory.host_id, inventory.friendly_name, {}};
    for (const auto& each : inventory.components)
      if (kind == Kind::component && each.id == id) places.emplace_back(place).image = each.image_ref;
    for (const auto& each : inventory.providers)
      if (kind == Kind::provider && each.id == id)
        places.emplace_back(place).image = each.image_ref.value_or("");
  }
  if (!places.empty()) return places;
  const char* what = kind == Kind::component ? "component" : "provider";
  return failure(
      Error(ErrorCode::not_found,
            fmt::format("no {} \"{}\" runs {}", what, id,
                        host.empty() ? fmt::format("in the lattice \"{}\"", lattice.name) : "on " + host))
          .with_remedy(fmt::format("\"wattle get {0}s\" lists those that do; \"wattle start {0}\" "
                                   "starts one",
                                   what)));
}

void add_idle_after(CLI::App& verb, std::string& text) {
  verb.add_option("--idle-after", text,
                  "Without a call for so long it is parked: out of memory until its next call; 0: never")
      ->type_name("DURATION");
}

Result<std::optional<uint64_t>> idle_after_ms(const std::string& text) {
  if (text.empty()) return std::optional<uint64_t>();
  const auto idle_after = parse_duration(text);
  if (!idle_after) return failure(about_option("--idle-after", idle_after.error()));
  return std::chrono::duration_cast<std::chrono::milliseconds>(*idle_after).count();
}

Result<std::string> least_loaded(Lattice& lattice, const std::vector<std::string>& host_ids) {
  std::string best = host_ids.front();
  size_t least = std::numeric_limits<size_t>::max();
  for (size_t index = 0; index < std::min(host_ids.size(), kCandidatesMax); ++index) {
    const auto inventory = lattice.control.inventory(host_ids[index]);
    if (!inventory) continue;  // it has ended since
    const size_t load = inventory->components.size() + inventory->providers.size();
    if (load >= least) continue;
    least = load;
    best = host_ids[index];
  }
  return best;
}

Result<void> carry_out(Lattice& lattice, const WaitOptions& options, const Output& output,
                       const std::function<Result<std::string>()>& send, const Awaited& awaited,
                       const Told& told) {
  const auto timeout = parse_duration(options.timeout);
  if (!timeout) return failure(about_option("--timeout", timeout.error()));
  if (options.no_wait) {
    WATTLE_TRY(const auto message, send());
    tell(output, told, "asked", message);
    return {};
  }
  WATTLE_TRY(const auto outcome, Outcome::listen(lattice));
  WATTLE_TRY(const auto message, send());
  WATTLE_CHECK(outcome->wait(awaited, *timeout));
  tell(output, told, told.result, message);
  return {};
}

}  // namespace wattle::cli
