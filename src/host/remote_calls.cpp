#include "host/remote_calls.h"

#include <algorithm>
#include <random>
#include <tuple>

#include "bindings/stream_handles.h"
#include "lattice/authorize.h"
#include "lattice/names.h"
#include "wrpc/call_codec.h"
#include "wrpc/error.h"
#include "wrpc/protocol.h"

namespace wattle::host {
namespace {

constexpr size_t kHostsAskedMax = 3;
constexpr Duration kFlushTime = std::chrono::seconds(1);

// Busy and waiting calls for each that can run at once. What is parked is as good as full: it takes its time.
double load_of(const lattice::ComponentLease& component) {
  const double load = (component.in_flight + component.queued) / std::max(1.0, double(component.capacity));
  return component.parked ? std::max(1.0, load) : load;
}

}  // namespace

std::vector<std::string> hosts_to_ask(const lattice::DirectorySnapshot& hosts, std::string_view target,
                                      std::string_view image_ref, std::string_view own_host,
                                      size_t count_max) {
  struct Candidate {
    double load;
    uint32_t chance;  // among equals
    const std::string* host;
  };
  thread_local std::minstd_rand random{std::random_device{}()};
  std::vector<Candidate> candidates;
  for (const auto& place : hosts.places(target)) {
    const bool is_own = place.host->host_id == own_host;
    if (place.host->draining || (is_own && place.component != nullptr)) continue;
    if (place.component != nullptr && !image_ref.empty() && place.component->image_ref != image_ref) continue;
    const double load = place.component != nullptr ? load_of(*place.component) : is_own ? -1 : 0;
    candidates.push_back({load, static_cast<uint32_t>(random()), &place.host->host_id});
  }
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& left, const Candidate& right) {
    return std::tie(left.load, left.chance) < std::tie(right.load, right.chance);
  });
  std::vector<std::string> names;
  for (const Candidate& each : candidates)
    if (names.size() < count_max && std::find(names.begin(), names.end(), *each.host) == names.end())
      names.push_back(*each.host);
  return names;
}

Result<std::unique_ptr<RemoteCalls>> RemoteCalls::start(lattice::Bus& bus, std::string lattice,
                                                        std::string host_id, Surroundings surroundings) {
  std::unique_ptr<RemoteCalls> calls(
      new RemoteCalls(bus, std::move(lattice), std::move(host_id), std::move(surroundings)));
  WATTLE_TRY(calls->client_, wrpc::Client::start(bus));
  WATTLE_TRY(calls->server_, wrpc::Server::start(bus, {.host = calls->host_id_}));
  return calls;
}

RemoteCalls::~RemoteCalls() = default;

// ---- Out

Result<std::optional<wit::Value>> RemoteCalls::ask(wrpc::Call call, const wit::FunctionType& type,
                                                   const wit::Values& arguments, wrpc::HandleWire* handles,
                                                   const lattice::LinkTable::Entry& link,
                                                   const std::string& image_ref) {
  const std::string& target = link.link.target;
  const bool may_repeat = link.rules.is_idempotent(call.function);
  // What is in a stream can be sent once.
  const size_t hosts_max = handles == nullptr ? kHostsAskedMax : 1;
  std::optional<Error> last;
  const auto hosts = surroundings_.hosts();
  for (const std::string& host : hosts_to_ask(*hosts, target, image_ref, host_id_, hosts_max)) {
    const std::string prefix = lattice::host_call_prefix(lattice_, host, target);
    call.prefix = prefix;
    auto answer = wrpc::call_values(*client_, call, type, arguments, handles);
    if (answer) return answer;
    last = answer.error().with_context(fmt::format("host {}", host));
    const bool not_begun = wrpc::certainly_not_begun(*last);
    const bool broken = last->code() == ErrorCode::unavailable && may_repeat;
    if (!not_begun && !broken) return failure(std::move(*last));
  }
  if (last) return failure(std::move(*last));
  const std::string prefix = lattice::call_prefix(lattice_, target);
  call.prefix = prefix;
  auto answer = wrpc::call_values(*client_, call, type, arguments, handles);
  if (answer || !wrpc::certainly_not_begun(answer.error())) return answer;
  return failure(Error(ErrorCode::unavailable,
                       fmt::format("\"{}\" runs on no host that can be reached", target), answer.error())
                     .with_remedy(fmt::format("start it: wattle start component FILE --id {}", target)));
}

void RemoteCalls::host_is_gone(const std::string& host_id) {
  client_->abandon(lattice::host_call_prefix(lattice_, host_id, {}),
                   Error(ErrorCode::unavailable, fmt::format("host {} is gone", host_id)));
}

bool RemoteCalls::has_room_elsewhere(std::string_view target, std::string_view image_ref,
                                     const lattice::DirectorySnapshot& hosts) const {
  const auto places = hosts.places(target);
  return std::any_of(places.begin(), places.end(), [&](const auto& place) {
    return place.component != nullptr && !place.host->draining && place.host->host_id != host_id_ &&
           (image_ref.empty() || place.component->image_ref == image_ref) &&
           place.component->in_flight + place.component->queued < place.component->capacity;
  });
}

bool RemoteCalls::runs_elsewhere(std::string_view target, std::string_view image_ref,
                                 const lattice::DirectorySnapshot& hosts) const {
  return !hosts_to_ask(hosts, target, image_ref, host_id_, 1).empty();
}

Result<void> RemoteCalls::call(runtime::ImportCall& call, const lattice::LinkTable::Entry& link,
                               const std::string& image_ref) {
  WATTLE_CHECK(call.check_remote(bindings::byte_stream_type()));
  const runtime::LinkedImport& import = call.import();
  WATTLE_TRY(const wit::Values arguments, call.arguments());
  bindings::StreamHandles handles(call.host().resources,
                                  [&call](wit::ResourceId resource) { return call.resource_type(resource); });
  lattice::Headers headers{{"source-id", link.link.source_id}, {"link-name", link.link.name}};
  if (!image_ref.empty()) headers.add(wrpc::kRevisionHeader, image_ref);
  const auto ask_once = [&] {
    return ask({.prefix = {},
                .instance = import.interface,
                .function = lattice::wire_function(import.name),
                .headers = &headers},
               call.type(), arguments, call.passes_handles() ? &handles : nullptr, link, image_ref);
  };
  const TimePoint first_tried = Clock::now();
  auto result = ask_once();
  // What has left in a stream cannot be sent again.
  while (!result && result.error().code() == ErrorCode::unavailable &&
         wrpc::certainly_not_begun(result.error()) && !call.passes_handles() && surroundings_.wait_for_it &&
         surroundings_.wait_for_it(link.link.target, first_tried))
    result = ask_once();
  if (!result)
    return failure(result.error().with_context(
        fmt::format("calling {}.{} of \"{}\" through the link \"{}\" of \"{}\" failed", import.interface,
                    import.name, link.link.target, link.link.name, link.link.source_id)));
  return call.set_result(*result);
}

std::shared_ptr<const bindings::RemoteTarget> RemoteCalls::target(const lattice::LinkTable::Entry& link,
                                                                  std::string_view image_ref) {
  const std::string id = link.link.target;
  auto prefixes = [this, id, image_ref = std::string(image_ref)] {
    std::vector<std::string> all;
    for (const std::string& host :
         hosts_to_ask(*surroundings_.hosts(), id, image_ref, host_id_, kHostsAskedMax))
      all.push_back(lattice::host_call_prefix(lattice_, host, id));
    all.push_back(lattice::call_prefix(lattice_, id));
    return all;
  };
  return std::make_shared<const bindings::RemoteTarget>(
      *client_, id, std::move(prefixes),
      [rules = link.rules](std::string_view function) { return rules.is_idempotent(function); }, image_ref,
      [this, id](TimePoint first_tried) {
        return surroundings_.wait_for_it && surroundings_.wait_for_it(id, first_tried);
      });
}

// ---- In

Result<void> RemoteCalls::serve(const std::string& id, Answer answer) {
  auto& services = services_[id];
  if (!services.empty()) return {};
  const auto handler = [this, id,
                        answer = std::move(answer)](wrpc::IncomingCall& call) -> Result<wrpc::Reply> {
    const auto links = surroundings_.links();
    auto allowed =
        lattice::authorize(*links, call.source_id, call.link_name, call.instance, call.function, id);
    if (!allowed) return failure(wrpc::refused(std::move(allowed).error()));
    return answer(call);
  };
  for (const std::string& prefix :
       {lattice::call_prefix(lattice_, id), lattice::host_call_prefix(lattice_, host_id_, id)}) {
    WATTLE_TRY(auto service, server_->serve(prefix, prefix, handler));
    services.push_back(std::move(service));
  }
  // Whoever is told that it runs here must find it.
  const async::DeadlineScope deadline(Clock::now() + kFlushTime);
  if (bus_.connected()) (void)bus_.flush();
  return {};
}

void RemoteCalls::stop_serving(const std::string& id) {
  const auto found = services_.find(id);
  if (found == services_.end()) return;
  const auto services = std::move(found->second);
  services_.erase(found);
  for (const auto& service : services) (void)service->drain();
}

}  // namespace wattle::host
