// How the reconciler names the objects that it works on, and marks what it has started. Internal to this
// folder.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "manager/desired.h"
#include "manager/note.h"

namespace wattle::manager {

inline std::string component_object(std::string_view id, std::string_view reference,
                                    std::string_view host_id) {
  return fmt::format("component {} {} on {}", id, reference, host_id);
}

inline std::string provider_object(std::string_view id, std::string_view host_id) {
  return fmt::format("provider {} on {}", id, host_id);
}

inline StringMap annotations_of(const WantedPart& part, const WantedRevision& revision) {
  return {{std::string(kManagedByAnnotation), "wadm"},
          {std::string(kApplicationAnnotation), part.application},
          {std::string(kScalerAnnotation), revision.scaler}};
}

}  // namespace wattle::manager
