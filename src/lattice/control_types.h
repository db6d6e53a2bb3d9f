// What the control protocol of wasmCloud v1 says, as values: requests, answers, and what is told about hosts.
// Each is read and written in v1's JSON, with its exact names.
//
//   WATTLE_TRY(auto request, parse_json<ScaleComponent>(message.payload));
//   bus.publish(message.reply, to_json(Reply::ok("scaling")));
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace wattle::lattice {

using StringMap = std::map<std::string, std::string>;

// Around every answer. `response`: JSON; empty: none. `code`: of a refusal, which error it was (to_string of
// an ErrorCode); wattle's own, which v1's clients do not read.
struct Reply {
  bool success = true;
  std::string message{};
  std::string response{};
  std::string code{};

  static Reply ok(std::string message, std::string response = {}) {
    return {true, std::move(message), std::move(response), {}};
  }
  // The error's message and causes, and what to do.
  static Reply refused(const Error& error);
};
Result<Reply> parse_reply(std::string_view json);
std::string to_json(const Reply& reply);

// Of each type below, and of lists and maps in it. Missing fields that v1 does not ask for get their
// defaults, unknown ones are left out. Refused: malformed (what is no JSON, a field that is missing or has
// another type), naming the field.
template <class T>
Result<T> parse_json(std::string_view json);
template <class T>
std::string to_json(const T& value);

// ---- hosts

struct Host {
  std::optional<std::string> rpc_host{};
  std::optional<std::string> ctl_host{};
  std::string friendly_name{};
  std::string id{};
  std::optional<std::string> js_domain{};
  StringMap labels{};
  std::string lattice{};
  std::optional<std::string> uptime_human{};
  uint64_t uptime_seconds = 0;
  std::optional<std::string> version{};
  bool operator==(const Host&) const = default;
};

// wattle's own: what a component imports and exports of what no host and no provider serves, as its binary
// has it ("shop:pricing/prices@1.0.0"), in order: what links between components can lead to.
struct ComponentInterfaces {
  std::vector<std::string> imports{};
  std::vector<std::string> exports{};
  bool operator==(const ComponentInterfaces&) const = default;
};

struct ComponentDescription {
  std::string id{};
  std::string image_ref{};
  std::optional<std::string> name{};
  std::optional<StringMap> annotations{};
  int32_t revision = 0;
  uint32_t max_instances = 0;
  std::optional<StringMap> limits{};
  // wattle's own: of the revision, one entry for each; after how long without a call it is parked; whether
  // it is; what it imports and exports.
  std::optional<std::string> digest{};
  std::optional<uint64_t> idle_after_ms{};
  bool parked = false;
  ComponentInterfaces interfaces{};
  bool operator==(const ComponentDescription&) const = default;
};

struct ProviderDescription {
  std::string id{};
  std::optional<std::string> image_ref{};
  std::optional<std::string> name{};
  int32_t revision = 0;
  std::optional<StringMap> annotations{};
  bool operator==(const ProviderDescription&) const = default;
};

// What runs on a host; also what its heartbeat tells.
struct HostInventory {
  std::vector<ComponentDescription> components{};
  std::vector<ProviderDescription> providers{};
  std::string host_id{};
  std::string friendly_name{};
  StringMap labels{};
  std::string version{};
  std::string uptime_human{};
  uint64_t uptime_seconds = 0;
  bool operator==(const HostInventory&) const = default;
};

struct StopHost {
  std::string host_id{};
  std::optional<uint64_t> timeout_ms{};  // "timeout": to drain
};

struct Label {
  std::string key{};
  std::string value{};
};

struct LabelKey {
  std::string key{};
};

// ---- components

struct ComponentAuction {
  std::string component_ref{};
  std::string component_id{};
  StringMap constraints{};  // that the host's labels must have
};

struct ComponentAuctionAck {
  std::string component_ref{};
  std::string component_id{};
  std::string host_id{};
  StringMap constraints{};
};

struct ScaleComponent {
  std::string component_ref{};
  std::string component_id{};
  std::optional<StringMap> annotations{};
  uint32_t count = 0;  // instances at once; 0 stops it
  std::optional<StringMap> component_limits{};
  std::string host_id{};
  std::vector<std::string> config{};
  bool allow_update = false;
  // wattle's own: the revision of component_ref runs beside others of the id; a count of 0 stops it alone.
  bool beside = false;
  // wattle's own: without a call for so long it is parked: out of memory until its next call. 0: never; none:
  // as it was, and never at first.
  std::optional<uint64_t> idle_after_ms{};
};

struct UpdateComponent {
  std::string component_id{};
  std::optional<StringMap> annotations{};
  std::string host_id{};
  std::string new_component_ref{};
};

// wattle's own: how calls are shared among revisions of a component (see revision_weights.h).
using RevisionWeights = std::map<std::string, uint32_t>;     // by image reference
using WeightTable = std::map<std::string, RevisionWeights>;  // by component id

// Replaces a component's weights; an empty map deletes them.
struct PutWeights {
  std::string component_id{};
  RevisionWeights weights{};
};

// What a signed component's token says of it.
struct ComponentClaims {
  std::string issuer{};
  std::string subject{};  // the component's public key
  std::string name{};
  std::string call_alias{};
  int64_t revision = 0;
  std::string version{};
  std::vector<std::string> tags{};
  std::string not_before_human{};  // seconds since 1970, or "never"
  std::string expires_human{};
  bool operator==(const ComponentClaims&) const = default;
};
// As claims.get tells them: under their names, and those from before v1.
StringMap describe(const ComponentClaims& claims);

// ---- providers

struct ProviderAuction {
  std::string provider_ref{};
  std::string provider_id{};
  StringMap constraints{};
};

struct ProviderAuctionAck {
  std::string host_id{};
  std::string provider_ref{};
  std::string provider_id{};
  StringMap constraints{};
};

struct StartProvider {
  std::string provider_id{};
  std::string provider_ref{};
  std::string host_id{};
  std::vector<std::string> config{};
  std::optional<StringMap> annotations{};
};

struct StopProvider {
  std::string host_id{};
  std::string provider_id{};  // also read from "provider_ref"
};

// ---- links, registries

// Which links to delete: those of every target and interface.
struct LinkKey {
  std::string source_id{};
  std::string name = "default";
  std::string wit_namespace{};
  std::string wit_package{};
};

struct RegistryCredential {
  std::optional<std::string> username{};
  std::optional<std::string> password{};
  std::optional<std::string> token{};
  std::string registry_type = "oci";  // "registryType"
};
using RegistryCredentials = std::map<std::string, RegistryCredential>;

// ---- lists and maps

struct Link;  // lattice/link.h

template <>
Result<StringMap> parse_json<StringMap>(std::string_view json);
template <>
std::string to_json<StringMap>(const StringMap& value);
template <>
Result<std::vector<StringMap>> parse_json<std::vector<StringMap>>(std::string_view json);
template <>
std::string to_json<std::vector<StringMap>>(const std::vector<StringMap>& value);
template <>
Result<std::vector<Link>> parse_json<std::vector<Link>>(std::string_view json);
template <>
std::string to_json<std::vector<Link>>(const std::vector<Link>& value);
template <>
Result<RegistryCredentials> parse_json<RegistryCredentials>(std::string_view json);
template <>
std::string to_json<RegistryCredentials>(const RegistryCredentials& value);
template <>
Result<WeightTable> parse_json<WeightTable>(std::string_view json);
template <>
std::string to_json<WeightTable>(const WeightTable& value);

}  // namespace wattle::lattice
