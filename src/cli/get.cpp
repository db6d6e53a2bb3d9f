// wattle get: what is in a lattice, as tables.

#include <boost/json.hpp>

#include "cli/lattice_session.h"
#include "cli/table.h"

namespace wattle::cli {
namespace {

namespace json = boost::json;

struct GetOptions : LatticeOptions {
  std::string host;
};

// The one way in which results are shown: a table or that there is nothing, or JSON.
void show(const Output& output, const Table& table, const json::array& items, std::string_view nothing) {
  if (output.json()) return output.line(json::serialize(items));
  output.line(table.empty() ? nothing : table.text());
}

template <class T>
json::value json_of(const T& value) {
  return json::parse(lattice::to_json(value));
}

std::string nothing_in(const Lattice& lattice, std::string_view what) {
  return fmt::format("There are no {} in the lattice \"{}\".", what, lattice.name);
}

std::string uptime(uint64_t seconds) {
  if (seconds < 120) return fmt::format("{}s", seconds);
  if (seconds < 7200) return fmt::format("{}m", seconds / 60);
  if (seconds < 172'800) return fmt::format("{}h", seconds / 3600);
  return fmt::format("{}d", seconds / 86'400);
}

Result<void> get_hosts(Lattice& lattice, const GetOptions&, const Output& output) {
  WATTLE_TRY(const auto hosts, lattice.control.hosts());
  Table table({"NAME", "ID", "VERSION", "UPTIME", "LABELS"});
  json::array items;
  for (const auto& host : hosts) {
    table.add({host.friendly_name, host.id, host.version.value_or(""), uptime(host.uptime_seconds),
               join_pairs(host.labels)});
    items.push_back(json_of(host));
  }
  show(output, table, items, nothing_in(lattice, "hosts"));
  return {};
}

// One host's, or everybody's.
Result<std::vector<lattice::HostInventory>> chosen_inventories(Lattice& lattice, const std::string& host) {
  if (host.empty()) return inventories(lattice);
  WATTLE_TRY(const auto found, find_host(lattice, host));
  WATTLE_TRY(auto inventory, lattice.control.inventory(found.id));
  return std::vector{std::move(inventory)};
}

// "8", or "8, parked" while nothing of it is in memory.
std::string instances_of(const lattice::ComponentDescription& component) {
  return fmt::format("{}{}", component.max_instances, component.parked ? ", parked" : "");
}

Result<void> get_inventory(Lattice& lattice, const GetOptions& options, const Output& output) {
  WATTLE_TRY(const auto found, chosen_inventories(lattice, options.host));
  Table table({"HOST", "KIND", "ID", "INSTANCES", "IMAGE"});
  json::array items;
  for (const auto& inventory : found) {
    items.push_back(json_of(inventory));
    for (const auto& component : inventory.components)
      table.add(
          {inventory.friendly_name, "component", component.id, instances_of(component), component.image_ref});
    for (const auto& provider : inventory.providers)
      table.add({inventory.friendly_name, "provider", provider.id, "", provider.image_ref.value_or("")});
  }
  show(output, table, items,
       options.host.empty() ? "Nothing runs in the lattice \"" + lattice.name + "\"."
                            : fmt::format("Nothing runs on {}.", options.host));
  return {};
}

// `list` of each host, with the host's id and name in each item.
json::array items_of_hosts(const std::vector<lattice::HostInventory>& inventories, std::string_view list) {
  json::array items;
  for (const auto& inventory : inventories) {
    json::value whole = json_of(inventory);
    for (auto& each : whole.at(list).get_array()) {
      each.get_object()["host_id"] = inventory.host_id;
      each.get_object()["friendly_name"] = inventory.friendly_name;
      items.push_back(std::move(each));
    }
  }
  return items;
}

Result<void> get_components(Lattice& lattice, const GetOptions& options, const Output& output) {
  WATTLE_TRY(const auto found, chosen_inventories(lattice, options.host));
  Table table({"ID", "HOST", "INSTANCES", "IMAGE"});
  for (const auto& inventory : found)
    for (const auto& component : inventory.components)
      table.add({component.id, inventory.friendly_name, instances_of(component), component.image_ref});
  show(output, table, items_of_hosts(found, "components"), nothing_in(lattice, "components"));
  return {};
}

Result<void> get_providers(Lattice& lattice, const GetOptions& options, const Output& output) {
  WATTLE_TRY(const auto found, chosen_inventories(lattice, options.host));
  Table table({"ID", "HOST", "NAME", "IMAGE"});
  for (const auto& inventory : found)
    for (const auto& provider : inventory.providers)
      table.add({provider.id, inventory.friendly_name, provider.name.value_or(""),
                 provider.image_ref.value_or("")});
  show(output, table, items_of_hosts(found, "providers"), nothing_in(lattice, "providers"));
  return {};
}

struct LinkFilter : GetOptions {
  std::string source, target;
};

Result<void> get_links(Lattice& lattice, const LinkFilter& filter, const Output& output) {
  WATTLE_TRY(const auto links, lattice.control.links());
  Table table({"SOURCE", "TARGET", "NAME", "INTERFACES", "SOURCE-CONFIG", "TARGET-CONFIG"});
  json::array items;
  for (const auto& link : links) {
    if (!filter.source.empty() && link.source_id != filter.source) continue;
    if (!filter.target.empty() && link.target != filter.target) continue;
    table.add({link.source_id, link.target, link.name,
               fmt::format("{}:{}/{}", link.wit_namespace, link.wit_package, fmt::join(link.interfaces, ",")),
               fmt::format("{}", fmt::join(link.source_config, ",")),
               fmt::format("{}", fmt::join(link.target_config, ","))});
    items.push_back(json::parse(lattice::to_json(link)));
  }
  const bool all = filter.source.empty() && filter.target.empty();
  show(output, table, items, all ? nothing_in(lattice, "links") : "No link fits.");
  return {};
}

Result<void> get_configs(Lattice& lattice, const GetOptions&, const Output& output) {
  WATTLE_TRY(const auto names, config_names(lattice));
  Table table({"NAME", "KEYS"});
  json::array items;
  for (const auto& name : names) {
    const auto config = lattice.control.config(name);
    if (!config && config.error().code() == ErrorCode::not_found) continue;  // it was deleted meanwhile
    if (!config) return failure(config.error());
    std::string keys;
    for (const auto& [key, value] : *config) keys += (keys.empty() ? "" : ",") + key;
    table.add({name, keys});
    items.push_back({{"name", name}, {"values", json_of(*config)}});
  }
  show(output, table, items, nothing_in(lattice, "configs"));
  return {};
}

Result<void> get_claims(Lattice& lattice, const GetOptions&, const Output& output) {
  WATTLE_TRY(const auto claims, lattice.control.claims());
  Table table({"NAME", "SUBJECT", "ISSUER", "VERSION"});
  const auto field = [](const lattice::StringMap& claim, const char* name) {
    const auto found = claim.find(name);
    return found == claim.end() ? std::string() : found->second;
  };
  for (const auto& claim : claims) {
    const std::string subject = field(claim, "sub");
    table.add({field(claim, "name"), subject.empty() ? field(claim, "subject") : subject,
               field(claim, "iss").empty() ? field(claim, "issuer") : field(claim, "iss"),
               field(claim, "version")});
  }
  show(output, table, json_of(claims).get_array(), nothing_in(lattice, "claims: no component is signed, or"));
  return {};
}

template <class Options>
void add(CLI::App& get, Session& session, const std::string& name, const std::string& what, bool of_host,
         Result<void> (*work)(Lattice&, const Options&, const Output&)) {
  auto* verb = get.add_subcommand(name, what);
  auto options = std::make_shared<Options>();
  options->add_to(*verb);
  if (of_host) verb->add_option("host", options->host, "Only this host's: its id or its name");
  if constexpr (std::is_same_v<Options, LinkFilter>) {
    verb->add_option("--source", options->source, "Only those from this component or provider");
    verb->add_option("--target", options->target, "Only those to this component or provider");
  }
  verb->footer(fmt::format("Examples:\n  wattle get {0}\n  wattle get {0} --lattice shop -o json", name));
  on_lattice<Options>(*verb, session, options, work);
}

}  // namespace

void add_link_query(CLI::App& link, Session& session) {
  auto* verb = link.add_subcommand("query", "Lists links");
  auto options = std::make_shared<LinkFilter>();
  options->add_to(*verb);
  verb->add_option("--source", options->source, "Only those from this component or provider");
  verb->add_option("--target", options->target, "Only those to this component or provider");
  verb->footer("Example:\n  wattle link query --source shop-api");
  on_lattice<LinkFilter>(*verb, session, options, get_links);
}

void add_get(CLI::App& app, Session& session) {
  auto* get = app.add_subcommand("get", "Lists what is in a lattice");
  get->require_subcommand(1);
  get->footer("Examples:\n  wattle get hosts\n  wattle get inventory calm-reed-4821 -o json");
  add(*get, session, "hosts", "Lists hosts", false, get_hosts);
  add(*get, session, "inventory", "Lists what runs on hosts", true, get_inventory);
  add(*get, session, "components", "Lists components and where they run", true, get_components);
  add(*get, session, "providers", "Lists providers and where they run", true, get_providers);
  add(*get, session, "links", "Lists links", false, get_links);
  add(*get, session, "configs", "Lists configs, with the names of their values", false, get_configs);
  add(*get, session, "claims", "Lists what signed components claim", false, get_claims);
}

}  // namespace wattle::cli
