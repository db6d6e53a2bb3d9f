// wattle spy: the calls from and to one component, as they happen, on whichever host.

#include <chrono>

#include "cli/interrupt.h"
#include "cli/lattice_session.h"
#include "cli/table.h"
#include "lattice/events.h"
#include "lattice/spy.h"

namespace wattle::cli {
namespace {

struct SpyOptions : LatticeOptions {
  std::string id;
};

// Whether it runs anywhere. Refused: not_found.
Result<void> check_runs(Lattice& lattice, const std::string& id) {
  WATTLE_TRY(const auto hosts, inventories(lattice));
  for (const auto& host : hosts) {
    for (const auto& component : host.components)
      if (component.id == id) return {};
    for (const auto& provider : host.providers)
      if (provider.id == id) return {};
  }
  return failure(Error(ErrorCode::not_found, fmt::format("neither a component nor a provider \"{}\" runs in "
                                                         "the lattice \"{}\"",
                                                         id, lattice.name))
                     .with_remedy("\"wattle get inventory\" shows what runs where"));
}

void print(const Output& output, std::string_view payload) {
  const auto call = lattice::parse_spied_call(payload);
  if (!call) return output.warning(call.error().with_context("a call that cannot be read"));
  if (output.json()) return output.line(lattice::to_json(*call));
  if (call->left_out > 0) output.line(fmt::format("... {} calls were too many to be shown", call->left_out));
  const std::string end = !call->error.empty()    ? " failed: " + call->error
                          : !call->result.empty() ? " = " + call->result
                                                  : std::string();
  output.line(
      printable(fmt::format("{} -> {} {}.{}{}{}  ({} us)", call->source, call->target, call->interface,
                            call->function, call->arguments, end, call->microseconds)));
}

Result<void> spy(Lattice& lattice, const SpyOptions& options, const Output& output) {
  WATTLE_CHECK(lattice::check_id(options.id, "what is to be seen"));
  WATTLE_CHECK(check_runs(lattice, options.id));
  Interrupt interrupt(lattice.bus.worker());
  const std::string inbox = lattice::spy_inbox(lattice::event_id());
  WATTLE_TRY(const auto subscription, lattice.bus.subscribe(inbox, {}, [&](const lattice::Message& message) {
    print(output, message.payload);
  }));
  const std::string request = lattice::to_json(lattice::SpyRequest{.id = options.id, .to = inbox});
  async::Signal* const ends[] = {&interrupt.signal()};
  while (!interrupt.came()) {
    WATTLE_CHECK(lattice.bus.publish(lattice::spy_subject(lattice.name), request));
    const TimePoint next = Clock::now() + lattice::kSpyInterval;
    while (!interrupt.came() && Clock::now() < next) WATTLE_CHECK(async::Signal::wait_any(ends, next));
  }
  return {};
}

}  // namespace

void add_spy(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand(
      "spy", "Prints the calls from and to a component as they happen, until it is interrupted");
  auto options = std::make_shared<SpyOptions>();
  options->add_to(*verb);
  verb->add_option("component", options->id, "Id of a component or a provider")->required();
  verb->footer("Examples:\n  wattle spy shop\n  wattle spy shop -o json");
  on_lattice<SpyOptions>(*verb, session, options, spy);
}

}  // namespace wattle::cli
