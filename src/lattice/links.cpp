#include "lattice/links.h"

#include <algorithm>
#include <tuple>

#include "base/parse.h"
#include "lattice/secret_reference.h"

namespace wattle::lattice {
namespace {

constexpr std::string_view kReserved = "wattle-";
constexpr std::string_view kTimeout = "wattle-timeout";
constexpr std::string_view kIdempotent = "wattle-idempotent";

std::string_view without_version(std::string_view interface) {
  return interface.substr(0, interface.find('@'));
}

// The name on the wire of an interface whose resources do not cross it; empty: its own name.
std::string wire_interface(const Link& link, std::string_view interface) {
  if (link.wit_namespace != "wasi") return {};
  if (link.wit_package == "blobstore") return "wrpc:blobstore/blobstore";
  if (link.wit_package == "keyvalue" || link.wit_package == "http")
    return fmt::format("wrpc:{}/{}", link.wit_package, interface);
  return {};
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    std::string_view item = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (!item.empty()) items.emplace_back(item);
  }
  return items;
}

bool same_way(const Link& left, const Link& right) {
  return left.source_id == right.source_id && left.name == right.name &&
         left.wit_namespace == right.wit_namespace && left.wit_package == right.wit_package;
}

size_t hash_of(std::string_view first, std::string_view second, std::string_view interface) {
  constexpr std::hash<std::string_view> kHash;
  return (kHash(first) * 0x9E3779B97F4A7C15u + kHash(second)) * 0x9E3779B97F4A7C15u + kHash(interface);
}

void take_out_reserved(StringMap& config) {
  std::erase_if(config, [](const auto& item) { return item.first.starts_with(kReserved); });
}

}  // namespace

StringMap merge_configs(const ConfigTable& configs, const std::vector<std::string>& names) {
  StringMap merged;
  for (const std::string& name : names)
    if (const auto found = configs.find(name); found != configs.end() && !names_secret(name))
      for (const auto& [key, value] : found->second) merged.insert_or_assign(key, value);
  return merged;
}

bool CallRules::is_idempotent(std::string_view function) const {
  return std::any_of(idempotent.begin(), idempotent.end(),
                     [&](const std::string& name) { return name == "*" || name == function; });
}

Result<CallRules> parse_rules(const StringMap& source_config) {
  CallRules rules;
  for (auto item = source_config.lower_bound(std::string(kReserved));
       item != source_config.end() && item->first.starts_with(kReserved); ++item) {
    const auto& [key, value] = *item;
    if (key == kTimeout) {
      auto timeout = parse_duration(value);
      if (!timeout) return failure(timeout.error().with_context(fmt::format("the config's key {}", key)));
      if (*timeout <= Duration::zero())
        return failure(ErrorCode::invalid_argument, "the config's key {} must be longer than nothing", key);
      rules.timeout = *timeout;
    } else if (key == kIdempotent) {
      rules.idempotent = split_list(value);
    } else {
      return failure(ErrorCode::invalid_argument,
                     "the config's key \"{}\" is not known: keys that begin with \"{}\" are {} and {}", key,
                     kReserved, kTimeout, kIdempotent);
    }
  }
  return rules;
}

std::string describe(const Link& link) {
  std::string interfaces;
  for (const std::string& interface : link.interfaces)
    interfaces += (interfaces.empty() ? "" : ",") + interface;
  return fmt::format("{} --{}--> {} ({}:{}/{})", link.source_id, link.name, link.target, link.wit_namespace,
                     link.wit_package, interfaces);
}

std::shared_ptr<const LinkTable> LinkTable::build(const std::vector<Link>& links,
                                                  const ConfigTable& configs) {
  StoredLinks stored;
  stored.reserve(links.size());
  for (const Link& link : links) stored.push_back({link, LinkPhase::in_force, {}, {}});
  return build_stored(std::move(stored), configs);
}

std::shared_ptr<const LinkTable> LinkTable::build_stored(StoredLinks links, const ConfigTable& configs,
                                                         const BorderTable& borders) {
  auto table = std::make_shared<LinkTable>();
  for (const Border& border : borders.borders()) {
    table->declared_.insert(border.parts.begin(), border.parts.end());
    if (border.forming) table->forming_.insert(border.parts.begin(), border.parts.end());
  }
  // The same table whatever order they come in.
  const auto order = [](const StoredLink& each) {
    const Link& link = each.link;
    return std::tie(link.source_id, link.name, link.wit_namespace, link.wit_package, link.target, each.phase);
  };
  std::sort(links.begin(), links.end(),
            [&](const StoredLink& left, const StoredLink& right) { return order(left) < order(right); });
  size_t keys = 0;
  table->entries_.reserve(links.size());
  for (StoredLink& stored : links) {
    if (auto lets = borders.check(stored.link); !lets) {
      table->problems_.push_back(lets.error().with_context("the link " + describe(stored.link)));
      continue;
    }
    Entry entry{.link = std::move(stored.link),
                .phase = stored.phase,
                .copy = std::move(stored.copy),
                .hold = std::move(stored.hold)};
    entry.source_config = merge_configs(configs, entry.link.source_config);
    entry.target_config = merge_configs(configs, entry.link.target_config);
    if (auto rules = parse_rules(entry.source_config))
      entry.rules = std::move(*rules);
    else
      table->problems_.push_back(rules.error().with_context("the link " + describe(entry.link)));
    take_out_reserved(entry.source_config);
    keys += 2 * entry.link.interfaces.size();
    table->entries_.push_back(std::move(entry));
  }
  table->by_name_.reserve(keys);
  table->by_target_.reserve(keys);
  for (const Entry& entry : table->entries_) table->add_to_indexes(entry);
  return table;
}

void LinkTable::add_to_indexes(const Entry& entry) {
  const Link& link = entry.link;
  const bool in_force = entry.phase == LinkPhase::in_force;
  if (!in_force) changing_.push_back(&entry);
  for (const std::string& interface : link.interfaces) {
    const std::string name = fmt::format("{}:{}/{}", link.wit_namespace, link.wit_package, interface);
    if (const Entry* other = in_force ? by_name_.put(link.source_id, link.name, name, &entry) : nullptr;
        other != nullptr && other->link.target != link.target) {
      problems_.emplace_back(ErrorCode::already_exists,
                             fmt::format("the link {} does not hold, because there is {}", describe(link),
                                         describe(other->link)));
      continue;
    }
    by_target_.put(link.source_id, link.target, name, &entry);
    if (std::string wire = wire_interface(link, interface); !wire.empty()) {
      if (in_force) by_name_.put(link.source_id, link.name, wire, &entry);
      by_target_.put(link.source_id, link.target, std::move(wire), &entry);
    }
  }
}

const LinkTable::Entry* LinkTable::find(std::string_view source, std::string_view link_name,
                                        std::string_view interface) const {
  return by_name_.find(source, link_name, without_version(interface));
}

const LinkTable::Entry* LinkTable::find_to(std::string_view source, std::string_view link_name,
                                           std::string_view target, std::string_view interface) const {
  if (const Entry* entry = find(source, link_name, interface); entry && entry->link.target == target)
    return entry;
  for (const Entry* entry : changing_) {
    const Link& link = entry->link;
    if (link.source_id != source || link.name != link_name || link.target != target) continue;
    for (const std::string& each : link.interfaces) {
      const std::string name = fmt::format("{}:{}/{}", link.wit_namespace, link.wit_package, each);
      if (name == without_version(interface) || wire_interface(link, each) == without_version(interface))
        return entry;
    }
  }
  return nullptr;
}

const LinkTable::Entry* LinkTable::find_between(std::string_view source, std::string_view target,
                                                std::string_view interface) const {
  return by_target_.find(source, target, without_version(interface));
}

std::vector<const LinkTable::Entry*> LinkTable::of_source(std::string_view source) const {
  std::vector<const Entry*> found;
  for (const Entry& entry : entries_)
    if (entry.link.source_id == source) found.push_back(&entry);
  return found;
}

std::vector<const LinkTable::Entry*> LinkTable::of_target(std::string_view target) const {
  std::vector<const Entry*> found;
  for (const Entry& entry : entries_)
    if (entry.link.target == target) found.push_back(&entry);
  return found;
}

std::vector<Link> LinkTable::in_force() const {
  std::vector<Link> links;
  for (const Entry& entry : entries_)
    if (entry.phase == LinkPhase::in_force) links.push_back(entry.link);
  return links;
}

std::vector<const LinkTable::Entry*> LinkTable::matching(const LinkKey& key) const {
  std::vector<const Entry*> found;
  for (const Entry& entry : entries_)
    if (entry.link.source_id == key.source_id && entry.link.name == key.name &&
        entry.link.wit_namespace == key.wit_namespace && entry.link.wit_package == key.wit_package)
      found.push_back(&entry);
  return found;
}

Result<void> LinkTable::check_put(const Link& link) const {
  for (const Entry& entry : entries_) {
    const Link& other = entry.link;
    if (entry.phase != LinkPhase::in_force || !same_way(other, link) || other.target == link.target) continue;
    for (const std::string& interface : link.interfaces)
      if (std::find(other.interfaces.begin(), other.interfaces.end(), interface) != other.interfaces.end())
        return failure(
            Error(ErrorCode::already_exists,
                  fmt::format("the link {} leads {}:{}/{} to another target already; delete it first, or use "
                              "another link name",
                              describe(other), link.wit_namespace, link.wit_package, interface))
                .with_remedy(fmt::format("wattle link del {} {} {} --link-name {}", other.source_id,
                                         other.wit_namespace, other.wit_package, other.name)));
  }
  return {};
}

void LinkTable::Index::reserve(size_t count) {
  size_t size = 8;
  while (size < 2 * count) size *= 2;
  slots.resize(size);
}

const LinkTable::Entry* LinkTable::Index::put(std::string_view first, std::string_view second,
                                              std::string interface, const Entry* entry) {
  if (const Entry* there = find(first, second, interface)) return there;
  const size_t hash = hash_of(first, second, interface);
  size_t at = hash & (slots.size() - 1);
  while (slots[at].entry != nullptr) at = (at + 1) & (slots.size() - 1);
  slots[at] = {hash, entry, std::string(first), std::string(second), std::move(interface)};
  return nullptr;
}

const LinkTable::Entry* LinkTable::Index::find(std::string_view first, std::string_view second,
                                               std::string_view interface) const {
  const size_t hash = hash_of(first, second, interface);
  for (size_t at = hash & (slots.size() - 1); slots[at].entry != nullptr;
       at = (at + 1) & (slots.size() - 1)) {
    const Slot& slot = slots[at];
    if (slot.hash == hash && slot.first == first && slot.second == second && slot.interface == interface)
      return slot.entry;
  }
  return nullptr;
}

}  // namespace wattle::lattice
