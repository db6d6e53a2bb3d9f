// How calls to a component that runs in several revisions are shared among them: for each of its image
// references a weight. Kept in lattice::Store under a key of their own, where hosts write and read them and
// managers may read them too.
//
//   WATTLE_CHECK(check_weights("shop-api", {{"registry/shop-api:1.0", 90}, {"registry/shop-api:1.1", 10}}));
//   store.put(weights_key("shop-api"), weights_to_json(weights));
//   WATTLE_TRY(RevisionWeights weights, parse_weights(value));
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "lattice/control_types.h"

namespace wattle::lattice {

inline constexpr uint32_t kWeightMax = 1000;
inline constexpr size_t kWeighedRevisionsMax = 16;
inline constexpr size_t kImageReferenceBytesMax = 1024;
inline constexpr std::string_view kWeightsPrefix = "weights/";

// Refused: invalid_argument, naming what is wrong.
Result<void> check_weights(std::string_view component_id, const RevisionWeights& weights);

// "weights/ID"
std::string weights_key(std::string_view component_id);
// The value there: {"version":1,"readable_by":1,"weights":{"IMAGE":90}}.
std::string weights_to_json(const RevisionWeights& weights);
// Refused: malformed; unsupported when it is of a newer format that this version must not read.
Result<RevisionWeights> parse_weights(std::string_view json);

}  // namespace wattle::lattice
