// How a new revision takes over from the one before: a schedule of stages, each of which says how many
// instances either has and which share of the calls the new one gets. Rolling, recreate, blue-green and
// canary are four schedules; nothing else tells them apart.
//
//   rolling     8 instances, max surge 2: new 2 beside old 8 at 1 % of the calls, judged; at 10 %, judged
//               2:6, 4:6, 4:4, ... 8:2 each at its share; 8:2 at all calls, judged; then 8:0
//   blue-green  8:8 at no calls; at 1 %, at 10 % and at all, judged each; then 8:0
//   canary      "5%,25%": at 5 % judged, at 25 % judged, at all judged; then 8:0
//   recreate    0:0, then 8:0
//
// So whatever comes in has been judged under all calls while what was before is still there to go back to.
//
// An application says it in annotations, which describe how *it* comes in when it replaces another version:
//
//   wattle/update: canary          rolling (the default), recreate, blue-green, canary
//   wattle/canary: 5%,25%          shares of the calls, one stage each
//   wattle/max-surge: 25%          instances above the declared ones, or a number
//   wattle/max-unavailable: 0      instances below them
//   wattle/max-failures: 5%        of its calls, above those of the revision before; more is rolled back
//   wattle/observe: 5s             how long a judged stage lasts at most, when few calls come
//   wattle/progress-timeout: 60s   a stage that is not ready by then is rolled back
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "manager/manifest.h"

namespace wattle::manager {

enum class UpdateKind : uint8_t { rolling, recreate, blue_green, canary };
std::string_view to_string(UpdateKind kind);

// A number of instances, or a share of those declared.
struct Amount {
  uint32_t count = 0;
  uint32_t percent = 0;
  bool operator==(const Amount&) const = default;
};
// Of `instances`, shares rounded up.
uint32_t instances_of(const Amount& amount, uint32_t instances);

struct UpdateStrategy {
  UpdateKind kind = UpdateKind::rolling;
  std::vector<uint32_t> canary_permille{50, 250};
  Amount max_surge{0, 25};
  Amount max_unavailable{};
  uint32_t max_failures_permille = 50;
  Duration observe = std::chrono::seconds(5);
  Duration progress_timeout = std::chrono::seconds(60);
  bool operator==(const UpdateStrategy&) const = default;
};

// The annotations that say it.
std::vector<std::string_view> update_annotations();
// Refused (invalid_argument): the text is none that the annotation takes. Other annotations say nothing of
// it.
Result<void> read_annotation(UpdateStrategy& strategy, std::string_view name, std::string_view text);
// Refused (invalid_argument): an annotation that does not parse, naming it.
Result<UpdateStrategy> update_strategy(const Application& application);

// Of all calls, in thousandths.
inline constexpr uint32_t kAllCalls = 1000;
// What a new revision gets at first, and once that went well: a tenth shows within seconds what one of a
// hundred calls does not.
inline constexpr uint32_t kProbeCalls = 10;
inline constexpr uint32_t kTrialCalls = 100;

struct Stage {
  uint32_t fresh = 0;        // instances of the new revision
  uint32_t former = 0;       // and of the one before
  uint32_t fresh_calls = 0;  // thousandths; the former has the others
  bool judged = false;       // lasts until the new revision has answered calls, or for a while
  bool operator==(const Stage&) const = default;
};

// The last stage is always {instances, 0, kAllCalls}; at most kStagesMax. Beyond the first, each has at least
// instances - max_unavailable (recreate: none), and at most instances + max_surge (blue-green and canary:
// twice the instances).
std::vector<Stage> schedule_of(const UpdateStrategy& strategy, uint32_t instances);
inline constexpr size_t kStagesMax = 64;

// Calls of one revision on all hosts, since it was first seen.
struct CallCounts {
  uint64_t calls = 0;
  uint64_t failures = 0;
  bool operator==(const CallCounts&) const = default;
};

// Whether the fresh revision fails more than it may: three failures at least, and a share beyond that of the
// former and max_failures_permille together.
bool fails_too_often(const UpdateStrategy& strategy, const CallCounts& fresh, const CallCounts& former);

// So many calls say enough to leave a judged stage before its time.
inline constexpr uint64_t kCallsToJudge = 100;
// Where nobody calls, a stage need not wait longer.
inline constexpr Duration kIdleObserve = std::chrono::seconds(1);

}  // namespace wattle::manager
