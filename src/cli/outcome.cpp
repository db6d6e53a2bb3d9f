#include "cli/outcome.h"

#include <boost/json.hpp>

#include "base/parse.h"

namespace wattle::cli {
namespace {

constexpr size_t kEventsMax = 10'000;  // not yet looked at

std::string_view text_of(const boost::json::object& object, std::string_view name) {
  const auto* found = object.if_contains(name);
  return found != nullptr && found->is_string() ? std::string_view(found->get_string()) : std::string_view();
}

bool is_about(const Awaited& awaited, const lattice::Event& event, const boost::json::object& data) {
  if (awaited.id.empty()) return event.source == awaited.host_id;
  if (text_of(data, "host_id") != awaited.host_id) return false;
  return text_of(data, "component_id") == awaited.id || text_of(data, "provider_id") == awaited.id;
}

}  // namespace

std::optional<Result<void>> judge(const Awaited& awaited, const lattice::Event& event) {
  const bool failed = !awaited.failed.empty() && event.name == awaited.failed;
  if (!failed && event.name != awaited.done) return {};
  boost::system::error_code problem;
  const auto value = boost::json::parse(event.data, problem);
  if (problem || !value.is_object()) return {};
  const auto& data = value.get_object();
  if (!is_about(awaited, event, data)) return {};
  if (failed)
    return failure(Error(ErrorCode::unavailable, fmt::format("{} on host {}: {}", awaited.id, awaited.host_id,
                                                             text_of(data, "error")))
                       .with_remedy(fmt::format("mend what the host names; \"wattle get inventory {}\" shows "
                                                "what runs there",
                                                awaited.host_id)));
  const auto* instances = data.if_contains("max_instances");
  if (awaited.max_instances && instances != nullptr &&
      *instances != boost::json::value(*awaited.max_instances))
    return {};
  return Result<void>();
}

Result<std::unique_ptr<Outcome>> Outcome::listen(Lattice& lattice) {
  auto outcome = std::make_unique<Outcome>();
  WATTLE_TRY(outcome->subscription_,
             lattice.bus.subscribe(lattice::event_subject(lattice.name, "*"), {},
                                   [events = outcome.get()](const lattice::Message& message) {
                                     auto event = lattice::parse_event(message.payload);
                                     if (!event || events->events_.size() >= kEventsMax) return;
                                     events->events_.push_back(std::move(*event));
                                     events->came_.notify();
                                   }));
  async::DeadlineScope deadline(Clock::now() + std::chrono::seconds(5));
  WATTLE_CHECK(lattice.bus.flush());
  return outcome;
}

Result<void> Outcome::wait(const Awaited& awaited, Duration timeout) {
  const TimePoint until = Clock::now() + timeout;
  for (;;) {
    for (; !events_.empty(); events_.pop_front())
      if (auto judged = judge(awaited, events_.front())) return std::move(*judged);
    if (Clock::now() >= until)
      return failure(
          Error(ErrorCode::deadline_exceeded,
                fmt::format("host {} has not said within {} how it ended{}{}", awaited.host_id,
                            format_duration(timeout), awaited.id.empty() ? "" : " with ", awaited.id))
              .with_remedy(fmt::format("it may still go on: \"wattle get inventory {}\" shows what "
                                       "runs; --timeout gives it longer",
                                       awaited.host_id)));
    async::Signal* const signals[] = {&came_};
    WATTLE_CHECK(async::Signal::wait_any(signals, until));
  }
}

}  // namespace wattle::cli
