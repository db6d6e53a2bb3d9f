#include "manager/rollout.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/parse.h"

namespace wattle::manager {
namespace {

constexpr std::array<std::pair<std::string_view, UpdateKind>, 4> kKinds{{
    {"rolling", UpdateKind::rolling},
    {"recreate", UpdateKind::recreate},
    {"blue-green", UpdateKind::blue_green},
    {"canary", UpdateKind::canary},
}};

Result<uint32_t> parse_number(std::string_view text, uint32_t most) {
  uint32_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size() || number > most)
    return failure(ErrorCode::invalid_argument, "\"{}\" is no number from 0 to {}", text, most);
  return number;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// "5%" or "0.5%", in thousandths.
Result<uint32_t> parse_permille(std::string_view text) {
  text = trimmed(text);
  if (!text.ends_with('%'))
    return failure(ErrorCode::invalid_argument, "\"{}\" is no share: write it as 5%", text);
  const std::string_view digits = text.substr(0, text.size() - 1);
  const size_t point = std::min(digits.find('.'), digits.size());
  WATTLE_TRY(const uint32_t whole, parse_number(digits.substr(0, point), 100));
  uint32_t tenths = 0;
  if (point != digits.size()) {
    WATTLE_TRY(tenths, parse_number(digits.substr(point + 1), 9));
  }
  if (whole * 10 + tenths > kAllCalls)
    return failure(ErrorCode::invalid_argument, "\"{}\" is over 100%", text);
  return whole * 10 + tenths;
}

Result<Amount> parse_amount(std::string_view text) {
  text = trimmed(text);
  if (text.ends_with('%')) {
    WATTLE_TRY(const uint32_t percent, parse_number(text.substr(0, text.size() - 1), 100));
    return Amount{0, percent};
  }
  WATTLE_TRY(const uint32_t count, parse_number(text, kInstancesMax));
  return Amount{count, 0};
}

Result<UpdateKind> parse_kind(std::string_view text) {
  for (const auto& [name, kind] : kKinds)
    if (name == text) return kind;
  return failure(ErrorCode::invalid_argument, "\"{}\" is none of rolling, recreate, blue-green and canary",
                 text);
}

Result<std::vector<uint32_t>> parse_shares(std::string_view text) {
  constexpr size_t kSharesMax = 16;
  std::vector<uint32_t> shares;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    WATTLE_TRY(const uint32_t share, parse_permille(text.substr(begin, end - begin)));
    if (share == 0 || (!shares.empty() && share <= shares.back()))
      return failure(ErrorCode::invalid_argument, "\"{}\" does not rise from stage to stage", text);
    shares.push_back(share);
    begin = end + 1;
  }
  if (shares.size() > kSharesMax)
    return failure(ErrorCode::invalid_argument, "more than {} stages", kSharesMax);
  return shares;
}

struct Annotation {
  std::string_view name;
  Result<void> (*read)(UpdateStrategy& strategy, std::string_view text);
};

template <auto Member, auto Parse>
Result<void> read_member(UpdateStrategy& strategy, std::string_view text) {
  WATTLE_TRY(strategy.*Member, Parse(text));
  return {};
}

constexpr std::array<Annotation, 7> kAnnotations{{
    {"wattle/update", read_member<&UpdateStrategy::kind, parse_kind>},
    {"wattle/canary", read_member<&UpdateStrategy::canary_permille, parse_shares>},
    {"wattle/max-surge", read_member<&UpdateStrategy::max_surge, parse_amount>},
    {"wattle/max-unavailable", read_member<&UpdateStrategy::max_unavailable, parse_amount>},
    {"wattle/max-failures", read_member<&UpdateStrategy::max_failures_permille, parse_permille>},
    {"wattle/observe", read_member<&UpdateStrategy::observe, parse_duration>},
    {"wattle/progress-timeout", read_member<&UpdateStrategy::progress_timeout, parse_duration>},
}};

// Instances move in steps of the surge, from the former revision to the fresh one; the last of the former
// stay until the fresh one has been judged under all calls.
void add_rolling(std::vector<Stage>& stages, uint64_t instances, uint64_t surge, uint64_t unavailable) {
  uint64_t fresh = 0, former = instances;
  const auto add = [&](uint32_t calls, bool judged) {
    stages.push_back({static_cast<uint32_t>(fresh), static_cast<uint32_t>(former), calls, judged});
  };
  const auto share = [&] {
    return std::max(kProbeCalls, static_cast<uint32_t>(kAllCalls * fresh / (fresh + former)));
  };
  if (surge == 0) {
    former = instances - unavailable;
    add(0, false);
  }
  fresh = std::min(instances, instances + surge - former);
  add(kProbeCalls, true);
  add(std::min(kTrialCalls, share()), true);
  while (unavailable + fresh < instances) {
    former = std::min(former, instances - unavailable - fresh);
    add(share(), false);
    fresh = std::min(instances, instances + surge - former);
    add(share(), false);
  }
  add(kAllCalls, true);
  former = 0;  // before the last of the fresh, which may need their room
  add(kAllCalls, false);
}

}  // namespace

std::string_view to_string(UpdateKind kind) {
  for (const auto& [name, known] : kKinds)
    if (known == kind) return name;
  return "rolling";
}

uint32_t instances_of(const Amount& amount, uint32_t instances) {
  if (amount.percent == 0) return amount.count;
  return static_cast<uint32_t>((uint64_t{instances} * amount.percent + 99) / 100);
}

std::vector<std::string_view> update_annotations() {
  std::vector<std::string_view> names;
  for (const Annotation& annotation : kAnnotations) names.push_back(annotation.name);
  return names;
}

Result<void> read_annotation(UpdateStrategy& strategy, std::string_view name, std::string_view text) {
  for (const Annotation& annotation : kAnnotations)
    if (annotation.name == name)
      if (auto read = annotation.read(strategy, text); !read)
        return failure(read.error().with_context(fmt::format("annotation {}", name)));
  return {};
}

Result<UpdateStrategy> update_strategy(const Application& application) {
  UpdateStrategy strategy;
  if (application.update == UpdatePolicy::recreate) strategy.kind = UpdateKind::recreate;
  for (const auto& [name, text] : application.annotations)
    WATTLE_CHECK(read_annotation(strategy, name, text));
  return strategy;
}

std::vector<Stage> schedule_of(const UpdateStrategy& strategy, uint32_t instances) {
  std::vector<Stage> stages;
  uint32_t surge = std::min(instances, instances_of(strategy.max_surge, instances));
  const uint32_t unavailable = std::min(instances, instances_of(strategy.max_unavailable, instances));
  if (strategy.kind == UpdateKind::blue_green) {
    stages.push_back({instances, instances, 0, false});
    for (const uint32_t calls : {kProbeCalls, kTrialCalls, kAllCalls})
      stages.push_back({instances, instances, calls, true});
  } else if (strategy.kind == UpdateKind::canary) {
    for (const uint32_t permille : strategy.canary_permille) {
      const auto some = static_cast<uint32_t>((uint64_t{instances} * permille + kAllCalls - 1) / kAllCalls);
      stages.push_back({std::max(1u, some), instances, permille, true});
    }
    stages.push_back({instances, instances, kAllCalls, true});
  } else if (strategy.kind == UpdateKind::recreate || (surge == 0 && unavailable == instances)) {
    stages.push_back({0, 0, kAllCalls, false});
  } else {
    // Nothing can move with neither; and not in more steps than anybody wants to watch.
    if (surge + unavailable == 0) surge = 1;
    const uint32_t least = instances / 16 + (instances % 16 != 0 ? 1 : 0);
    if (surge != 0 && surge + unavailable < least) surge = least - unavailable;
    add_rolling(stages, instances, surge, surge == 0 ? std::max(unavailable, least) : unavailable);
  }
  const Stage last{instances, 0, kAllCalls, false};
  if (stages.back() != last) stages.push_back(last);
  return stages;
}

bool fails_too_often(const UpdateStrategy& strategy, const CallCounts& fresh, const CallCounts& former) {
  constexpr uint64_t kFailuresLeast = 3;
  if (fresh.failures < kFailuresLeast || fresh.calls == 0) return false;
  const uint64_t usual = former.calls == 0 ? 0 : former.failures * kAllCalls / former.calls;
  return fresh.failures * kAllCalls / fresh.calls > usual + strategy.max_failures_permille;
}

}  // namespace wattle::manager
