#include "cli/application_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wattle::cli {
namespace {

using manager::ApplicationStatus;
using manager::ObjectStatus;
using manager::StatusKind;
using testing::ElementsAre;
using testing::IsEmpty;

ApplicationStatus two_objects() {
  ApplicationStatus status;
  status.status = {StatusKind::waiting, "shop-api: no host"};
  status.objects.push_back(
      {.id = "1",
       .kind = "SpreadScaler",
       .name = "shop-api",
       .status = {StatusKind::waiting, "no host"},
       .wanted = 2,
       .ready = 1,
       .revisions = {{.image = "a:1", .ready = 1, .weight = 100, .hosts = {{"NA", 1}}}}});
  status.objects.push_back(
      {.id = "2", .kind = "LinkScaler", .name = "web -> api", .status = {StatusKind::deployed, ""}});
  return status;
}

TEST(ApplicationView, ShowsAll) {
  ApplicationStatus status = two_objects();
  status.rollout = "canary: 10 % of the calls reach 2";
  status.host_names = {{"NA", "brave-oak-12"}};
  status.uses.push_back({"shop", "api", "platform", "kv", "wasi:keyvalue/store"});
  EXPECT_EQ(application_text("shop", "2", status),
            "shop 2: waiting\n"
            "canary: 10 % of the calls reach 2\n\n"
            "NAME         KIND           READY   STATUS     WHY\n"
            "shop-api     SpreadScaler   1/2     waiting    no host\n"
            "web -> api   LinkScaler     -       deployed   -\n\n"
            "COMPONENT   IMAGE   CALLS   READY   HOSTS\n"
            "shop-api    a:1     -       1       brave-oak-12:1\n\n"
            "USER   SOURCE   OWNER      TARGET   INTERFACE\n"
            "shop   api      platform   kv       wasi:keyvalue/store");
}

TEST(ApplicationView, ShowsHowCallsAreShared) {
  ApplicationStatus status = two_objects();
  status.objects[0].revisions.push_back({.image = "a:2", .ready = 1, .weight = 25, .hosts = {{"NA", 1}}});
  const std::string text = application_text("shop", "2", status);
  EXPECT_THAT(text, testing::HasSubstr("a:1     80 %"));
  EXPECT_THAT(text, testing::HasSubstr("a:2     20 %"));
}

TEST(ApplicationView, ShowsWhatFollowsItsCalls) {
  ApplicationStatus status = two_objects();
  ObjectStatus& api = status.objects[0];
  api.status = {StatusKind::deployed, ""};
  api.ready = api.wanted = 12, api.least = 3, api.most = 40, api.in_flight = 11;
  EXPECT_THAT(application_text("shop", "2", status),
              testing::HasSubstr("deployed   12 of 3..40 instances for 11 calls in flight, 0 queued"));
  api.in_flight = 0, api.parked = 1;
  EXPECT_THAT(application_text("shop", "2", status), testing::HasSubstr("0 queued; parked"));
}

TEST(ApplicationView, ShowsWhatIsNotDeployed) {
  EXPECT_EQ(application_text("shop", "", {}), "shop: undeployed");
  EXPECT_EQ(application_text("shop", "", {.status = {StatusKind::failed, "no\x1bsuch file"}}),
            "shop: failed\nno?such file");
}

TEST(ApplicationView, TellsOnlyWhatChanges) {
  StatusChanges changes;
  ApplicationStatus status = two_objects();
  EXPECT_THAT(changes.of(status), ElementsAre("shop-api 1/2: waiting: no host", "web -> api: deployed"));
  EXPECT_THAT(changes.of(status), IsEmpty());
  status.objects[0].ready = 2;
  status.rollout = "done";
  EXPECT_THAT(changes.of(status), ElementsAre("done", "shop-api 2/2: waiting: no host"));
  status.objects.erase(status.objects.begin());
  EXPECT_THAT(changes.of(status), IsEmpty());
}

TEST(ApplicationView, NamesTheReasons) {
  EXPECT_EQ(reasons(two_objects()), "\n  shop-api 1/2: waiting: no host");
  EXPECT_EQ(reasons({.status = {StatusKind::failed, "why"}}), "\n  why");
}

}  // namespace
}  // namespace wattle::cli
