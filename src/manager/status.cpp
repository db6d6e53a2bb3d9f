#include "manager/status.h"

#include <algorithm>

namespace wattle::manager {

std::string_view to_string(StatusKind kind) {
  switch (kind) {
    case StatusKind::failed:
      return "failed";
    case StatusKind::undeployed:
      return "undeployed";
    case StatusKind::waiting:
      return "waiting";
    case StatusKind::reconciling:
      return "reconciling";
    case StatusKind::unhealthy:
      return "unhealthy";
    case StatusKind::deployed:
      return "deployed";
  }
  return "failed";
}

StatusKind parse_status_kind(std::string_view word) {
  for (const StatusKind kind : {StatusKind::failed, StatusKind::undeployed, StatusKind::waiting,
                                StatusKind::unhealthy, StatusKind::deployed})
    if (to_string(kind) == word) return kind;
  return StatusKind::reconciling;
}

Status worst_of(const std::vector<ObjectStatus>& objects) {
  Status worst{StatusKind::deployed, {}};
  for (const ObjectStatus& object : objects) worst.kind = std::min(worst.kind, object.status.kind);
  for (const ObjectStatus& object : objects) {
    if (object.status.kind != worst.kind || object.status.message.empty()) continue;
    if (!worst.message.empty()) worst.message += "; ";
    worst.message += object.name + ": " + object.status.message;
  }
  return worst;
}

}  // namespace wattle::manager
