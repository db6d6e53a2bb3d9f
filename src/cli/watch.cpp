// wattle watch: the lattice's events as they come.

#include <boost/json.hpp>

#include "cli/interrupt.h"
#include "cli/lattice_session.h"
#include "cli/table.h"
#include "lattice/events.h"

namespace wattle::cli {
namespace {

struct WatchOptions : LatticeOptions {
  bool heartbeats = false;
};

// "component_id=shop host_id=N... max_instances=5": what is not nested and not empty.
std::string summary(std::string_view data) {
  boost::system::error_code problem;
  const auto value = boost::json::parse(data, problem);
  if (problem || !value.is_object()) return {};
  std::string text;
  for (const auto& [name, field] : value.get_object()) {
    const bool plain = field.is_primitive() && !field.is_null() && field != boost::json::value("");
    if (!plain && !field.is_array()) continue;
    if (field.is_array() && field.get_array().empty()) continue;
    text += fmt::format(" {}={}", std::string_view(name),
                        field.is_string() ? std::string(field.get_string()) : boost::json::serialize(field));
  }
  return text;
}

void print(const Output& output, const WatchOptions& options, std::string_view payload) {
  const auto event = lattice::parse_event(payload);
  if (!event) return output.warning(event.error().with_context("an event that cannot be read"));
  const bool heartbeat = event->name == "host_heartbeat";
  if (heartbeat && !options.heartbeats && !output.json()) return;
  if (output.json()) {
    boost::system::error_code problem;
    const auto whole = boost::json::parse(payload, problem);  // onto one line
    if (!problem) output.line(boost::json::serialize(whole));
    return;
  }
  output.line(printable(fmt::format("{} {} source={}{}", event->time, event->name, event->source,
                                    heartbeat ? "" : summary(event->data))));
}

Result<void> watch(Lattice& lattice, const WatchOptions& options, const Output& output) {
  Interrupt interrupt(lattice.bus.worker());
  WATTLE_TRY(const auto subscription, lattice.bus.subscribe(lattice::event_subject(lattice.name, "*"), {},
                                                            [&](const lattice::Message& message) {
                                                              print(output, options, message.payload);
                                                            }));
  while (!interrupt.came()) WATTLE_CHECK(interrupt.signal().wait());
  return {};
}

}  // namespace

void add_watch(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("watch", "Prints a lattice's events as they come, until it is interrupted");
  auto options = std::make_shared<WatchOptions>();
  options->add_to(*verb);
  verb->add_flag("--heartbeats", options->heartbeats, "The hosts' heartbeats, too (with -o json always)");
  verb->footer("Example:\n  wattle watch -o json");
  on_lattice<WatchOptions>(*verb, session, options, watch);
}

}  // namespace wattle::cli
