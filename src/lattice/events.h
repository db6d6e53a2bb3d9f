// Events of the lattice, as wasmCloud v1 tells them: CloudEvents 1.0 in JSON on wasmbus.evt.{lattice}.{name}.
// Published and forgotten: whoever needs to know for sure asks for the state.
//
//   (void)publish(bus, "default", host_id, component_scaled({.component_id = "shop", ...}));
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "lattice/control_types.h"
#include "lattice/link.h"

namespace wattle::lattice {

class Bus;

struct Event {
  std::string name{};    // "component_scaled"
  std::string data{};    // JSON object
  std::string source{};  // the host's id; on publishing, it is filled in with these
  std::string id{};
  std::string time{};  // RFC 3339
};

// Gives it an id and the present time.
std::string to_json(const Event& event, std::string_view source);
// Refused: malformed; unsupported (another version of CloudEvents, or an event that is not of a lattice).
Result<Event> parse_event(std::string_view json);
// Refused as Bus::publish is.
Result<void> publish(Bus& bus, std::string_view lattice, std::string_view source, const Event& event);

// A ULID's 128 bits (milliseconds since 1970, then chance) in the text of a UUID.
std::string event_id();
// "2026-11-21T06:45:00.123456Z"; of now, unless told otherwise.
std::string format_time(int64_t microseconds_since_1970);
std::string format_time_now();

Event host_started(const StringMap& labels, std::string_view friendly_name, std::string_view version);
Event host_heartbeat(const HostInventory& inventory);
Event host_stopped(const StringMap& labels);

struct ComponentScale {
  StringMap annotations{};
  std::string host_id{};
  std::string image_ref{};
  uint32_t max_instances = 0;
  std::string component_id{};
  std::optional<ComponentClaims> claims{};  // of a signed component
};
Event component_scaled(const ComponentScale& scale);
Event component_scale_failed(const ComponentScale& scale, std::string_view error);

struct ProviderEvent {
  StringMap annotations{};
  std::string host_id{};
  std::string image_ref{};
  std::string provider_id{};
  std::optional<ComponentClaims> claims{};  // of a signed provider
};
Event provider_started(const ProviderEvent& provider);
Event provider_start_failed(const ProviderEvent& provider, std::string_view error);
Event provider_stopped(const ProviderEvent& provider, std::string_view reason);
// passed and failed: when it changed; status: when it did not.
enum class HealthEvent : uint8_t { passed, failed, status };
Event health_check(HealthEvent kind, std::string_view host_id, std::string_view provider_id);

// What the events *_failed say of components and providers. Refused: malformed, without either's id.
struct Failure {
  std::string id{};
  std::string error{};
};
Result<Failure> parse_failure(const Event& event);
// What component_scaled says, without annotations and claims. Refused: malformed.
Result<ComponentScale> parse_scale(const Event& event);

Event linkdef_set(const Link& link);
Event linkdef_set_failed(const Link& link, std::string_view error);
// `link`: what was deleted; null: there was none.
Event linkdef_deleted(const LinkKey& key, const Link* link);
Event config_set(std::string_view name);
Event config_deleted(std::string_view name);
Event labels_changed(std::string_view host_id, const StringMap& labels);

}  // namespace wattle::lattice
