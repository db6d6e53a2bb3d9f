// Components that are parked: their calls wait, and are answered once they are in memory.
#include <gmock/gmock.h>

#include <set>

#include "host/data_plane_test_support.h"

namespace wattle::host {
namespace {

using ::testing::HasSubstr;

const RevisionKey kLibrary{"library", "sha256:1"};

ComponentSpec library(const RevisionKey& key = kLibrary) {
  static const auto component = load_guest("linked-callee-c");
  return {.id = key.id,
          .digest = key.digest,
          .image_ref = key.digest,
          .component = component,
          .max_instances = 10};
}

ComponentSpec parked(ComponentSpec spec) {
  spec.component.reset();
  spec.parked = true;
  return spec;
}

class ParkedLibrary : public DataPlaneTest {
 protected:
  // "caller" calls "library", which is parked; what it is asked for is kept.
  void with_host(const std::function<void(TestHost&)>& body) {
    on_fiber([&] {
      worker_ = &async::Fiber::current().worker();
      TestHost host("NHOST1", server_.url(), {},
                    [this](const RevisionKey& key) { worker_->post([this, key] { asked_.insert(key); }); });
      host.plane->set_links(lattice::LinkTable::build({link("outside", "caller", "linking", "relay"),
                                                       link("outside", "library", "linked", "work"),
                                                       link("caller", "library", "linked", "work")}));
      put(host, {.id = "caller", .component = load_guest("linked-caller-c"), .max_instances = 64});
      put(host, parked(library()));
      body(host);
      while (calls_ > 0) ASSERT_TRUE(call_over_.wait());
      host.plane->drain();
    });
  }
  static void put(TestHost& host, const ComponentSpec& spec) {
    const auto put = host.plane->put_component(spec);
    ASSERT_TRUE(put) << put.error().full_message();
  }
  // Begins calls by `target` on fibers of their own; how they end is in answers_.
  void call(const std::string& target, int count = 1, Duration deadline = std::chrono::seconds(20)) {
    calls_ += count;
    for (int index = 0; index < count; ++index)
      worker_->spawn([this, target, deadline] {
        {
          Outside outside(server_.url());
          outside.target = target;
          outside.instance = target == "library" ? "wattle:linked/work@1.0.0" : "wattle:linking/relay@1.0.0";
          async::Fiber::current().set_deadline(Clock::now() + deadline);
          const auto sum = outside.call<uint32_t>("add", uint32_t{1}, uint32_t{2});
          answers_.push_back(sum ? std::to_string(std::get<0>(*sum)) : sum.error().full_message());
        }
        --calls_;
        call_over_.notify();
      });
  }
  bool all_wait(TestHost& host, uint32_t count) {
    return nats::eventually([&] {
      const auto loads = host.plane->loads();
      const auto load = loads.find(kLibrary);
      return load != loads.end() && load->second.in_flight + load->second.queued == count;
    });
  }
  bool answered(size_t count) {
    return nats::eventually([&] { return answers_.size() == count; });
  }

  async::Worker* worker_ = nullptr;
  std::multiset<RevisionKey> asked_;
  std::vector<std::string> answers_;
  int calls_ = 0;
  async::Signal call_over_;
};

TEST_F(ParkedLibrary, AnswersTheCallsThatWaited) {
  with_host([&](TestHost& host) {
    call("caller", 10);
    call("library", 10);
    ASSERT_TRUE(all_wait(host, 20));
    EXPECT_GE(asked_.count(kLibrary), 1u);
    EXPECT_LE(asked_.size(), 2u);  // each worker asks once
    put(host, library());
    ASSERT_TRUE(answered(20));
    EXPECT_EQ(answers_, std::vector<std::string>(20, "3"));
    EXPECT_EQ(host.plane->loads().at(kLibrary).calls, 20u);
  });
}

TEST_F(ParkedLibrary, IsParkedAgainAndAgain) {
  with_host([&](TestHost& host) {
    for (uint32_t round = 1; round <= 5; ++round) {
      call("caller", 3);
      ASSERT_TRUE(all_wait(host, 3));
      put(host, library());
      ASSERT_TRUE(answered(3 * round));
      put(host, parked(library()));
    }
    EXPECT_EQ(answers_, std::vector<std::string>(15, "3"));
  });
}

TEST_F(ParkedLibrary, RefusesCallsForATimeAndThenAsksAgain) {
  with_host([&](TestHost& host) {
    call("caller");
    ASSERT_TRUE(all_wait(host, 1));
    const Error reason(ErrorCode::unavailable, "its image is gone");
    host.plane->refuse_calls(kLibrary, reason, kNever);
    ASSERT_TRUE(answered(1));
    call("library", 5);
    ASSERT_TRUE(answered(6));
    for (const std::string& answer : answers_) EXPECT_THAT(answer, HasSubstr("its image is gone"));
    asked_.clear();
    host.plane->refuse_calls(kLibrary, reason, Clock::now());
    call("library");
    ASSERT_TRUE(nats::eventually([&] { return asked_.contains(kLibrary); }));
    put(host, library());
    ASSERT_TRUE(answered(7));
    EXPECT_EQ(answers_.back(), "3");
  });
}

TEST_F(ParkedLibrary, RefusesMoreCallsThanMayWait) {
  with_host([&](TestHost& host) {
    ComponentSpec short_queue = parked(library());
    short_queue.max_queue = 2;
    put(host, short_queue);
    call("caller", 10);
    ASSERT_TRUE(nats::eventually([&] { return answers_.size() >= 8; }));
    for (const std::string& answer : answers_) EXPECT_THAT(answer, HasSubstr("is being loaded"));
    put(host, library());
    ASSERT_TRUE(answered(10));
    EXPECT_EQ(std::count(answers_.begin(), answers_.end(), "3"), 2);
  });
}

TEST_F(ParkedLibrary, KeepsTheCallersDeadline) {
  with_host([&](TestHost& host) {
    call("library", 1, std::chrono::milliseconds(200));
    ASSERT_TRUE(answered(1));
    EXPECT_NE(answers_[0], "3");
    ASSERT_TRUE(all_wait(host, 0));
  });
}

TEST_F(ParkedLibrary, LeavesItsCallsToTheRevisionThatTakesItsPlace) {
  with_host([&](TestHost& host) {
    call("caller", 3);
    call("library", 3);
    ASSERT_TRUE(all_wait(host, 6));
    const RevisionKey next{"library", "sha256:2"};
    put(host, library(next));
    host.plane->remove_revision(kLibrary);
    ASSERT_TRUE(answered(6));
    EXPECT_EQ(answers_, std::vector<std::string>(6, "3"));
    EXPECT_EQ(host.plane->loads().at(next).calls, 6u);
  });
}

TEST_F(ParkedLibrary, EndsItsCallsWhenItIsStopped) {
  with_host([&](TestHost& host) {
    call("caller", 2);
    ASSERT_TRUE(all_wait(host, 2));
    host.plane->remove_component("library");
    ASSERT_TRUE(answered(2));
    for (const std::string& answer : answers_) EXPECT_THAT(answer, HasSubstr("runs on no host"));
  });
}

TEST_F(ParkedLibrary, StaysParkedWithOtherLimits) {
  with_host([&](TestHost& host) {
    call("caller");
    ASSERT_TRUE(all_wait(host, 1));
    asked_.clear();
    ComponentSpec more = parked(library());
    more.max_instances = 20;
    put(host, more);
    // It is asked for as it is now.
    ASSERT_TRUE(nats::eventually([&] { return asked_.contains(kLibrary); }));
    EXPECT_EQ(host.plane->loads().at(kLibrary).capacity, 20u);
    put(host, library());
    ASSERT_TRUE(answered(1));
    EXPECT_EQ(answers_[0], "3");
  });
}

}  // namespace
}  // namespace wattle::host
