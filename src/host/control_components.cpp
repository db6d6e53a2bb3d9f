// The components of a host: scaling, updating, and what runs in which revision.
#include <algorithm>
#include <charconv>

#include "base/parse.h"
#include "host/claims.h"
#include "host/control.h"
#include "host/linked_interfaces.h"
#include "lattice/names.h"
#include "runtime/runtime.h"

namespace wattle::host {
namespace {

using lattice::Ack;

Result<uint64_t> parse_count(std::string_view text) {
  uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size())
    return failure(ErrorCode::invalid_argument, "\"{}\" is no number", text);
  return number;
}

// component_limits of a scale: v1's two keys. Bytes and milliseconds as numbers, or with units.
Result<ComponentLimits> parse_limits(const std::optional<lattice::StringMap>& limits) {
  ComponentLimits parsed;
  if (!limits) return parsed;
  for (const auto& [key, value] : *limits) {
    if (key == "max_memory_limit") {
      auto bytes = parse_bytes(value);
      if (!bytes) return failure(bytes.error().with_context(fmt::format("component_limits: {}", key)));
      parsed.max_memory_bytes = *bytes;
    } else if (key == "max_execution_time") {
      if (auto milliseconds = parse_count(value)) {
        constexpr uint64_t kYear = uint64_t{365} * 86'400'000;
        parsed.max_execution_time = std::chrono::milliseconds(std::min(*milliseconds, kYear));
        continue;
      }
      auto duration = parse_duration(value);
      if (!duration) return failure(duration.error().with_context(fmt::format("component_limits: {}", key)));
      parsed.max_execution_time = *duration;
    } else {
      return failure(ErrorCode::invalid_argument,
                     "component_limits: \"{}\" is not known: max_memory_limit and max_execution_time are",
                     key);
    }
  }
  return parsed;
}

Result<void> check_idle_time(const std::optional<uint64_t>& idle_after_ms) {
  static constexpr uint64_t kLeast = 100, kMost = uint64_t{365} * 86'400'000;
  if (!idle_after_ms || *idle_after_ms == 0 || (*idle_after_ms >= kLeast && *idle_after_ms <= kMost))
    return {};
  return failure(ErrorCode::invalid_argument,
                 "idle_after_ms is {}: it must be 0 (never parked), or from {} ms to 365 days",
                 *idle_after_ms, kLeast);
}

}  // namespace

// ---- What runs

const HostControl::Component* HostControl::newest(const std::string& id) const {
  const auto found = components_.find(id);
  return found == components_.end() ? nullptr : &found->second.back();
}

const HostControl::Component* HostControl::find_image(const std::string& id,
                                                      const std::string& image_ref) const {
  const auto found = components_.find(id);
  if (found == components_.end()) return nullptr;
  for (const Component& each : found->second)
    if (each.spec.image_ref == image_ref) return &each;
  return nullptr;
}

const HostControl::Component* HostControl::find_digest(const std::string& id,
                                                       const std::string& digest) const {
  const auto found = components_.find(id);
  if (found == components_.end()) return nullptr;
  for (const Component& each : found->second)
    if (each.spec.digest == digest) return &each;
  return nullptr;
}

const HostControl::Component* HostControl::base_of(const lattice::ScaleComponent& request) const {
  const Component* same = find_image(request.component_id, request.component_ref);
  return same != nullptr || request.beside ? same : newest(request.component_id);
}

// ---- Scaling

Result<Ack> HostControl::scale_component(const lattice::ScaleComponent& request) {
  WATTLE_CHECK(lattice::check_id(request.component_id, "the component's id"));
  WATTLE_CHECK(parse_limits(request.component_limits));
  WATTLE_CHECK(check_idle_time(request.idle_after_ms));
  if (request.beside && request.component_ref.empty())
    return failure(ErrorCode::invalid_argument,
                   "component_ref does not say which revision of \"{}\" is to run beside others",
                   request.component_id);
  const Component* base = base_of(request);
  if (base == nullptr && request.count > 0 && request.component_ref.empty())
    return failure(ErrorCode::invalid_argument,
                   "component \"{}\" does not run here, and component_ref does not say what to run",
                   request.component_id);
  Ack ack;
  if (base != nullptr && request.count > 0 && !request.allow_update && !request.component_ref.empty() &&
      request.component_ref != base->spec.image_ref)
    ack.message = fmt::format(
        "component \"{}\" runs {} and is scaled as it is; to run {} instead, update it, or allow it with "
        "allow_update",
        request.component_id, base->spec.image_ref, request.component_ref);
  WATTLE_CHECK(jobs_.add(
      component_job(request.component_id), [this, request] { do_scale(request); }, options_.work_time_max));
  return ack;
}

void HostControl::do_scale(const lattice::ScaleComponent& request) {
  const auto scaled = scale(request);
  lattice::ComponentScale event{.annotations = request.annotations.value_or(lattice::StringMap{}),
                                .host_id = options_.host_id,
                                .image_ref = request.component_ref,
                                .max_instances = request.count,
                                .component_id = request.component_id};
  if (const Component* runs = base_of(request)) {
    event.annotations = runs->annotations;
    event.claims = runs->claims;
    if (scaled) event.image_ref = runs->spec.image_ref;
  }
  if (scaled) return tell(lattice::component_scaled(event));
  parts_.log.error(
      scaled.error().with_context(fmt::format("component {} was not scaled", request.component_id)));
  tell(lattice::component_scale_failed(event, told(scaled.error())));
}

Result<void> HostControl::scale(const lattice::ScaleComponent& request) {
  if (request.count == 0) {
    if (!request.beside) return stop_component(request.component_id), Result<void>();
    end_revisions(request.component_id,
                  [&](const Component& each) { return each.spec.image_ref == request.component_ref; });
    return {};
  }
  const Component* base = base_of(request);
  // Changed in a copy, which is kept once the data side has it.
  Component next = base != nullptr ? *base : Component{};
  if (base == nullptr && request.component_ref.empty())
    return failure(ErrorCode::invalid_argument, "component_ref does not say what to run");
  std::string image_ref;
  if (base == nullptr || (request.allow_update && !request.component_ref.empty() &&
                          request.component_ref != base->spec.image_ref))
    image_ref = request.component_ref;
  WATTLE_CHECK(parts_.state.wait_for_configs(request.config, kConfigPatience));
  next.spec.id = request.component_id;
  next.spec.max_instances = request.count;
  next.spec.config = request.config;
  if (request.component_limits || base == nullptr) {
    WATTLE_TRY(next.spec.limits, parse_limits(request.component_limits));
    next.limits = request.component_limits;
  }
  if (request.annotations) next.annotations = *request.annotations;
  if (request.idle_after_ms) next.idle_after = std::chrono::milliseconds(*request.idle_after_ms);
  // Memory is bounded when the binary is compiled: of one that is parked, when it is loaded.
  const bool is_loaded_anew =
      base != nullptr && base->spec.parked
          ? next.idle_after == Duration::zero()
          : base != nullptr && next.spec.limits.max_memory_bytes != base->spec.limits.max_memory_bytes;
  if (image_ref.empty() && is_loaded_anew) image_ref = base->spec.image_ref;
  return put_component(std::move(next), image_ref, request.beside);
}

// The same binary under another reference is the same revision, and has the newer name.
Result<void> HostControl::load(Component& next, const std::string& image_ref) {
  const std::string& id = next.spec.id;
  WATTLE_TRY(const Image image, parts_.images.fetch(image_ref));
  const Component* same = find_digest(id, image.digest);
  next.spec.parked = false;
  if (same != nullptr && !same->spec.parked &&
      same->spec.limits.max_memory_bytes == next.spec.limits.max_memory_bytes) {
    next.spec.component = same->spec.component;
  } else {
    WATTLE_TRY(next.spec.component, parts_.compile(image, next.spec.limits));
  }
  if (next.spec.component != nullptr)
    next.interfaces = linked_interfaces(next.spec.component->definition().type);
  if (same != nullptr) {
    next.claims = same->claims;
    next.token = same->token;
    next.revision = same->revision;
  } else {
    next.claims = claims_of(image, image_ref);
    next.token = next.claims ? read_token(*image.bytes).value_or("") : "";
    const Component* before = newest(id);
    next.revision = before == nullptr ? 1 : before->revision + 1;
  }
  next.spec.image_ref = image_ref;
  next.spec.digest = image.digest;
  return {};
}

Result<void> HostControl::put_component(Component next, const std::string& image_ref, bool beside) {
  if (!image_ref.empty()) WATTLE_CHECK(load(next, image_ref));
  const std::string id = next.spec.id;
  next.failures = 0;
  next.refusal.reset();
  // Telling the same again would cost its instances.
  const Component* same = find_digest(id, next.spec.digest);
  if (same == nullptr || same->spec != next.spec) WATTLE_CHECK(tell_component(next));
  Revisions& revisions = components_[id];
  const auto place = std::find_if(revisions.begin(), revisions.end(), [&](const Component& each) {
    return each.spec.digest == next.spec.digest;
  });
  if (place != revisions.end())
    *place = next;
  else
    revisions.push_back(next);
  if (parts_.secrets != nullptr) parts_.secrets->wanted_changed();
  announce();
  components_changed_.notify();
  // A reference names one revision, though what it leads to may change.
  end_revisions(id, [&](const Component& each) {
    return each.spec.digest != next.spec.digest && (!beside || each.spec.image_ref == next.spec.image_ref);
  });
  return {};
}

Result<void> HostControl::tell_component(const Component& next) {
  const std::string& id = next.spec.id;
  auto put = fetch_secrets(id, next.spec.config, next.token);
  if (put) put = parts_.data.put_component(next.spec);
  std::erase_if(starting_secrets_, [&](const auto& wanted) { return wanted.first.entity == id; });
  if (!put && parts_.secrets != nullptr) parts_.secrets->wanted_changed();
  return put;
}

void HostControl::stop_component(const std::string& id) {
  if (!components_.contains(id)) return;
  parts_.data.remove_component(id);
  components_.erase(id);
  if (parts_.secrets != nullptr) parts_.secrets->wanted_changed();
  announce();
}

void HostControl::end_revisions(const std::string& id, const std::function<bool(const Component&)>& ends) {
  const auto found = components_.find(id);
  if (found == components_.end()) return;
  if (std::all_of(found->second.begin(), found->second.end(), ends)) return stop_component(id);
  // Nobody is to be sent to what has ended.
  std::vector<RevisionKey> ended;
  for (const Component& each : found->second)
    if (ends(each)) ended.push_back({id, each.spec.digest});
  if (ended.empty()) return;
  std::erase_if(found->second, ends);
  if (parts_.secrets != nullptr) parts_.secrets->wanted_changed();
  announce();
  for (const RevisionKey& key : ended) parts_.data.remove_revision(key);
}

// A token that does not hold is as none: signing is not required.
std::optional<lattice::ComponentClaims> HostControl::claims_of(const Image& image,
                                                               const std::string& image_ref) {
  auto claims = read_claims(*image.bytes);
  if (!claims) {
    parts_.log.warn("a component's token does not hold, and the component runs as one that is not signed",
                    {{"image", image_ref}, {"reason", claims.error().full_message()}});
    return {};
  }
  if (*claims)
    if (auto put = parts_.state.put_claims(**claims); !put)
      parts_.log.warn("a component's claims could not be kept",
                      {{"image", image_ref}, {"reason", put.error().full_message()}});
  return *std::move(claims);
}

// ---- Updating

Result<Ack> HostControl::update_component(const lattice::UpdateComponent& request) {
  const auto found = components_.find(request.component_id);
  if (found == components_.end())
    return failure(ErrorCode::not_found, "component \"{}\" does not run on this host", request.component_id);
  if (request.new_component_ref.empty())
    return failure(ErrorCode::invalid_argument, "new_component_ref does not say what to run");
  if (found->second.size() == 1 && request.new_component_ref == found->second.front().spec.image_ref)
    return Ack{
        fmt::format("component \"{}\" runs {} already", request.component_id, request.new_component_ref)};
  WATTLE_CHECK(jobs_.add(
      component_job(request.component_id), [this, request] { do_update(request); }, options_.work_time_max));
  return Ack{};
}

void HostControl::do_update(const lattice::UpdateComponent& request) {
  const auto updated = update(request);
  const Component* runs = newest(request.component_id);
  const lattice::ComponentScale event{
      .annotations = runs != nullptr ? runs->annotations : lattice::StringMap{},
      .host_id = options_.host_id,
      .image_ref = request.new_component_ref,
      .max_instances = runs != nullptr ? runs->spec.max_instances : 0,
      .component_id = request.component_id,
      .claims = runs != nullptr ? runs->claims : std::nullopt};
  if (updated) return tell(lattice::component_scaled(event));
  parts_.log.error(
      updated.error().with_context(fmt::format("component {} was not updated", request.component_id)));
  tell(lattice::component_scale_failed(event, told(updated.error())));
}

Result<void> HostControl::update(const lattice::UpdateComponent& request) {
  const Component* runs = newest(request.component_id);
  if (runs == nullptr)
    return failure(ErrorCode::not_found, "component \"{}\" was stopped before it could be updated",
                   request.component_id);
  Component next = *runs;
  if (request.annotations) next.annotations = *request.annotations;
  return put_component(std::move(next), request.new_component_ref, false);
}

}  // namespace wattle::host
