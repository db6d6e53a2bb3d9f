// wasmcloud:bus: link names, and errors of remote calls.
#include <variant>

#include "bindings/add_to.h"
#include "bindings/invocation.h"
#include "runtime/error_mapping.h"
#include "wasi/io.h"

namespace wattle::bindings {
namespace {

using runtime::Host;
using wasi::IoError;

constexpr std::string_view kLattice = "wasmcloud:bus/lattice@2.0.1";
constexpr std::string_view kBusError = "wasmcloud:bus/error@2.0.1";
constexpr std::string_view kRpcError = "wrpc:rpc/error@0.1.0";

class CallTargetInterface : public runtime::HostResource {
 public:
  static constexpr std::string_view kInterface = "wasmcloud:bus/lattice";
  static constexpr std::string_view kName = "call-target-interface";
  explicit CallTargetInterface(std::string interface) : interface_(std::move(interface)) {}
  bool move_to(runtime::HostResources&) override { return true; }
  const std::string& interface() const { return interface_; }  // "wasi:keyvalue/store"

 private:
  std::string interface_;
};

// An error of a remote call, as each of the two packages names it. Calls here fail with the error that their
// own interface declares, so nobody but a guest's own conversion makes one.
class RpcError : public runtime::HostResource {
 public:
  static constexpr std::string_view kInterface = "wrpc:rpc/error";
  static constexpr std::string_view kName = "error";
  explicit RpcError(std::string text) : text_(std::move(text)) {}
  bool move_to(runtime::HostResources&) override { return true; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};
class BusError final : public RpcError {
 public:
  static constexpr std::string_view kInterface = "wasmcloud:bus/error";
  using RpcError::RpcError;
};

tl::expected<void, std::string> set_link_name(
    Host& host, const std::string& name,
    const std::vector<std::unique_ptr<CallTargetInterface>>& interfaces) {
  for (const auto& each : interfaces)
    if (auto set = invocation_of(host).set_link_name(each->interface(), name); !set)
      return tl::make_unexpected(runtime::error_text(set.error()));
  return {};
}

// None of the I/O errors here comes from a remote call, so each goes back as it came.
template <class Made>
tl::expected<std::unique_ptr<Made>, std::unique_ptr<IoError>> from_io_error(std::unique_ptr<IoError> error) {
  return tl::make_unexpected(std::move(error));
}

}  // namespace

void add_bus(runtime::Linker& linker) {
  linker.resource<CallTargetInterface>();
  linker.function(
      kLattice, "[constructor]call-target-interface",
      [](Host&, std::string_view space, std::string_view package, std::string_view interface) {
        return std::make_unique<CallTargetInterface>(fmt::format("{}:{}/{}", space, package, interface));
      });
  linker.function(
      kLattice, "set-link-name",
      [](Host& host, std::string name, std::vector<std::unique_ptr<CallTargetInterface>> interfaces) {
        return set_link_name(host, name, interfaces);
      });
  linker.resource<RpcError>();
  linker.function(kRpcError, "[static]error.from-io-error", [](Host&, std::unique_ptr<IoError> error) {
    return from_io_error<RpcError>(std::move(error));
  });
  linker.function(kRpcError, "[method]error.to-debug-string",
                  [](Host&, RpcError& error) { return error.text(); });
  linker.resource<BusError>();
  linker.function(kBusError, "[static]error.from-rpc-error", [](Host&, std::unique_ptr<RpcError> error) {
    return std::make_unique<BusError>(error->text());
  });
  linker.function(kBusError, "[static]error.from-io-error", [](Host&, std::unique_ptr<IoError> error) {
    return from_io_error<BusError>(std::move(error));
  });
  linker.function(kBusError, "[method]error.to-debug-string",
                  [](Host&, BusError& error) { return error.text(); });
}

}  // namespace wattle::bindings
