// Links and configs: the same on every host, so each is one object of the lattice.
#include <algorithm>

#include "manager/reconcile_objects.h"
#include "manager/reconciler.h"

namespace wattle::manager {
namespace {

std::string link_object(const LinkGroup& group, std::string_view target) {
  return joined({"link ", group.source_id, " ", group.name, " ", group.wit_namespace, ":", group.wit_package,
                 " ", target});
}

std::string group_object(const LinkGroup& group) {
  return link_object(group, "*");
}

std::string config_object(std::string_view name) {
  return joined({"config ", name});
}

bool share_interface(const lattice::Link& left, const lattice::Link& right) {
  return std::any_of(left.interfaces.begin(), left.interfaces.end(), [&](const std::string& interface) {
    return std::find(right.interfaces.begin(), right.interfaces.end(), interface) != right.interfaces.end();
  });
}

Status status_of_work(StatusKind kind, const std::string& error, std::string_view otherwise) {
  return error.empty() ? Status{kind, std::string(otherwise)} : Status{StatusKind::failed, error};
}

}  // namespace

// ---- Configs

void Reconciler::keep_config(const std::string& name, TimePoint now) {
  const WantedConfig& config = desired().configs.find(name)->second;
  Put& put = configs_done_[name];
  if (put.plan == plans_) return;
  const Put before = std::exchange(put, Put{.plan = plans_});
  ObjectStatus status;
  status.id = fingerprint(name);
  status.kind = "ConfigScaler";
  status.name = name;
  const auto there = configs_.find(name);
  if (there != configs_.end() && there->second == config.values) {
    status.status = {StatusKind::deployed, {}};
  } else if (!noted_configs_.contains(name)) {
    status.status = {StatusKind::reconciling, "is being begun"};
  } else {
    std::string signature;
    for (const auto& [key, value] : config.values) signature += fmt::format("{}={}\n", key, value);
    const Work& work = want(config_object(name), fingerprint(signature), PutConfig{name, config.values}, now);
    status.status = status_of_work(StatusKind::reconciling, work.error, "is being put");
  }
  put.objects.emplace_back(config.application, std::move(status));
  tell_changed(before, put);
}

// Once no link names it.
void Reconciler::end_config(const std::string& name, TimePoint now) {
  if (desired().configs.contains(name) || !configs_.contains(name) || config_links_.contains(name)) return;
  want(config_object(name), "delete", DeleteConfig{name}, now);
}

// The applications that are not planned by themselves.
void Reconciler::tell_changed(const Put& before, const Put& now) {
  if (before.objects == now.objects) return;
  for (const auto& [application, status] : now.objects) statuses_to_tell_.insert(application);
}

// ---- Links

// There are links of this source, name and package that no application has put, and others are wanted.
bool Reconciler::is_foreign(const LinkGroup& group) const {
  const auto there = links_.find(group);
  const auto wanted = desired().links.find(group);
  if (there == links_.end() || wanted == desired().links.end() || noted_links_.contains(group)) return false;
  return std::any_of(there->second.begin(), there->second.end(), [&](const lattice::Link& link) {
    return std::none_of(wanted->second.begin(), wanted->second.end(),
                        [&](const WantedLink& one) { return one.link == link; });
  });
}

bool Reconciler::is_in_force(const LinkGroup& group, const lattice::Link& link) const {
  const auto there = links_.find(group);
  return there != links_.end() &&
         std::find(there->second.begin(), there->second.end(), link) != there->second.end();
}

void Reconciler::keep_links(const LinkGroup& group, TimePoint now) {
  const std::vector<WantedLink>& wanted = desired().links.find(group)->second;
  Put& put = links_done_[group];
  if (put.plan == plans_) return;
  const Put before = std::exchange(put, Put{.plan = plans_});
  for (const WantedLink& one : wanted) {
    ObjectStatus status;
    status.id = one.fingerprint;
    status.kind = "LinkScaler";
    status.name = one.description;
    status.status = keep_link(group, wanted, one, now);
    if (status.status.message.empty()) status.status.message = one.remark;
    put.objects.emplace_back(one.application, std::move(status));
  }
  tell_changed(before, put);
}

Status Reconciler::keep_link(const LinkGroup& group, const std::vector<WantedLink>& all,
                             const WantedLink& wanted, TimePoint now) {
  const lattice::Link& link = wanted.link;
  static const std::vector<lattice::Link> kNone;
  const auto found = links_.find(group);
  const auto& there = found == links_.end() ? kNone : found->second;
  const bool in_force = is_in_force(group, link);
  // What leads elsewhere goes, unless putting this link takes its interfaces anyway.
  const bool stranger = std::any_of(there.begin(), there.end(), [&](const lattice::Link& one) {
    return std::none_of(all.begin(), all.end(),
                        [&](const WantedLink& other) { return other.link.target == one.target; });
  });
  if (in_force && !stranger) {
    // The host that puts it answers when its providers have been given it.
    if (const Work* work = find_work(link_object(group, link.target)); work != nullptr && work->command != 0)
      return {StatusKind::reconciling, "is being put"};
    std::string why = refusal_of(link);
    return {why.empty() ? StatusKind::deployed : StatusKind::failed, std::move(why)};
  }
  if (is_foreign(group))
    return {
        StatusKind::failed,
        fmt::format(
            "another link of {} with the name {} for {}:{} is there, which no application has put; delete "
            "it with wattle link del, or give this one another name",
            group.source_id, group.name, group.wit_namespace, group.wit_package)};
  if (!noted_links_.contains(group)) return {StatusKind::reconciling, "is being begun"};
  for (const auto* names : {&link.source_config, &link.target_config})
    if (const std::string name = missing_config(*names); !name.empty())
      return {StatusKind::waiting,
              desired().configs.contains(name)
                  ? fmt::format("waits for the config {}", name)
                  : fmt::format("the config {} is not there; wattle config put {} KEY=VALUE", name, name)};
  if (in_force) {
    // The control protocol deletes a group as a whole; what is wanted of it is put again.
    const Work& work = want(group_object(group), "delete", DeleteLinks{group}, now);
    return status_of_work(StatusKind::reconciling, work.error, "a former link is being deleted");
  }
  const bool moves = std::any_of(there.begin(), there.end(), [&](const lattice::Link& one) {
    return one.target != link.target && share_interface(one, link);
  });
  const std::string object = link_object(group, link.target);
  const Work* before = find_work(object);
  if (moves && before != nullptr && before->failures > 1) {
    // Taking only some of the other link's interfaces is refused.
    want(group_object(group), "delete", DeleteLinks{group}, now);
  }
  const Work& work =
      want(object, lattice::to_json(link) + (moves ? " moves" : ""), PutLink{link, moves}, now);
  return status_of_work(StatusKind::reconciling, work.error, "is being put");
}

std::string Reconciler::refusal_of(const lattice::Link& link) const {
  for (const std::string& host_id : refusing_) {
    const HostReport& host = hosts_.find(host_id)->second.report;
    for (const auto& [provider, refused] : host.refused)
      for (const lattice::RefusedLink& one : refused)
        if (one.source_id == link.source_id && one.target == link.target && one.name == link.name &&
            one.wit_namespace == link.wit_namespace && one.wit_package == link.wit_package)
          return fmt::format("{}: {}", host.friendly_name, one.reason);
  }
  return {};
}

void Reconciler::end_links(const LinkGroup& group, TimePoint now) {
  if (!desired().links.contains(group) && links_.contains(group))
    want(group_object(group), "delete", DeleteLinks{group}, now);
}

void Reconciler::stop_awaiting(const LinkGroup& group, TimePoint now) {
  const std::string all = link_object(group, "");
  for (auto work = work_.lower_bound(all); work != work_.end() && work->first.starts_with(all); ++work)
    stop_awaiting(work->second, now);
}

}  // namespace wattle::manager
