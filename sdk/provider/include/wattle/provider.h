// Writing a provider: an implementation of a capability, or of an interface of its own, as a program that
// hosts start, supervise, and tell of links and configs (wasmCloud v1's start protocol, over NATS).
//
//   #include <wattle/provider.h>
//
//   class Outbox final : public wattle::sdk::Provider {
//    public:
//     explicit Outbox(const wattle::sdk::ProviderContext& context) {
//       functions_.add("example:mail/outbox@1.0.0", "send",
//                      [this](const wattle::sdk::Caller& caller, std::string to, std::string text) { ... });
//     }
//     wattle::Result<void> put_link(const wattle::sdk::ProviderLink& link) override { ... }
//     void delete_link(const wattle::sdk::ProviderLink& link) override { ... }
//     wattle::sdk::CustomFunctions* custom_functions() override { return &functions_; }
//
//    private:
//     wattle::sdk::CustomFunctions functions_;
//   };
//
//   int main() { return wattle::sdk::run<Outbox>(); }
//
// capability/provider.h is the contract, the same as for providers that are built into a host;
// capability/key_value.h and its neighbours are the capabilities that wattle knows, whose interfaces
// (wrpc:keyvalue, wrpc:blobstore, wasmcloud:messaging, wasmcloud:postgres) are answered by overriding
// key_value(), blobstore() and so on. Everything runs on fibers of one thread: blocking work belongs into
// async::offload(context.blocking, ...).
//
// What the SDK takes care of: only calls of who has a link arrive; a link is put before its first call and
// deleted after its last; secrets are opened; health is answered; a shutdown lets calls in flight finish.
#pragma once

#include <memory>

#include "async/fiber.h"
#include "async/offload.h"
#include "bindings/custom_functions.h"
#include "capability/provider.h"
#include "telemetry/log.h"

namespace wattle::sdk {

using bindings::call_component;
using bindings::CustomFunctions;
using capability::Caller;
using capability::ComponentCalls;
using capability::Health;
using capability::Provider;
using capability::ProviderContext;
using capability::ProviderLink;
using capability::SecretValue;

// The whole life of a provider's process: reads what the host says on standard input, serves until it is told
// to shut down (or by SIGTERM or SIGINT), and returns main's exit code: 0, or 1 when it could not start,
// which it has logged then.
int run(capability::ProviderFactory& factory);

// The same for a provider that is made from its context. What it cannot work with, it says with a link's
// refusal or as its health.
template <class P>
int run() {
  class Factory final : public capability::ProviderFactory {
   public:
    std::string_view name() const override { return "provider"; }
    std::vector<std::string> interfaces() const override { return {}; }
    Result<std::unique_ptr<Provider>> make(const ProviderContext& context) override {
      return std::make_unique<P>(context);
    }
  };
  Factory factory;
  return run(factory);
}

}  // namespace wattle::sdk
