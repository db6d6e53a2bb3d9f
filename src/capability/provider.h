// A provider: an implementation of one or several capabilities, for links that name it as their target or
// their source. The same C++ object serves calls of the host that it is built into, and, behind sdk/provider,
// calls that come over the bus to a process of its own.
//
//   Host or SDK          a worker                provider
//   put_link(link) -->   one object a worker --> connections, routes, subscriptions of that link
//   call(caller, ...)    the link is found by caller.source_id and caller.link_name
//
// A Provider belongs to one worker and is called on its fibers only. What workers must share (the contents of
// an in-memory store) lives in the factory that made them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/offload.h"
#include "base/result.h"

namespace wattle::telemetry {
class Log;
}
namespace wattle::http {
class Exchange;
}
namespace wattle::bindings {
class CustomFunctions;
}

namespace wattle::capability {

class Blobstore;
class KeyValue;
class Messaging;
class OutgoingHttp;  // outgoing_http.h
class Postgres;      // postgres.h
class Secrets;
struct BrokerMessage;

// Who calls a capability, by the link that the call came through.
struct Caller {
  std::string_view source_id;
  std::string_view link_name;
};

// A secret's value; it must not be copied into logs, errors, or anything that is shown.
using SecretValue = std::string;

// A link as its provider sees it: configs and secrets resolved. The provider is its target, or its source
// where components export what it calls (http-server, messaging handlers, key-value watches).
struct ProviderLink {
  std::string source_id;
  std::string target;
  std::string name;
  std::string wit_namespace;
  std::string wit_package;
  std::vector<std::string> interfaces;
  std::map<std::string, std::string> config;  // of the provider's end of the link
  std::map<std::string, SecretValue> secrets;

  // Links are told apart by these.
  bool same_link(const ProviderLink& other) const {
    return source_id == other.source_id && target == other.target && name == other.name &&
           wit_namespace == other.wit_namespace && wit_package == other.wit_package;
  }
};

// Calls from providers into components: by the host that the provider is built into, or over the bus.
// `target` is a component's id. The fiber's deadline holds. A failure of the transport, of the link or of the
// callee is an Error; what the interface itself declares as its error is in the value.
class ComponentCalls {
 public:
  virtual ~ComponentCalls() = default;

  // wasi:http/incoming-handler. Answers the exchange in every case: failures become 502, 503 with
  // Retry-After, 504, or 500.
  virtual void handle_http(std::string_view target, http::Exchange& exchange) = 0;
  // wasmcloud:messaging/handler.handle-message; the inner string is the component's own error.
  virtual Result<tl::expected<void, std::string>> handle_message(std::string_view target,
                                                                 const BrokerMessage& message) = 0;
  // wasi:keyvalue/watcher.
  virtual Result<void> key_was_set(std::string_view target, std::string_view bucket, std::string_view key,
                                   std::string_view value) = 0;
  virtual Result<void> key_was_deleted(std::string_view target, std::string_view bucket,
                                       std::string_view key) = 0;
  // A function of any other interface that the component exports: see bindings::call_component, which knows
  // its types. Parameters and result are wRPC's bytes; `is_whole` says whether a result ends there. Refused
  // (unsupported) by hosts that the provider is built into.
  virtual Result<std::string> call_encoded(std::string_view target, std::string_view interface,
                                           std::string_view function, std::string_view parameters,
                                           const std::function<bool(std::string_view)>& is_whole) {
    (void)parameters, (void)is_whole;
    return failure(ErrorCode::unsupported,
                   "{}.{} of \"{}\" can be called by a provider that is a process of its own only", interface,
                   function, target);
  }
};

// What a provider is given of its surroundings; all of it outlives the provider.
struct ProviderContext {
  async::Worker& worker;
  async::OffloadPool& blocking;
  const telemetry::Log& log;
  ComponentCalls& components;
  std::string provider_id;
  std::map<std::string, std::string> config;  // of the provider itself
  std::map<std::string, SecretValue> secrets;
};

struct Health {
  bool healthy = true;
  std::string message;
};

class Provider {
 public:
  virtual ~Provider() = default;  // after drain(): no call is in progress

  // A link was put, or one that is known has changed. Refused (invalid_argument, already_exists for a port or
  // route that is taken, naming who has it): the link stays as it was. Must not wait for a backend that is
  // down: what is refused is what can never work.
  virtual Result<void> put_link(const ProviderLink& link) = 0;
  virtual void delete_link(const ProviderLink& link) = 0;
  // New configuration of the provider itself.
  virtual Result<void> update_config(const std::map<std::string, std::string>& config) {
    (void)config;
    return {};
  }
  virtual Health health() { return {}; }
  // Takes no new work and finishes what is in flight, within the fiber's deadline.
  virtual void drain() {}

  // The capabilities; null: not one of this provider's.
  virtual KeyValue* key_value() { return nullptr; }
  virtual Blobstore* blobstore() { return nullptr; }
  virtual Messaging* messaging() { return nullptr; }
  virtual OutgoingHttp* outgoing_http() { return nullptr; }
  virtual Postgres* postgres() { return nullptr; }
  virtual Secrets* secrets() { return nullptr; }
  // What it has besides them: functions of interfaces of its own (bindings/custom_functions.h), which
  // components call over the bus.
  virtual bindings::CustomFunctions* custom_functions() { return nullptr; }
};

// What a provider's folder offers: made once a host or process, before its workers.
class ProviderFactory {
 public:
  virtual ~ProviderFactory() = default;
  // "keyvalue-redis": the name in builtin:// references, and of the image that it stands for.
  virtual std::string_view name() const = 0;
  // "wasi:keyvalue/store", ...: the interfaces that components may import through it, without versions.
  virtual std::vector<std::string> interfaces() const = 0;
  // On the worker that `context` names. Refused: invalid_argument (configuration).
  virtual Result<std::unique_ptr<Provider>> make(const ProviderContext& context) = 0;
};

}  // namespace wattle::capability
