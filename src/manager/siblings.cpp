#include "manager/siblings.h"

#include <algorithm>

#include "wit/version.h"

namespace wattle::manager {
namespace {

using lattice::ComponentInterfaces;
using wit::InterfaceName;

void add_names(std::vector<std::string>& into, const std::vector<std::string>& more) {
  for (const std::string& name : more) {
    const auto place = std::lower_bound(into.begin(), into.end(), name);
    if (place == into.end() || *place != name) into.insert(place, name);
  }
}

std::vector<InterfaceName> parse(const std::vector<std::string>& texts) {
  std::vector<InterfaceName> names;
  for (const std::string& text : texts)
    if (auto name = wit::parse_interface_name(text)) names.push_back(*std::move(name));
  return names;
}

bool serves(const InterfaceName& exported, const InterfaceName& imported) {
  const auto &offered = exported.package.version, &wanted = imported.package.version;
  return exported.interface == imported.interface && exported.package.space == imported.package.space &&
         exported.package.name == imported.package.name &&
         (offered == wanted || (offered && wanted && wit::is_compatible(*offered, *wanted)));
}

// A component in all the revisions that are known.
struct Sibling {
  std::string name{};
  std::string id{};
  std::vector<InterfaceName> imports{}, exports{};
};

std::vector<Sibling> siblings_of(const std::vector<const Application*>& versions,
                                 const KnownInterfaces& known) {
  std::vector<Sibling> siblings;
  for (const Application* version : versions) {
    if (!version->together) continue;
    for (const Part& part : version->parts) {
      const auto revisions = known.find(part.id);
      const bool is_there = std::any_of(siblings.begin(), siblings.end(),
                                        [&](const Sibling& other) { return other.id == part.id; });
      if (part.kind != PartKind::component || revisions == known.end() || is_there) continue;
      ComponentInterfaces all;
      for (const auto& [reference, interfaces] : revisions->second) merge(all, interfaces);
      siblings.push_back({part.name, part.id, parse(all.imports), parse(all.exports)});
    }
  }
  return siblings;
}

// Whether a manifest has a link for it.
bool is_linked(const std::vector<const Application*>& versions, const std::string& id,
               const InterfaceName& imported) {
  return std::any_of(versions.begin(), versions.end(), [&](const Application* version) {
    return std::any_of(version->links.begin(), version->links.end(), [&](const Link& link) {
      const Part* source = find_part(*version, link.source);
      return source != nullptr && source->id == id && link.name == "default" &&
             link.wit_namespace == imported.package.space && link.wit_package == imported.package.name &&
             std::find(link.interfaces.begin(), link.interfaces.end(), imported.interface) !=
                 link.interfaces.end();
    });
  });
}

// Interfaces of one package to one sibling are one link.
void add_link(std::vector<SiblingLink>& links, const Sibling& source, const Sibling& target,
              const InterfaceName& imported, const std::string& remark) {
  const wit::PackageName& package = imported.package;
  const auto there = std::find_if(links.begin(), links.end(), [&](const SiblingLink& other) {
    return other.link.source_id == source.id && other.link.target == target.id &&
           other.link.wit_namespace == package.space && other.link.wit_package == package.name;
  });
  if (there == links.end()) {
    links.push_back({.link = {.source_id = source.id,
                              .target = target.id,
                              .wit_namespace = package.space,
                              .wit_package = package.name,
                              .interfaces = {imported.interface}},
                     .remark = remark});
    return;
  }
  // Another version of an interface that it has already, perhaps.
  add_names(there->link.interfaces, std::vector<std::string>{imported.interface});
  if (there->remark.empty()) there->remark = remark;
}

}  // namespace

void merge(ComponentInterfaces& into, const ComponentInterfaces& more) {
  add_names(into.imports, more.imports);
  add_names(into.exports, more.exports);
}

std::vector<SiblingLink> sibling_links(const std::vector<const Application*>& versions,
                                       const KnownInterfaces& known) {
  const std::vector<Sibling> siblings = siblings_of(versions, known);
  std::vector<SiblingLink> links;
  for (const Sibling& source : siblings) {
    for (const InterfaceName& imported : source.imports) {
      std::vector<const Sibling*> targets;
      for (const Sibling& other : siblings)
        if (other.id != source.id && std::any_of(other.exports.begin(), other.exports.end(),
                                                 [&](const auto& name) { return serves(name, imported); }))
          targets.push_back(&other);
      if (targets.empty() || is_linked(versions, source.id, imported)) continue;
      std::string remark;
      for (size_t i = 1; i < targets.size(); ++i) remark += (i == 1 ? "" : ", ") + targets[i]->name;
      if (!remark.empty())
        remark =
            fmt::format("{} {} {} too; {} is the first in the manifest", remark,
                        targets.size() == 2 ? "exports" : "export", imported.interface, targets[0]->name);
      if (links.size() < kLinksMax) add_link(links, source, *targets[0], imported, remark);
    }
  }
  return links;
}

}  // namespace wattle::manager
