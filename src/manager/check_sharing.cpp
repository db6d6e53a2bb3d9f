// Of check(): where one application meets others, by what it takes from them and by what it would take away.

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "manager/check.h"

namespace wattle::manager {
namespace {

constexpr size_t kCircleMax = 64;  // of applications

using ByName = std::map<std::string_view, const Application*>;

void check_use(const Application& application, const Part& part, const Application& owner,
               Problems& problems) {
  const Place& place = part.shared->place;
  const Part* target = find_part(owner, part.shared->part);
  if (target == nullptr || target->shared) {
    std::vector<std::string_view> names;
    for (const Part& one : owner.parts)
      if (!one.shared) names.push_back(one.name);
    problems.error(place,
                   fmt::format("the application {} has no component {}", in_quotes(owner.name),
                               in_quotes(part.shared->part)),
                   names.empty() ? std::string() : fmt::format("it has {}", listed(names)));
    return;
  }
  if (target->kind != part.kind)
    problems.error(place,
                   fmt::format("{} of {} is a {}", in_quotes(target->name), in_quotes(owner.name),
                               target->kind == PartKind::provider ? "capability" : "component"),
                   "change \"type\"");
  if (part.id_given && part.id != target->id)
    problems.error(part.id_place,
                   fmt::format("{} of {} has the id {}", in_quotes(target->name), in_quotes(owner.name),
                               in_quotes(target->id)),
                   "leave the id out");
  if (!owner.shared) {
    problems.error(place, fmt::format("the application {} is not shared", in_quotes(owner.name)),
                   fmt::format("its manifest needs the annotation {}: \"true\"", kSharedAnnotation));
  } else if (!may_use(owner, application.name)) {
    problems.error(place,
                   fmt::format("the application {} is not shared with {}", in_quotes(owner.name),
                               in_quotes(application.name)),
                   fmt::format("its annotation {} must name this application", kSharedWithAnnotation));
  }
}

void check_link_use(const Application& application, const Link& link, const ByName& others,
                    Problems& problems) {
  for (const std::string* end : {&link.source, &link.target}) {
    const Part* part = find_part(application, *end);
    if (part == nullptr || !part->shared) continue;
    const auto owner = others.find(part->shared->application);
    if (owner == others.end() || !may_use(*owner->second, application.name)) continue;  // told already
    for (const std::string& interface : link.interfaces) {
      if (may_use(*owner->second, application.name, link.wit_namespace, link.wit_package, interface))
        continue;
      problems.error(
          link.target_place,
          fmt::format("the application {} does not share {}:{}/{} with {}", in_quotes(owner->first),
                      link.wit_namespace, link.wit_package, interface, in_quotes(application.name)),
          fmt::format("its annotation {} must say {}={}:{}/{}", kSharedWithAnnotation, application.name,
                      link.wit_namespace, link.wit_package, interface));
    }
  }
}

// A way from `application` back to itself, by what each takes from others: neither could ever be deployed
// first.
void check_circle(const Application& application, const ByName& others, Problems& problems) {
  std::set<std::string_view> seen;
  std::vector<std::string_view> way{application.name};
  const std::function<bool(const Application&)> leads_back = [&](const Application& from) {
    for (const Part& part : from.parts) {
      if (!part.shared) continue;
      const std::string_view name = part.shared->application;
      if (name == application.name) return true;
      const auto next = others.find(name);
      if (next == others.end() || way.size() == kCircleMax || !seen.insert(name).second) continue;
      way.push_back(name);
      if (leads_back(*next->second)) return true;
      way.pop_back();
    }
    return false;
  };
  if (!leads_back(application)) return;
  std::string circle;
  for (const std::string_view name : way) circle += fmt::format("{} uses ", in_quotes(name));
  const auto first = std::find_if(application.parts.begin(), application.parts.end(),
                                  [](const Part& part) { return part.shared.has_value(); });
  problems.error(first->shared->place,
                 fmt::format("applications share in a circle: {}{}", circle, in_quotes(application.name)),
                 "move what both use into an application of its own");
}

// By what hosts know a link by: source, name, namespace and package.
using LinkKeys = std::map<std::vector<std::string_view>, const Link*>;

LinkKeys link_keys(const Application& application) {
  std::map<std::string_view, std::string_view> ids;
  for (const Part& part : application.parts) ids.emplace(part.name, part.id);
  LinkKeys keys;
  for (const Link& link : application.links)
    if (const auto id = ids.find(link.source); id != ids.end())
      keys.emplace(std::vector<std::string_view>{id->second, link.name, link.wit_namespace, link.wit_package},
                   &link);
  return keys;
}

// Ids and links are the lattice's: what another application has under a name, this one cannot have.
void check_taken(const Application& application, const LinkKeys& mine, const Application& other,
                 Problems& problems) {
  std::map<std::string_view, const Part*> taken;
  for (const Part& part : other.parts)
    if (!part.shared) taken.emplace(part.id, &part);
  for (const Part& part : application.parts) {
    const auto same = taken.find(part.id);
    // A provider of the whole lattice is everybody's.
    if (part.shared || same == taken.end() || (part.platform && same->second->platform)) continue;
    problems.error(part.id_place,
                   fmt::format("the id {} is that of {} in the application {}", in_quotes(part.id),
                               in_quotes(same->second->name), in_quotes(other.name)),
                   "give it another id, or another name");
  }
  for (const auto& [key, link] : link_keys(other)) {
    const auto same = mine.find(key);
    if (same == mine.end()) continue;
    problems.error(same->second->place,
                   fmt::format("{} has a link {} for {}:{} already, the application {}'s", in_quotes(key[0]),
                               in_quotes(key[1]), key[2], key[3], in_quotes(other.name)),
                   "give the link another \"name\"");
  }
}

}  // namespace

void check_users(const Application& owner, Applications users, Problems& problems) {
  const ByName owners{{owner.name, &owner}};
  for (const Application* user : users) {
    if (user->name == owner.name) continue;
    Problems found;
    for (const Part& part : user->parts)
      if (part.shared && part.shared->application == owner.name) check_use(*user, part, owner, found);
    for (const Link& link : user->links) check_link_use(*user, link, owners, found);
    for (const Problem& problem : found.list())
      problems.error(owner.place,
                     fmt::format("the application {}, which is deployed, uses it: {}", in_quotes(user->name),
                                 problem.message),
                     "change or undeploy that one first, or say --force (\"force\": true)");
  }
}

void check_sharing(const Application& application, Applications others, const CheckOptions& options,
                   Problems& problems) {
  ByName by_name;
  for (const Application* other : others)
    if (other->name != application.name) by_name.emplace(other->name, other);
  for (const Part& part : application.parts) {
    if (!part.shared) continue;
    if (part.shared->application == application.name) {
      problems.error(part.shared->place, "the application refers to itself as to another one",
                     "link to the component by its name in this manifest");
    } else if (const auto owner = by_name.find(part.shared->application); owner != by_name.end()) {
      check_use(application, part, *owner->second, problems);
    } else if (options.others_are_all && !part.shared->application.empty()) {
      std::vector<std::string_view> names;
      for (const auto& [name, one] : by_name)
        if (one->shared) names.push_back(name);
      const std::string_view near = problems.nearest(part.shared->application, names);
      problems.error(
          part.shared->place, fmt::format("there is no application {}", in_quotes(part.shared->application)),
          near.empty() ? "put it before this one" : fmt::format("did you mean {}?", in_quotes(near)));
    }
  }
  for (const Link& link : application.links) check_link_use(application, link, by_name, problems);
  if (std::none_of(application.parts.begin(), application.parts.end(), [&](const Part& part) {
        return part.shared && part.shared->application == application.name;
      }))
    check_circle(application, by_name, problems);
  const LinkKeys mine = link_keys(application);
  for (const auto& [name, other] : by_name) check_taken(application, mine, *other, problems);
}

}  // namespace wattle::manager
