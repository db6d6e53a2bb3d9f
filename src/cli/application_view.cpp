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

// "12 of 3..40 instances for 11 calls in flight, 0 queued", of one that follows its calls; why it is not as
// it should be, else.
std::string reason_of(const ObjectStatus& object) {
  if (!object.status.message.empty() || object.most == 0) return object.status.message;
  std::string text = fmt::format("{} of {}..{} instances for {} calls in flight, {} queued", object.ready,
                                 object.least, object.most, object.in_flight, object.queued);
  if (object.parked == 1) text += "; parked";
  if (object.parked > 1) text += fmt::format("; parked on {} hosts", object.parked);
  return text;
}

std::string hosts_of(const ApplicationStatus& status, const manager::RevisionStatus& revision) {
  std::string hosts;
  for (const auto& [id, ready] : revision.hosts) {
    const auto name = status.host_names.find(id);
    const bool is_known = name != status.host_names.end() && !name->second.empty();
    hosts += fmt::format("{}{}:{}", hosts.empty() ? "" : ", ", is_known ? name->second : id, ready);
  }
  return hosts;
}

// Its share of the calls, where they are shared.
std::string calls_of(const ObjectStatus& object, const manager::RevisionStatus& revision) {
  uint64_t all = 0;
  for (const manager::RevisionStatus& each : object.revisions) all += each.weight;
  if (all == 0 || object.revisions.size() == 1) return {};
  return fmt::format("{:.3g} %", 100.0 * revision.weight / static_cast<double>(all));
}

std::string objects_table(const ApplicationStatus& status) {
  Table table({"NAME", "KIND", "READY", "STATUS", "WHY"});
  for (const ObjectStatus& object : status.objects)
    table.add({object.name, object.kind, ready_of(object), std::string(to_string(object.status.kind)),
               reason_of(object)});
  return table.empty() ? std::string() : table.text();
}

std::string revisions_table(const ApplicationStatus& status) {
  Table table({"COMPONENT", "IMAGE", "CALLS", "READY", "HOSTS"});
  for (const ObjectStatus& object : status.objects)
    for (const manager::RevisionStatus& revision : object.revisions)
      table.add({object.name, revision.image, calls_of(object, revision), std::to_string(revision.ready),
                 hosts_of(status, revision)});
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
