#include "cli/application_view.h"

#include <fmt/format.h>

#include "cli/table.h"

namespace wattle::cli {
namespace {

using manager::ApplicationStatus;
using manager::ObjectStatus;
using manager::StatusKind;

bool has_numbers(const ObjectStatus& object) {
  return object.wanted != 0 || object.ready != 0 || !object.revisions.empty();
}

std::string ready_of(const ObjectStatus& object) {
  return has_numbers(object) ? fmt::format("{}/{}", object.ready, object.wanted) : std::string();
}

std::string hosts_of(const manager::RevisionStatus& revision) {
  std::string hosts;
  for (const auto& [host, ready] : revision.hosts)
    hosts += fmt::format("{}{}:{}", hosts.empty() ? "" : ",", host, ready);
  return hosts;
}

std::string objects_table(const ApplicationStatus& status) {
  Table table({"NAME", "KIND", "READY", "STATUS", "WHY"});
  for (const ObjectStatus& object : status.objects)
    table.add({object.name, object.kind, ready_of(object), std::string(to_string(object.status.kind)),
               object.status.message});
  return table.empty() ? std::string() : table.text();
}

std::string revisions_table(const ApplicationStatus& status) {
  Table table({"COMPONENT", "IMAGE", "WEIGHT", "READY", "HOSTS"});
  for (const ObjectStatus& object : status.objects)
    for (const manager::RevisionStatus& revision : object.revisions)
      table.add({object.name, revision.image, std::to_string(revision.weight), std::to_string(revision.ready),
                 hosts_of(revision)});
  return table.empty() ? std::string() : table.text();
}

std::string uses_table(const ApplicationStatus& status) {
  Table table({"USER", "SOURCE", "OWNER", "TARGET", "INTERFACE"});
  for (const manager::Use& use : status.uses)
    table.add({use.user, use.source, use.owner, use.target, use.interface});
  return table.empty() ? std::string() : table.text();
}

}  // namespace

std::string application_text(std::string_view name, std::string_view version,
                             const ApplicationStatus& status) {
  std::string text = printable(
      fmt::format("{}{}{}: {}", name, version.empty() ? "" : " ", version, to_string(status.status.kind)));
  if (!status.rollout.empty()) text += "\n" + printable(status.rollout);
  if (!status.status.message.empty() && status.objects.empty())
    text += "\n" + printable(status.status.message);
  for (const std::string& table : {objects_table(status), revisions_table(status), uses_table(status)})
    if (!table.empty()) text += "\n\n" + table;
  return text;
}

std::string object_line(const ObjectStatus& object) {
  const std::string ready = ready_of(object);
  std::string line =
      fmt::format("{}{}{}: {}", object.name, ready.empty() ? "" : " ", ready, to_string(object.status.kind));
  if (!object.status.message.empty()) line += ": " + object.status.message;
  return printable(line);
}

std::vector<std::string> StatusChanges::of(const ApplicationStatus& status) {
  std::vector<std::string> changed;
  if (status.rollout != rollout_ && !status.rollout.empty()) changed.push_back(printable(status.rollout));
  rollout_ = status.rollout;
  std::map<std::string, std::string> lines;
  for (const ObjectStatus& object : status.objects) {
    std::string line = object_line(object);
    const auto before = lines_.find(object.id);
    if (before == lines_.end() || before->second != line) changed.push_back(line);
    lines.emplace(object.id, std::move(line));
  }
  lines_ = std::move(lines);
  return changed;
}

std::string reasons(const ApplicationStatus& status) {
  std::string text;
  for (const ObjectStatus& object : status.objects)
    if (object.status.kind != StatusKind::deployed) text += "\n  " + object_line(object);
  if (text.empty() && !status.status.message.empty()) text = "\n  " + printable(status.status.message);
  return text;
}

}  // namespace wattle::cli
