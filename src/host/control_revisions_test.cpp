// Several revisions of one component on a host, and their weights: what is wattle's own of the control
// protocol.
#include "host/control_test_support.h"
#include "lattice/control_client.h"

namespace wattle::host {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class RevisionsTest : public HostControlTest {
 protected:
  std::string beside(std::string_view image, int count, std::string_view more = "") {
    return scale(image, count, fmt::format(R"(,"beside":true{})", more));
  }
  // Image references with their counts, as the data side has them.
  std::map<std::string, uint32_t> running() const {
    std::map<std::string, uint32_t> counts;
    for (const auto& [key, spec] : data_.revisions) counts[spec.image_ref] = spec.max_instances;
    return counts;
  }
  using Counts = std::map<std::string, uint32_t>;
};

TEST_P(RevisionsTest, RunBesideEachOther) {
  with_host([&] {
    EXPECT_EQ(scale("one.wasm", 4, R"(,"annotations":{"k":"one"})"), kDone);
    EXPECT_EQ(beside("two.wasm", 2, R"(,"annotations":{"k":"two"})"), kDone);
    expect_event("component_scaled", R"("max_instances":4)");
    expect_event("component_scaled", R"("annotations":{"k":"two"})");
    EXPECT_EQ(running(), (Counts{{file("one.wasm"), 4}, {file("two.wasm"), 2}}));
    lattice::ControlClient client(*bus_);
    const auto inventory = client.inventory(kHost);
    ASSERT_TRUE(inventory) << inventory.error().full_message();
    ASSERT_EQ(inventory->components.size(), 2u);
    EXPECT_EQ(inventory->components[0].image_ref, file("one.wasm"));
    EXPECT_EQ(inventory->components[1].revision, 2);
    EXPECT_NE(inventory->components[0].digest, inventory->components[1].digest);
    ASSERT_TRUE(nats::eventually([&] { return data_.directory->places("shop").size() == 2; }));
    EXPECT_EQ(data_.directory->places("shop")[1].component->image_ref, file("two.wasm"));
  });
}

TEST_P(RevisionsTest, AreScaledEachByItself) {
  with_host([&] {
    EXPECT_EQ(beside("one.wasm", 4), kDone);
    EXPECT_EQ(beside("two.wasm", 2), kDone);
    EXPECT_EQ(beside("one.wasm", 9), kDone);
    for (int i = 0; i < 3; ++i) expect_event("component_scaled", "");
    EXPECT_EQ(running(), (Counts{{file("one.wasm"), 9}, {file("two.wasm"), 2}}));
    EXPECT_EQ(data_.puts_begun, 3);
    EXPECT_EQ(beside("one.wasm", 9), kDone);
    expect_event("component_scaled", "one.wasm");
    EXPECT_EQ(data_.puts_begun, 3);
    EXPECT_EQ(beside("one.wasm", 0), kDone);
    expect_event("component_scaled", R"("max_instances":0)");
    EXPECT_EQ(running(), (Counts{{file("two.wasm"), 2}}));
    EXPECT_EQ(beside("one.wasm", 0), kDone);
    expect_event("component_scaled", R"("max_instances":0)");
    EXPECT_EQ(beside("two.wasm", 0), kDone);
    expect_event("component_scaled", R"("max_instances":0)");
    EXPECT_THAT(ask("host.get.NHOST"), HasSubstr(R"("components":[])"));
    EXPECT_THAT(ask("component.scale.NHOST", R"({"component_id":"shop","count":1,"beside":true})"),
                HasSubstr("does not say which revision"));
  });
}

TEST_P(RevisionsTest, AllEndWhereVersion1ScalesOrUpdates) {
  with_host([&] {
    EXPECT_EQ(beside("one.wasm", 4), kDone);
    EXPECT_EQ(beside("two.wasm", 2), kDone);
    EXPECT_EQ(scale("one.wasm", 3), kDone);
    for (int i = 0; i < 3; ++i) expect_event("component_scaled", "");
    EXPECT_EQ(running(), (Counts{{file("one.wasm"), 3}}));
    EXPECT_EQ(beside("two.wasm", 2), kDone);
    EXPECT_EQ(scale("three.wasm", 1, R"(,"allow_update":true)"), kDone);
    expect_event("component_scaled", "two.wasm");
    expect_event("component_scaled", "three.wasm");
    EXPECT_EQ(running(), (Counts{{file("three.wasm"), 1}}));
    EXPECT_EQ(beside("two.wasm", 2), kDone);
    EXPECT_EQ(scale("", 0), kDone);
    expect_event("component_scaled", "two.wasm");
    expect_event("component_scaled", R"("max_instances":0)");
    EXPECT_TRUE(data_.revisions.empty());
  });
}

TEST_P(RevisionsTest, WithTheSameDigestAreOne) {
  with_host([&] {
    std::ofstream(folder_.path() + "/same.wasm") << std::string("\0asm-one", 8);
    EXPECT_EQ(beside("one.wasm", 4), kDone);
    EXPECT_EQ(beside("same.wasm", 4), kDone);
    expect_event("component_scaled", "one.wasm");
    expect_event("component_scaled", "same.wasm");
    EXPECT_EQ(running(), (Counts{{file("same.wasm"), 4}}));
    EXPECT_THAT(ask("host.get.NHOST"), HasSubstr(R"("revision":1)"));
  });
}

TEST_P(RevisionsTest, ThatFailToStartLeaveTheOthers) {
  with_host([&] {
    EXPECT_EQ(scale("one.wasm", 4), kDone);
    EXPECT_EQ(beside("text.txt", 2), kDone);
    expect_event("component_scaled", "one.wasm");
    expect_event("component_scale_failed", "text.txt");
    EXPECT_EQ(running(), (Counts{{file("one.wasm"), 4}}));
  });
}

TEST_P(RevisionsTest, AreWeighed) {
  with_host([&] {
    lattice::ControlClient client(*bus_);
    EXPECT_TRUE(client.weights()->empty());
    ASSERT_TRUE(client.put_weights("shop", {{"one", 90}, {"two", 10}}));
    EXPECT_EQ(*client.weights(), (lattice::WeightTable{{"shop", {{"one", 90}, {"two", 10}}}}));
    ASSERT_TRUE(nats::eventually([&] { return data_.weights->contains("shop"); }));
    EXPECT_EQ(data_.weights->at("shop").at("two"), 10u);
    ASSERT_TRUE(client.put_weights("shop", {{"two", 1000}}));
    EXPECT_EQ(client.weights()->at("shop").size(), 1u);
    ASSERT_TRUE(client.put_weights("shop", {}));
    EXPECT_TRUE(client.weights()->empty());
    EXPECT_TRUE(nats::eventually([&] { return data_.weights->empty(); }));
  });
}

TEST_P(RevisionsTest, BadWeightsAreRefused) {
  with_host([&] {
    const auto refused = [&](std::string_view request, std::string_view reason) {
      EXPECT_THAT(ask("weights.put", request), StartsWith(kRefused));
      EXPECT_THAT(ask("weights.put", request), HasSubstr(std::string(reason)));
    };
    refused(R"({"component_id":"a.b","weights":{}})", "the component's id");
    refused(R"({"component_id":"a","weights":{"x":1001}})", "must be from 0 to 1000");
    refused(R"({"component_id":"a","weights":{"x":-1}})", "must be a whole number");
    refused(R"({"component_id":"a","weights":{"":1}})", "an image reference is empty");
    refused(R"({"component_id":"a"})", R"(\"weights\" is missing)");
    std::string many = R"({"component_id":"a","weights":{)";
    for (int i = 0; i < 17; ++i) many += fmt::format(R"({}"{}":1)", i == 0 ? "" : ",", i);
    refused(many + "}}", "17 revisions");
    EXPECT_EQ(ask("weights.get"), R"({"success":true,"message":"","response":{}})");
  });
}

INSTANTIATE_TEST_SUITE_P(Buses, RevisionsTest, kBuses, bus_name);

}  // namespace
}  // namespace wattle::host
