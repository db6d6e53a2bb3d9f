// What anybody who may publish on the bus can send a host: control requests, subjects, events, links, and the
// values of v1's buckets and of a provider's start line. What is read must be written so that it reads the
// same again.
//
// The first line chooses: a control subject without its prefix ("config.put.a"); the rest is the payload.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lattice/authorize.h"
#include "lattice/control_server.h"
#include "lattice/events.h"
#include "lattice/names.h"
#include "lattice/provider_host_data.h"
#include "lattice/revision_weights.h"
#include "lattice/secret_reference.h"
#include "lattice/spy.h"
#include "lattice/state_buckets.h"

namespace {

using namespace wattle::lattice;
using wattle::Result;

// Text that is written as `json` must be read again, and be written the same.
template <class T>
void survives(const T& value) {
  const std::string json = to_json(value);
  const auto again = parse_json<T>(json);
  if (!again || to_json(*again) != json) std::abort();
}

// Takes everything, and holds it against itself.
class Echo final : public ControlHandler {
 public:
  Result<Host> describe_host() override {
    Host host;
    host.id = "N";
    return host;
  }
  Result<HostInventory> inventory() override { return HostInventory{}; }
  Result<Ack> stop_host(const StopHost& value) override { return taken(value); }
  Result<Ack> put_label(const Label& value) override { return taken(value); }
  Result<Ack> delete_label(const LabelKey& value) override { return taken(value); }
  Result<std::optional<ComponentAuctionAck>> bid(const ComponentAuction& value) override {
    survives(value);
    return ComponentAuctionAck{value.component_ref, value.component_id, "N", value.constraints};
  }
  Result<std::optional<ProviderAuctionAck>> bid(const ProviderAuction& value) override {
    survives(value);
    return std::optional<ProviderAuctionAck>();
  }
  Result<Ack> scale_component(const ScaleComponent& value) override { return taken(value); }
  Result<Ack> update_component(const UpdateComponent& value) override { return taken(value); }
  Result<Ack> start_provider(const StartProvider& value) override { return taken(value); }
  Result<Ack> stop_provider(const StopProvider& value) override { return taken(value); }
  Result<Ack> put_link(const Link& link) override {
    if (auto again = parse_link(to_json(link)); !again || *again != link) std::abort();
    WATTLE_CHECK(check(link));
    // What may be put can be found, and called through.
    const auto table = LinkTable::build({link});
    for (const std::string& interface : link.interfaces) {
      const std::string name = link.wit_namespace + ":" + link.wit_package + "/" + interface;
      if (!split_interface(name)) std::abort();
      if (!authorize(*table, link.source_id, link.name, name, "f", link.target)) std::abort();
    }
    return Ack{};
  }
  Result<Ack> replace_link(const Link& link) override { return put_link(link); }
  Result<LinkCopyAck> copy_link(const LinkCopyRequest& value) override {
    const std::string json = to_json(value);
    const auto again = parse_link_copy(json);
    if (!again || to_json(*again) != json) std::abort();
    return LinkCopyAck{json};
  }
  Result<Ack> delete_link(const LinkKey& value) override { return taken(value); }
  Result<std::vector<Link>> links() override { return std::vector<Link>(); }
  Result<Ack> put_config(const std::string&, const StringMap& value) override {
    (void)parse_rules(value);
    if (auto reference = parse_secret_reference("SECRET_a", value))
      if (parse_secret_reference("SECRET_a", to_map(*reference)).value() != *reference) std::abort();
    return taken(value);
  }
  Result<Ack> delete_config(const std::string& name) override { return Ack{name}; }
  Result<std::optional<StringMap>> config(const std::string& name) override {
    return StringMap{{"name", name}};
  }
  Result<std::vector<StringMap>> claims() override { return std::vector<StringMap>(); }
  Result<Ack> put_weights(const PutWeights& value) override {
    if (check_weights(value.component_id, value.weights))
      if (parse_weights(weights_to_json(value.weights)).value() != value.weights) std::abort();
    return taken(value);
  }
  Result<WeightTable> weights() override { return WeightTable(); }
  Result<Ack> put_registries(const RegistryCredentials& value) override { return taken(value); }

 private:
  template <class T>
  static Result<Ack> taken(const T& value) {
    survives(value);
    return Ack{};
  }
};

void ask(std::string_view subject, std::string_view payload) {
  static Echo echo;
  const auto reply =
      answer_control_request(echo, "default", "N", "wasmbus.ctl.v1.default." + std::string(subject), payload);
  if (!reply) return;
  const auto read = parse_reply(to_json(*reply));
  if (!read || read->success != reply->success) std::abort();
}

template <class Parse>
void read_and_write(std::string_view text, Parse parse) {
  const auto value = parse(text);
  if (!value) return;
  const std::string json = to_json(*value);
  const auto again = parse(json);
  if (!again || to_json(*again) != json) std::abort();
}

void read_texts(std::string_view text) {
  read_and_write(text, parse_component_record);
  read_and_write(text, parse_claims);
  read_and_write(text, parse_observed_hosts);
  read_and_write(text, parse_observed_components);
  read_and_write(text, parse_observed_providers);
  read_and_write(text, parse_host_data);
  read_and_write(text, parse_provider_link);
  read_and_write(text, parse_secrets);
  read_and_write(text, parse_stored_links);
  read_and_write(text, parse_link_state);
  read_and_write(text, parse_link_records);
  read_and_write(text, parse_spy_request);
  read_and_write(text, parse_spied_call);
  read_and_write(text, parse_json<HostInventory>);
  read_and_write(text, parse_json<Host>);
  if (auto data = parse_line(text); data && !parse_line(to_line(*data))) std::abort();
  if (auto event = parse_event(text); event && !parse_event(to_json(*event, event->source))) std::abort();
  if (auto call = parse_call_subject(text)) {
    const Operation operation = split_operation(call->operation);
    const std::string prefix = call->host_id.empty()
                                   ? call_prefix(call->lattice, call->target)
                                   : host_call_prefix(call->lattice, call->host_id, call->target);
    if (!operation.function.empty() && call_subject(prefix, operation.instance, operation.function) != text)
      std::abort();
  }
  (void)split_interface(text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t line = std::min(input.find('\n'), input.size());
  const std::string_view payload = input.substr(std::min(line + 1, input.size()));
  ask(input.substr(0, line), payload);
  read_texts(payload);
  return 0;
}
