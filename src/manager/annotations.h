// Labels and annotations of a manifest, checked where they stand, whichever format it has. Internal to
// src/manager.
#pragma once

#include "manager/fields.h"

namespace wattle::manager {

// Told: a name that is none of a label, an unknown annotation under "wattle/", a version that is none, and
// what read_annotation (rollout.h) refuses.
void check_annotations(const TextMap& annotations, const TextMap& labels, Problems& problems);

}  // namespace wattle::manager
