#include "lattice/events.h"

#include <sodium.h>

#include <array>
#include <chrono>
#include <cstdio>

#include "lattice/bus.h"
#include "lattice/control_fields.h"
#include "lattice/link_fields.h"
#include "lattice/names.h"

namespace wattle::lattice {
namespace {

using boost::json::object;

constexpr std::string_view kTypePrefix = "com.wasmcloud.lattice.";

boost::json::string text(std::string_view from) {
  return boost::json::string(valid_utf8(from));
}

object map_of(const StringMap& map) {
  object written;
  for (const auto& [key, value] : map) written.emplace(valid_utf8(key), text(value));
  return written;
}

Event event(std::string_view name, const object& data) {
  return {
      .name = std::string(name), .data = boost::json::serialize(data), .source = {}, .id = {}, .time = {}};
}

object claims_data(const ComponentClaims& claims) {
  boost::json::array tags;
  for (const std::string& tag : claims.tags) tags.emplace_back(text(tag));
  return {{"call_alias", text(claims.call_alias)},
          {"issuer", text(claims.issuer)},
          {"tags", std::move(tags)},
          {"name", text(claims.name)},
          {"version", text(claims.version)},
          {"revision", claims.revision},
          {"not_before_human", text(claims.not_before_human)},
          {"expires_human", text(claims.expires_human)}};
}

object scale_data(const ComponentScale& scale) {
  object data{{"annotations", map_of(scale.annotations)},
              {"host_id", text(scale.host_id)},
              {"image_ref", text(scale.image_ref)},
              {"max_instances", scale.max_instances},
              {"component_id", text(scale.component_id)}};
  if (scale.claims) data.emplace("public_key", text(scale.claims->subject));
  return data;
}

// What v1 still tells for who is older than it.
void add_legacy(object& data, const ProviderEvent& provider) {
  data.emplace("instance_id", text(provider.provider_id));
  data.emplace("public_key", text(provider.provider_id));
  data.emplace("link_name", "default");
}

}  // namespace

std::string event_id() {
  std::array<unsigned char, 16> bytes;
  randombytes_buf(bytes.data(), bytes.size());
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto milliseconds =
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
  for (size_t i = 0; i < 6; ++i) bytes[i] = static_cast<unsigned char>(milliseconds >> (8 * (5 - i)));
  std::string id;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) id += '-';
    id += fmt::format("{:02x}", bytes[i]);
  }
  return id;
}

std::string format_time(int64_t microseconds_since_1970) {
  const std::chrono::sys_time<std::chrono::microseconds> time{
      std::chrono::microseconds(microseconds_since_1970)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const int64_t of_day = (time - day).count();
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     of_day / 3'600'000'000, of_day / 60'000'000 % 60, of_day / 1'000'000 % 60,
                     of_day % 1'000'000);
}

std::string format_time_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return format_time(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

std::string to_json(const Event& event, std::string_view source) {
  const object around{{"specversion", "1.0"},
                      {"id", event_id()},
                      {"type", fmt::format("{}{}", kTypePrefix, event.name)},
                      {"source", text(source)},
                      {"datacontenttype", "application/json"},
                      {"time", format_time_now()}};
  std::string json = boost::json::serialize(around);
  json.pop_back();
  return json + ",\"data\":" + event.data + "}";
}

Result<Event> parse_event(std::string_view json) {
  WATTLE_TRY(const object around, parse_object(json, "the event"));
  Event event;
  std::string version;
  std::string type;
  object data;
  FieldReader fields(around, "");
  fields.required("specversion", version);
  fields.required("type", type);
  fields.required("source", event.source);
  fields.required("id", event.id);
  fields.optional("time", event.time);
  fields.optional("data", data);
  if (auto read = fields.done(); !read)
    return failure(ErrorCode::malformed, "the event: {}", read.error().message());
  if (version != "1.0")
    return failure(ErrorCode::unsupported, "the event is of CloudEvents version {}, and 1.0 is understood",
                   version);
  if (!type.starts_with(kTypePrefix))
    return failure(ErrorCode::unsupported, "the event's type \"{}\" is not of a lattice", type);
  event.name = type.substr(kTypePrefix.size());
  event.data = boost::json::serialize(data);
  return event;
}

Result<void> publish(Bus& bus, std::string_view lattice, std::string_view source, const Event& event) {
  return bus.publish(event_subject(lattice, event.name), to_json(event, source));
}

Event host_started(const StringMap& labels, std::string_view friendly_name, std::string_view version) {
  return event("host_started", {{"labels", map_of(labels)},
                                {"friendly_name", text(friendly_name)},
                                {"uptime_seconds", 0},
                                {"version", text(version)}});
}

Event host_heartbeat(const HostInventory& inventory) {
  return event("host_heartbeat", write_object(inventory));
}

Event host_stopped(const StringMap& labels) {
  return event("host_stopped", {{"labels", map_of(labels)}});
}

Event component_scaled(const ComponentScale& scale) {
  object data = scale_data(scale);
  if (scale.claims) data.emplace("claims", claims_data(*scale.claims));
  return event("component_scaled", data);
}

Event component_scale_failed(const ComponentScale& scale, std::string_view error) {
  object data = scale_data(scale);
  data.emplace("error", text(error));
  return event("component_scale_failed", data);
}

Event provider_started(const ProviderEvent& provider) {
  object data{{"host_id", text(provider.host_id)},
              {"image_ref", text(provider.image_ref)},
              {"provider_id", text(provider.provider_id)},
              {"annotations", map_of(provider.annotations)}};
  if (provider.claims) data.emplace("claims", claims_data(*provider.claims));
  add_legacy(data, provider);
  return event("provider_started", data);
}

Event provider_start_failed(const ProviderEvent& provider, std::string_view error) {
  return event("provider_start_failed", {{"provider_ref", text(provider.image_ref)},
                                         {"provider_id", text(provider.provider_id)},
                                         {"host_id", text(provider.host_id)},
                                         {"error", text(error)},
                                         {"link_name", "default"}});
}

Event provider_stopped(const ProviderEvent& provider, std::string_view reason) {
  object data{{"host_id", text(provider.host_id)},
              {"provider_id", text(provider.provider_id)},
              {"annotations", map_of(provider.annotations)},
              {"reason", text(reason)}};
  add_legacy(data, provider);
  return event("provider_stopped", data);
}

Event health_check(HealthEvent kind, std::string_view host_id, std::string_view provider_id) {
  const std::string_view name = kind == HealthEvent::passed   ? "health_check_passed"
                                : kind == HealthEvent::failed ? "health_check_failed"
                                                              : "health_check_status";
  return event(name, {{"host_id", text(host_id)}, {"provider_id", text(provider_id)}});
}

Result<Failure> parse_failure(const Event& event) {
  boost::system::error_code problem;
  const auto value = boost::json::parse(event.data, problem);
  if (problem || !value.is_object())
    return failure(ErrorCode::malformed, "the data of {} is no object", event.name);
  const auto text_of = [&](std::string_view key) {
    const auto* found = value.get_object().if_contains(key);
    return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
  };
  Failure failed{text_of("component_id"), text_of("error")};
  if (failed.id.empty()) failed.id = text_of("provider_id");
  if (failed.id.empty())
    return failure(ErrorCode::malformed, "{} names no component and no provider", event.name);
  return failed;
}

Result<ComponentScale> parse_scale(const Event& event) {
  WATTLE_TRY(const object data, parse_object(event.data, "the event's data"));
  ComponentScale scale;
  FieldReader fields(data, "");
  fields.required("host_id", scale.host_id);
  fields.required("component_id", scale.component_id);
  fields.required("image_ref", scale.image_ref);
  fields.required("max_instances", scale.max_instances);
  if (auto read = fields.done(); !read)
    return failure(ErrorCode::malformed, "{}: {}", event.name, read.error().message());
  return scale;
}

Event linkdef_set(const Link& link) {
  return event("linkdef_set", write_object(link));
}

Event linkdef_set_failed(const Link& link, std::string_view error) {
  object data = write_object(link);
  data.emplace("error", text(error));
  return event("linkdef_set_failed", data);
}

Event linkdef_deleted(const LinkKey& key, const Link* link) {
  object data = write_object(key);
  if (link != nullptr) {
    data.emplace("target", text(link->target));
    data.emplace("interfaces", boost::json::value_from(link->interfaces));
  }
  return event("linkdef_deleted", data);
}

Event config_set(std::string_view name) {
  return event("config_set", {{"config_name", text(name)}});
}

Event config_deleted(std::string_view name) {
  return event("config_deleted", {{"config_name", text(name)}});
}

Event labels_changed(std::string_view host_id, const StringMap& labels) {
  return event("labels_changed", {{"host_id", text(host_id)}, {"labels", map_of(labels)}});
}

}  // namespace wattle::lattice
