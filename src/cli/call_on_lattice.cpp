#include "cli/call_on_lattice.h"

#include "cli/interrupt.h"
#include "cli/workload.h"
#include "component/component.h"
#include "host/images.h"
#include "lattice/events.h"
#include "runtime/interface_name.h"
#include "runtime/runtime.h"
#include "wrpc/call_codec.h"

namespace wattle::cli {
namespace {

using component::Sort;

constexpr Duration kImageTimeout = std::chrono::seconds(30);
constexpr Duration kLinkPatience = std::chrono::seconds(5);  // until the callee's host knows the link
constexpr Duration kLinkPoll = std::chrono::milliseconds(20);

// An interface without version stands for whichever the component exports.
bool is_meant(const std::string& exported, const std::string& named) {
  return exported == named ||
         (runtime::split_version(named).version.empty() && runtime::split_version(exported).base == named);
}

Result<RemoteFunction> find_in(const component::ComponentType& type, const FunctionName& name) {
  std::vector<std::string> others;
  const auto look_at = [&](const std::string& interface, const component::NamedExtern& item,
                           bool meant) -> std::optional<RemoteFunction> {
    if (item.type->sort != Sort::function) return {};
    others.push_back(interface.empty() ? item.name : fmt::format("{}.{}", interface, item.name));
    if (!meant || item.name != name.function) return {};
    return RemoteFunction{interface, item.name, *item.type->function};
  };
  for (const auto& item : type.exports) {
    if (auto found = look_at("", item, name.interface.empty())) return std::move(*found);
    if (item.type->sort != Sort::instance) continue;
    const bool meant = !name.interface.empty() && is_meant(item.name, name.interface);
    for (const auto& exported : item.type->instance->exports)
      if (auto found = look_at(item.name, exported, meant)) return std::move(*found);
  }
  const std::string wanted =
      name.interface.empty() ? name.function : fmt::format("{}.{}", name.interface, name.function);
  return failure(Error(ErrorCode::not_found, fmt::format("the component exports no function \"{}\"", wanted))
                     .with_remedy(fmt::format("it exports {}", runtime::nearest_names(wanted, others))));
}

// Invites the calls of one source for one interface of a component, while it lives.
class TemporaryLink {
 public:
  static Result<std::unique_ptr<TemporaryLink>> put(Lattice& lattice, const std::string& target,
                                                    const std::string& interface) {
    WATTLE_TRY(const auto parts, lattice::split_interface(interface));
    lattice::Link link;
    link.source_id = "wattle-call-" + lattice::event_id();
    link.target = target;
    link.wit_namespace = parts.wit_namespace;
    link.wit_package = parts.wit_package;
    link.interfaces = {std::string(parts.interface)};
    WATTLE_CHECK(lattice.control.put_link(link));
    return std::unique_ptr<TemporaryLink>(new TemporaryLink(lattice, std::move(link)));
  }
  ~TemporaryLink() {
    const async::MaskScope mask;
    (void)lattice_.control.delete_link({.source_id = link_.source_id,
                                        .name = link_.name,
                                        .wit_namespace = link_.wit_namespace,
                                        .wit_package = link_.wit_package});
  }
  TemporaryLink(const TemporaryLink&) = delete;
  TemporaryLink& operator=(const TemporaryLink&) = delete;

  const lattice::Link& link() const { return link_; }

 private:
  TemporaryLink(Lattice& lattice, lattice::Link link) : lattice_(lattice), link_(std::move(link)) {}

  Lattice& lattice_;
  lattice::Link link_;
};

}  // namespace

Result<RemoteFunction> find_remote_function(Lattice& lattice, const std::string& component_id,
                                            const FunctionName& name) {
  WATTLE_TRY(const auto places, places_of(lattice, Kind::component, component_id, ""));
  async::DeadlineScope deadline(Clock::now() + kImageTimeout);
  host::ImageOptions options;
  options.lattice = lattice.name;
  options.allow_file_load = true;  // where the host runs on this machine
  host::Images images(lattice.bus, lattice.blocking, std::move(options));
  auto image = images.fetch(places.front().image);
  if (!image)
    return failure(image.error().with_context(
        fmt::format("cannot learn the functions' types of component \"{}\"", component_id)));
  WATTLE_TRY(const auto component, async::offload(lattice.blocking, [&] {
               return runtime::Component::load(*image->bytes, {.compile = false});
             }));
  return find_in(component->definition().type, name);
}

Result<std::optional<wit::Value>> call_remote(Lattice& lattice, const std::string& component_id,
                                              const RemoteFunction& function, const wit::Values& arguments) {
  if (function.interface.empty())
    return failure(Error(ErrorCode::unsupported,
                         fmt::format("\"{}\" is a function of the component itself, and links lead to "
                                     "interfaces",
                                     function.function))
                       .with_remedy("call it in its file: wattle call FILE FUNCTION"));
  // Whoever interrupts it leaves no link behind.
  const Interrupt interrupt(lattice.bus.worker(), [&fiber = async::Fiber::current()] {
    fiber.cancel(Error(ErrorCode::cancelled, "interrupted"));
  });
  WATTLE_TRY(const auto link, TemporaryLink::put(lattice, component_id, function.interface));
  WATTLE_TRY(const auto client, wrpc::Client::start(lattice.bus));
  const lattice::Headers headers{{"source-id", link->link().source_id}, {"link-name", link->link().name}};
  const std::string prefix = lattice::call_prefix(lattice.name, component_id);
  const wrpc::Call call{.prefix = prefix,
                        .instance = function.interface,
                        .function = lattice::wire_function(function.function),
                        .headers = &headers};
  const TimePoint until = Clock::now() + kLinkPatience;
  for (;;) {
    auto returned = wrpc::call_values(*client, call, function.type, arguments);
    const bool early = !returned && returned.error().code() == ErrorCode::permission_denied;
    if (!early || Clock::now() >= until) return returned;
    WATTLE_CHECK(async::sleep_for(kLinkPoll));
  }
}

}  // namespace wattle::cli
