#include "lattice/revision_weights.h"

#include <gtest/gtest.h>

namespace wattle::lattice {
namespace {

TEST(RevisionWeights, ComeBackAsTheyWereWritten) {
  const RevisionWeights weights{{"registry/shop:1.0", 90}, {"file:///shop \"two\".wasm", 0}};
  EXPECT_EQ(weights_to_json({{"a", 1}}), R"({"version":1,"readable_by":1,"weights":{"a":1}})");
  EXPECT_EQ(parse_weights(weights_to_json(weights)).value(), weights);
  EXPECT_EQ(weights_key("shop/api"), "weights/shop/api");
}

TEST(RevisionWeights, OfANewerFormatAreRefused) {
  EXPECT_EQ(parse_weights(R"({"version":2,"readable_by":1,"more":[],"weights":{"a":1}})")->at("a"), 1u);
  const auto newer = parse_weights(R"({"version":2,"readable_by":2,"weights":[]})");
  EXPECT_EQ(newer.error().code(), ErrorCode::unsupported);
  EXPECT_FALSE(newer.error().remedy().empty());
}

TEST(RevisionWeights, ThatAreNoneAreRefused) {
  for (const char* bad :
       {"", "{}", R"({"version":1,"readable_by":1})", R"({"version":1,"readable_by":1,"weights":{"a":1001}})",
        R"({"version":1,"readable_by":1,"weights":{"a":"1"}})"})
    EXPECT_EQ(parse_weights(bad).error().code(), ErrorCode::malformed) << bad;
}

TEST(RevisionWeights, AreBounded) {
  RevisionWeights many;
  for (size_t i = 0; i < kWeighedRevisionsMax; ++i) many[std::to_string(i)] = kWeightMax;
  EXPECT_TRUE(check_weights("shop", many));
  many["one more"] = 0;
  EXPECT_FALSE(check_weights("shop", many));
  EXPECT_FALSE(check_weights("shop", {{"a", kWeightMax + 1}}));
  EXPECT_FALSE(check_weights("shop", {{" a", 1}}));
  EXPECT_FALSE(check_weights("shop", {{"a\r\nb", 1}}));
  EXPECT_FALSE(check_weights("shop", {{std::string(kImageReferenceBytesMax + 1, 'a'), 1}}));
  EXPECT_FALSE(check_weights("no id", {}));
}

}  // namespace
}  // namespace wattle::lattice
