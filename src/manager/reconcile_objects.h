// How the reconciler names the objects that it works on, and marks what it has started. Internal to this
// folder.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "manager/desired.h"
#include "manager/note.h"

namespace wattle::manager {

// Every plan names hundreds of objects, and formatting was a twelfth of its time.
inline std::string joined(std::initializer_list<std::string_view> parts) {
  size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  std::string all;
  all.reserve(size);
  for (const std::string_view part : parts) all += part;
  return all;
}

inline std::string component_object(std::string_view id, std::string_view reference,
                                    std::string_view host_id) {
  return joined({"component ", id, " ", reference, " on ", host_id});
}

inline std::string provider_object(std::string_view id, std::string_view host_id) {
  return joined({"provider ", id, " on ", host_id});
}

inline std::string border_object(std::string_view application) {
  return joined({"border ", application});
}

inline StringMap annotations_of(const WantedPart& part, const WantedRevision& revision) {
  return {{std::string(kManagedByAnnotation), "wadm"},
          {std::string(kApplicationAnnotation), part.application},
          {std::string(kScalerAnnotation), revision.scaler}};
}

}  // namespace wattle::manager
