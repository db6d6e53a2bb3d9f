// Links between the components of a Workload.
#include "manager/reconciler_test_support.h"

namespace wattle::manager {
namespace {

using std::chrono::milliseconds;

// A Workload of two components.
class Siblings : public Lattice {
 protected:
  Siblings() {
    interfaces_["web:1"] = {.imports = {"shop:pricing/prices@1.0.0"}, .exports = {}};
    interfaces_["web:2"] = {.imports = {"shop:pricing/prices@1.0.0", "shop:stock/counts"}, .exports = {}};
    interfaces_["back:1"] = {.imports = {}, .exports = {"shop:pricing/prices@1.2.0", "shop:stock/counts"}};
  }
  void deploy_workload(const std::string& version, std::string_view web = "web:1",
                       std::string_view back = "back:1") {
    deploy_text(version, fmt::format("apiVersion: runtime.wasmcloud.dev/v1alpha1\nkind: Workload\nmetadata: "
                                     "{{name: shop}}\nspec:\n  components: [{{name: web, image: \"{}\"}}, "
                                     "{{name: back, image: \"{}\"}}]\n",
                                     web, back));
  }
  std::vector<std::string> links() const {
    std::vector<std::string> told;
    for (const lattice::Link& link : links_) told.push_back(lattice::describe(link));
    return told;
  }
  static constexpr const char* kPricing = "shop-web --default--> shop-back (shop:pricing/prices)";
  static constexpr const char* kStock = "shop-web --default--> shop-back (shop:stock/counts)";
};

TEST_F(Siblings, AreLinkedByWhatHostsTell) {
  deploy_workload("v1");
  settle();
  EXPECT_THAT(links(), testing::ElementsAre(kPricing));
  EXPECT_EQ(reconciler_->status("shop")->status.kind, StatusKind::deployed);
  EXPECT_THAT(forming_, testing::ElementsAre(true, false));
  undeploy();
  settle();
  EXPECT_THAT(links(), testing::IsEmpty());
  EXPECT_THAT(notes_["shop"].interfaces, testing::IsEmpty());
}

TEST_F(Siblings, AreNotDeployedWithoutTheirLinks) {
  refused_ = "link ";
  deploy_workload("v1");
  settle();
  EXPECT_EQ(reconciler_->status("shop")->status.kind, StatusKind::failed);
  EXPECT_TRUE(borders_["shop"].forming);
}

TEST_F(Siblings, StayLinkedUnderAnotherManagerWhileNothingRuns) {
  deploy_workload("v1");
  settle();
  hosts_.clear();
  components_.clear();
  begin();
  settle(std::chrono::minutes(1));
  EXPECT_THAT(links(), testing::ElementsAre(kPricing));
  EXPECT_FALSE(borders_["shop"].forming);
}

TEST_F(Siblings, HaveTheLinksOfBothRevisionsInAnUpdate) {
  deploy_workload("v1", "web:2");
  settle();
  EXPECT_THAT(links(), testing::UnorderedElementsAre(kPricing, kStock));
  deploy_workload("v2", "web:1");
  while (notes_["shop"].stable != "v2") {
    ASSERT_THAT(links(), testing::UnorderedElementsAre(kPricing, kStock));
    settle(milliseconds(5));
    ASSERT_LT(now_, TimePoint(std::chrono::hours(2)));
  }
  settle();
  EXPECT_THAT(links(), testing::ElementsAre(kPricing));
}

TEST_F(Siblings, KeepTheirLinksUntilTheNewOnesAreKnown) {
  deploy_workload("v1");
  settle();
  refused_ = "web:2";              // never starts
  deploy_workload("v1", "web:2");  // as by another table of images
  begin();
  settle();
  EXPECT_EQ(count("web:2"), 0u);
  EXPECT_THAT(links(), testing::ElementsAre(kPricing));
}

}  // namespace
}  // namespace wattle::manager
