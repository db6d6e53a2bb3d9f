#include "lattice/revision_weights.h"

#include <algorithm>

#include "lattice/json_fields.h"
#include "lattice/names.h"

namespace wattle::lattice {
namespace {

constexpr uint32_t kWeightsVersion = 1;

// What every version of the format begins with.
struct Header {
  uint32_t version = kWeightsVersion;      // that wrote it
  uint32_t readable_by = kWeightsVersion;  // the oldest version that may read it
};

template <class Visitor, class Self>
void list_fields(Visitor& fields, Self& self, const Header&) {
  fields.required("version", self.version);
  fields.required("readable_by", self.readable_by);
}

struct Stored {
  Header header{};
  RevisionWeights weights{};
};

template <class Visitor, class Self>
void list_fields(Visitor& fields, Self& self, const Stored&) {
  list_fields(fields, self.header, self.header);
  fields.required("weights", self.weights);
}

// It is also a header's value on the bus.
Result<void> check_image_reference(std::string_view image_ref) {
  if (image_ref.empty()) return failure(ErrorCode::invalid_argument, "an image reference is empty");
  if (image_ref.size() > kImageReferenceBytesMax)
    return failure(ErrorCode::invalid_argument, "an image reference has {} bytes, and at most {} are allowed",
                   image_ref.size(), kImageReferenceBytesMax);
  const auto is_odd = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7F; };
  if (std::any_of(image_ref.begin(), image_ref.end(), is_odd) || image_ref.front() == ' ' ||
      image_ref.back() == ' ')
    return failure(ErrorCode::invalid_argument,
                   "the image reference \"{}\" may hold no control characters, and no spaces around it",
                   image_ref);
  return {};
}

}  // namespace

Result<void> check_weights(std::string_view component_id, const RevisionWeights& weights) {
  WATTLE_CHECK(check_id(component_id, "the component's id"));
  if (weights.size() > kWeighedRevisionsMax)
    return failure(Error(ErrorCode::invalid_argument,
                         fmt::format("{} revisions of \"{}\" are weighed, and at most {} may be",
                                     weights.size(), component_id, kWeighedRevisionsMax))
                       .with_remedy("leave out those that are to get no calls"));
  for (const auto& [image_ref, weight] : weights) {
    WATTLE_CHECK(check_image_reference(image_ref));
    if (weight > kWeightMax)
      return failure(ErrorCode::invalid_argument, "the weight of {} is {}, and must be from 0 to {}",
                     image_ref, weight, kWeightMax);
  }
  return {};
}

std::string weights_key(std::string_view component_id) {
  return fmt::format("{}{}", kWeightsPrefix, component_id);
}

std::string weights_to_json(const RevisionWeights& weights) {
  return write_json(Stored{.header = {}, .weights = weights});
}

Result<RevisionWeights> parse_weights(std::string_view json) {
  constexpr std::string_view kWhat = "the weights of a component";
  WATTLE_TRY(const boost::json::object object, parse_object(json, kWhat));
  WATTLE_TRY(const Header header, read_object<Header>(object, kWhat));
  if (header.readable_by > kWeightsVersion)
    return failure(
        Error(ErrorCode::unsupported,
              fmt::format("weights of format {}, for readers of format {} and later; this host reads {}",
                          header.version, header.readable_by, kWeightsVersion))
            .with_remedy("update wattle on this host"));
  WATTLE_TRY(Stored stored, read_object<Stored>(object, kWhat));
  if (auto fine = check_weights("component", stored.weights); !fine)
    return failure(ErrorCode::malformed, "{}: {}", kWhat, fine.error().message());
  return std::move(stored.weights);
}

}  // namespace wattle::lattice
