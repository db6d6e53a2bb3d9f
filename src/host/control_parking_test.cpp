// Components that a host parks while nobody calls them, and loads for their next call.
#include <filesystem>

#include "host/control_test_support.h"
#include "lattice/control_client.h"

namespace wattle::host {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kIdle = R"(,"idle_after_ms":100)";

class ParkingTest : public HostControlTest {
 protected:
  RevisionKey key() const { return data_.revisions.begin()->first; }
  const ComponentSpec& told() const { return data_.revisions.begin()->second; }
  // Started from one.wasm, and called by nobody since.
  void start_idle() {
    EXPECT_EQ(scale("one.wasm", 4, kIdle), kDone);
    expect_event("component_scaled", R"("max_instances":4)");
    data_.load[key()] = {.capacity = 4, .calls = 7};
  }
  bool is_parked() {
    return nats::eventually([&] { return told().parked; });
  }
  lattice::ComponentDescription described() {
    return lattice::ControlClient(*bus_).inventory(kHost)->components.at(0);
  }
  void done(std::string_view event = "component_scaled") { expect_event(event, ""); }
};

TEST_P(ParkingTest, FollowsIdleness) {
  with_host([&] {
    start_idle();
    ASSERT_TRUE(is_parked());
    EXPECT_EQ(told().component, nullptr);
    ASSERT_TRUE(nats::eventually([&] {
      const auto places = data_.directory->places("shop");
      return places.size() == 1 && places[0].component->parked;
    }));
    EXPECT_TRUE(described().parked);
    EXPECT_EQ(described().idle_after_ms, 100u);
    EXPECT_EQ(described().max_instances, 4u);
  });
}

TEST_P(ParkingTest, WaitsForCallsInFlight) {
  with_host([&] {
    EXPECT_EQ(scale("one.wasm", 4, kIdle), kDone);
    done();
    data_.load[key()] = {.in_flight = 1, .capacity = 4};
    (void)async::sleep_for(std::chrono::milliseconds(300));
    EXPECT_FALSE(told().parked);
    data_.load[key()] = {.capacity = 4, .calls = 1};
    EXPECT_TRUE(is_parked());
  });
}

TEST_P(ParkingTest, EndsWithACall) {
  with_host([&] {
    start_idle();
    ASSERT_TRUE(is_parked());
    data_.load[key()].in_flight = 1;
    host_->wake(key());
    host_->wake(key());  // of another worker
    ASSERT_TRUE(nats::eventually([&] { return !told().parked; }));
    const int puts = data_.puts_begun;
    EXPECT_EQ(scale("one.wasm", 4, kIdle), kDone);
    done();
    EXPECT_EQ(data_.puts_begun, puts);
    EXPECT_FALSE(described().parked);
    data_.load[key()].in_flight = 0;
    EXPECT_TRUE(is_parked());
  });
}

TEST_P(ParkingTest, IsToldAsAFailureWhenItCannotEnd) {
  with_host([&] {
    start_idle();
    ASSERT_TRUE(is_parked());
    std::filesystem::rename(folder_.path() + "/one.wasm", folder_.path() + "/gone.wasm");
    host_->wake(key());
    expect_event("component_scale_failed", "cannot be loaded: the image");
    EXPECT_THAT(data_.refused[key()], HasSubstr("cannot be opened"));
    std::filesystem::rename(folder_.path() + "/gone.wasm", folder_.path() + "/one.wasm");
    // Within the pause nothing is tried.
    data_.refused.clear();
    host_->wake(key());
    ASSERT_TRUE(nats::eventually([&] { return data_.refused.contains(key()); }));
    EXPECT_TRUE(told().parked);
    data_.load[key()].in_flight = 1;
    ASSERT_TRUE(nats::eventually([&] {
      host_->wake(key());
      return !told().parked;
    }));
  });
}

TEST_P(ParkingTest, DoesNotEndInAnotherBinary) {
  with_host([&] {
    start_idle();
    ASSERT_TRUE(is_parked());
    std::filesystem::rename(folder_.path() + "/two.wasm", folder_.path() + "/one.wasm");
    host_->wake(key());
    expect_event("component_scale_failed", "is another one now");
  });
}

TEST_P(ParkingTest, LastsWhileItsNumbersChange) {
  with_host([&] {
    start_idle();
    ASSERT_TRUE(is_parked());
    EXPECT_EQ(scale("one.wasm", 9, R"(,"component_limits":{"max_memory_limit":"1048576"})"), kDone);
    done();
    EXPECT_TRUE(told().parked);
    EXPECT_EQ(told().max_instances, 9u);
    EXPECT_EQ(described().idle_after_ms, 100u);  // it was not said anew
    EXPECT_EQ(scale("one.wasm", 9, R"(,"idle_after_ms":0)"), kDone);
    done();
    EXPECT_FALSE(told().parked);
    EXPECT_EQ(described().idle_after_ms, std::nullopt);
  });
}

TEST_P(ParkingTest, EndsWithAnUpdate) {
  with_host([&] {
    start_idle();
    ASSERT_TRUE(is_parked());
    const RevisionKey before = key();
    EXPECT_EQ(scale("two.wasm", 4, R"(,"allow_update":true)"), kDone);
    done();
    ASSERT_EQ(data_.revisions.size(), 1u);
    EXPECT_NE(key(), before);
    EXPECT_FALSE(told().parked);
    data_.load[key()] = {.capacity = 4};
    EXPECT_TRUE(is_parked());
  });
}

TEST_P(ParkingTest, IsRefusedForTimesThatAreNone) {
  with_host([&] {
    EXPECT_THAT(scale("one.wasm", 4, R"(,"idle_after_ms":5)"), HasSubstr("idle_after_ms is 5"));
    EXPECT_THAT(scale("one.wasm", 4, R"(,"idle_after_ms":-1)"), HasSubstr("must be a whole number"));
  });
}

INSTANTIATE_TEST_SUITE_P(Buses, ParkingTest, kBuses, bus_name);

}  // namespace
}  // namespace wattle::host
