#include <gmock/gmock.h>

#include "runtime/guest_test_support.h"

namespace wattle::runtime {
namespace {

using testing::load_guest;
using testing::on_fiber;
using testing::text_of;

constexpr std::string_view kCalc = "wattle:demo/calc@1.0.0";

constexpr std::string_view kCounters = "wattle:demo/counters@1.0.0";
constexpr std::string_view kCaller = "wattle:caller/caller@1.0.0";

std::shared_ptr<const LinkedComponent> link(const std::string& guest, const Linker& linker = {}) {
  auto linked = linker.link(load_guest(guest));
  if (!linked) ADD_FAILURE() << text_of(linked.error());
  return linked ? *linked : nullptr;
}

// A fresh instance of a guest, and its functions by name.
struct Guest {
  explicit Guest(const std::string& name, const Linker& linker = {}) : linked(link(name, linker)) {
    auto created = Instance::create(linked, Host(), {});
    if (!created) ADD_FAILURE() << text_of(created.error());
    if (created) instance = std::move(*created);
  }
  const ExportedFunction& function(std::string_view interface, std::string_view name) {
    auto found = linked->find_function(interface, name);
    if (!found) ADD_FAILURE() << text_of(found.error());
    return **found;
  }
  template <class R, class... Args>
  Result<R> try_call(std::string_view interface, std::string_view name, Args... arguments) {
    return instance->call<R>(function(interface, name), {}, std::move(arguments)...);
  }
  template <class R, class... Args>
  R call(std::string_view interface, std::string_view name, Args... arguments) {
    auto result = try_call<R>(interface, name, std::move(arguments)...);
    if (!result) ADD_FAILURE() << name << ": " << text_of(result.error());
    if constexpr (!std::is_void_v<R>) return result ? std::move(*result) : R{};
  }
  std::shared_ptr<const LinkedComponent> linked;
  std::unique_ptr<Instance> instance;
};

// A guest on a fiber of its own.
void with_guest(const std::string& name, const std::function<void(Guest&)>& body, const Linker& linker = {}) {
  on_fiber([&] {
    Guest guest(name, linker);
    body(guest);
  });
}

struct Point {
  int32_t x = 0, y = 0;
};
enum class Colour : uint8_t { red, green, blue };
using Shape = std::variant<double, std::tuple<double, double>, std::monostate>;

}  // namespace

}  // namespace wattle::runtime

template <>
inline constexpr uint32_t wattle::kCaseCount<wattle::runtime::Colour> = 3;

namespace wattle::runtime {

namespace {

TEST(Instance, CallsAnExport) {
  with_guest("library-c", [](Guest& guest) { EXPECT_EQ(guest.call<uint32_t>(kCalc, "add", 40u, 2u), 42u); });
}

TEST(Instance, PassesEveryKindOfType) {
  with_guest("library-c", [](Guest& guest) {
    EXPECT_EQ(guest.call<std::string>(kCalc, "echo", std::string("gr\u00fcn \u2603")), "gr\u00fcn \u2603");
    EXPECT_EQ(guest.call<uint32_t>(kCalc, "length", std::string("abc")), 3u);
    EXPECT_EQ(guest.call<std::vector<uint8_t>>(kCalc, "reverse", std::vector<uint8_t>{1, 2, 3}),
              (std::vector<uint8_t>{3, 2, 1}));
    const Point moved =
        guest.call<Point>(kCalc, "translate", Point{1, -2}, std::tuple<int32_t, int32_t>{10, 20});
    EXPECT_EQ(std::make_pair(moved.x, moved.y), std::make_pair(11, 18));
    EXPECT_DOUBLE_EQ(guest.call<double>(kCalc, "area", Shape(std::tuple(2.0, 3.5))), 7.0);
    EXPECT_EQ(guest.call<Flags<3>>(kCalc, "invert", Flags<3>{0b101}).bits, 0b010u);
    EXPECT_EQ(guest.call<Colour>(kCalc, "next", Colour::red), Colour::green);
    EXPECT_EQ(guest.call<std::optional<uint32_t>>(kCalc, "find", std::string("abc"), U'c'), 2u);
    EXPECT_EQ((guest.call<tl::expected<int64_t, std::string>>(kCalc, "divide", int64_t{-9}, int64_t{3})), -3);
    EXPECT_FALSE((guest.call<tl::expected<int64_t, std::string>>(kCalc, "divide", int64_t{1}, int64_t{0})));
    EXPECT_EQ((guest.call<std::optional<std::tuple<int32_t, int32_t>>>(kCalc, "bounds",
                                                                       std::vector<int32_t>{3, -1, 2})),
              std::tuple(-1, 3));
    EXPECT_EQ(
        guest.call<std::string>(kCalc, "join", std::vector<std::string>{"a", "b", "c"}, std::string(", ")),
        "a, b, c");
    EXPECT_EQ(guest.call<bool>(kCalc, "negate", true), false);
    EXPECT_EQ(guest.call<float>(kCalc, "halve", 3.0f), 1.5f);
  });
}

TEST(Instance, CallsWithRunTimeValues) {
  with_guest("library-c", [](Guest& guest) {
    const wit::Value arguments[] = {{wit::Values{{std::string("x")}, {std::string("y")}}},
                                    {std::string("-")}};
    auto joined = guest.instance->call(guest.function(kCalc, "join"), arguments, {});
    ASSERT_TRUE(joined) << text_of(joined.error());
    EXPECT_EQ(**joined, wit::Value{std::string("x-y")});
  });
}

TEST(Instance, RefusesOtherTypesThanTheExports) {
  with_guest("library-c", [](Guest& guest) {
    auto result = guest.try_call<uint32_t>(kCalc, "add", 1u, std::string("2"));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), ErrorCode::invalid_argument);
    EXPECT_THAT(result.error().message(), ::testing::HasSubstr("func(a: u32, b: u32) -> u32"));
    const wit::Value too_few[] = {{uint32_t{1}}};
    EXPECT_EQ(guest.instance->call(guest.function(kCalc, "add"), too_few, {}).error().code(),
              ErrorCode::invalid_argument);
    EXPECT_FALSE(guest.instance->poisoned());
  });
}

TEST(Instance, KeepsGuestResourcesByHandle) {
  with_guest("library-c", [](Guest& guest) {
    const wit::Value start[] = {{uint32_t{5}}};
    auto made = guest.instance->call(guest.function(kCounters, "[constructor]counter"), start, {});
    ASSERT_TRUE(made) << text_of(made.error());
    const auto handle = std::get<wit::HandleValue>((*made)->data);
    const wit::Value by[] = {{wit::HandleValue{false, handle.representation, handle.resource_type}},
                             {uint32_t{3}}};
    auto value = guest.instance->call(guest.function(kCounters, "[method]counter.increment"), by, {});
    ASSERT_TRUE(value) << text_of(value.error());
    EXPECT_EQ(**value, wit::Value{uint32_t{8}});
    EXPECT_EQ(guest.call<uint32_t>(kCounters, "alive"), 1u);
    ASSERT_TRUE(guest.instance->drop(handle, {}));
    EXPECT_EQ(guest.call<uint32_t>(kCounters, "alive"), 0u);
  });
}

TEST(Composition, CallsFromComponentToComponent) {
  with_guest("composed", [](Guest& guest) {
    EXPECT_EQ(guest.call<uint32_t>(kCaller, "run-add", 40u, 2u), 42u);
    EXPECT_EQ(guest.call<uint32_t>(kCaller, "run-length", std::string(3000, 'x')), 3000u);
    EXPECT_EQ(guest.call<std::string>(kCaller, "run-echo", std::string("\u2603 snow")), "\u2603 snow");
    EXPECT_EQ(guest.call<uint32_t>(kCaller, "echo-often", 10u), 10240u);
  });
}

TEST(Composition, PassesResourcesFromComponentToComponent) {
  with_guest("composed",
             [](Guest& guest) { EXPECT_EQ(guest.call<uint32_t>(kCaller, "merge-counters", 30u, 12u), 42u); });
}

// A slice of nothing makes guest code give way wherever the watchdog interrupts it.
TEST(Instance, MayGiveWayAnywhereWhileItIsMade) {
  const auto linked = link("library-c");
  async::Worker worker;
  int made = 0;
  constexpr int kFibers = 4;
  constexpr int kRounds = 50;
  for (int fiber = 0; fiber < kFibers; ++fiber)
    worker.spawn([&] {
      for (int round = 0; round < kRounds; ++round)
        if (Instance::create(linked, Host(), {.slice = Duration::zero()})) ++made;
    });
  worker.run();
  EXPECT_EQ(made, kFibers * kRounds);
}

TEST(Instance, ResetTakesItBackToItsStart) {
  with_guest("library-c", [](Guest& guest) {
    const wit::Value start[] = {{uint32_t{5}}};
    ASSERT_TRUE(guest.instance->call(guest.function(kCounters, "[constructor]counter"), start, {}));
    EXPECT_EQ(guest.call<uint32_t>(kCounters, "alive"), 1u);
    ASSERT_TRUE(guest.instance->reset());
    EXPECT_EQ(guest.call<uint32_t>(kCounters, "alive"), 0u);
  });
}

// ---- Host functions

struct Counter : HostResource {
  static constexpr std::string_view kInterface = "wattle:demo/counters";
  static constexpr std::string_view kName = "counter";
  explicit Counter(uint32_t start) : value(start) { ++alive; }
  ~Counter() override { --alive; }
  uint32_t value;
  static inline int alive = 0;
};

// The host in the place of library-c.
Linker host_library() {
  Linker linker;
  linker.function(kCalc, "add", [](Host&, uint32_t a, uint32_t b) { return a + b; });
  linker.function(kCalc, "length",
                  [](Host&, std::string_view text) { return static_cast<uint32_t>(text.size()); });
  linker.function(kCalc, "echo", [](Host&, std::string text) { return text; });
  linker.resource<Counter>();
  linker.function(kCounters, "[constructor]counter",
                  [](Host&, uint32_t start) { return std::make_unique<Counter>(start); });
  linker.function(kCounters, "[method]counter.value", [](Host&, Counter& counter) { return counter.value; });
  linker.function(kCounters, "[method]counter.increment",
                  [](Host&, Counter& counter, uint32_t by) { return counter.value += by; });
  linker.function(kCounters, "[static]counter.merge",
                  [](Host&, std::unique_ptr<Counter> a, std::unique_ptr<Counter> b) {
                    return std::make_unique<Counter>(a->value + b->value);
                  });
  return linker;
}

TEST(HostFunction, IsCalledWithCppTypes) {
  with_guest(
      "caller-c",
      [](Guest& guest) {
        EXPECT_EQ(guest.call<uint32_t>(kCaller, "run-add", 40u, 2u), 42u);
        EXPECT_EQ(guest.call<uint32_t>(kCaller, "run-length", std::string("four")), 4u);
        EXPECT_EQ(guest.call<std::string>(kCaller, "run-echo", std::string("\u2603")), "\u2603");
      },
      host_library());
}

TEST(HostFunction, OwnsItsResources) {
  with_guest(
      "caller-c",
      [](Guest& guest) {
        EXPECT_EQ(guest.call<uint32_t>(kCaller, "merge-counters", 30u, 12u), 42u);
        EXPECT_EQ(static_cast<size_t>(Counter::alive), guest.instance->host().resources.count());
      },
      host_library());
  EXPECT_EQ(Counter::alive, 0);
}

TEST(HostFunction, TrapsWithItsOwnError) {
  Linker linker = host_library();
  linker.function(kCalc, "add", [](Host&, uint32_t, uint32_t) -> Result<uint32_t> {
    return failure(ErrorCode::exit, "enough");
  });
  with_guest(
      "caller-c",
      [](Guest& guest) {
        auto result = guest.try_call<uint32_t>(kCaller, "run-add", 1u, 2u);
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code(), ErrorCode::exit);
        EXPECT_EQ(result.error().message(), "enough");
        auto again = guest.try_call<uint32_t>(kCaller, "run-add", 1u, 2u);
        EXPECT_THAT(again.error().message(), ::testing::HasSubstr("cannot enter component instance"));
      },
      linker);
}

TEST(HostFunction, CanBeDynamic) {
  Linker linker = host_library();
  linker.dynamic_function(
      kCalc, "echo", [](Host&, std::span<const wit::Value> arguments) -> Result<std::optional<wit::Value>> {
        return wit::Value{std::get<std::string>(arguments[0].data) + "!"};
      });
  with_guest(
      "caller-c",
      [](Guest& guest) { EXPECT_EQ(guest.call<std::string>(kCaller, "run-echo", std::string("hi")), "hi!"); },
      linker);
}

// ---- Linking

TEST(Linker, NamesAnImportThatNothingSatisfies) {
  auto linked = Linker().link(load_guest("caller-c"));
  ASSERT_FALSE(linked);
  EXPECT_EQ(linked.error().code(), ErrorCode::unlinkable);
  EXPECT_THAT(linked.error().message(), ::testing::HasSubstr("wattle:demo/c"));
}

TEST(Linker, ShowsBothSidesOfATypeMismatch) {
  Linker linker = host_library();
  linker.function(kCalc, "add", [](Host&, uint64_t a, uint32_t) { return a; });
  auto linked = linker.link(load_guest("caller-c"));
  ASSERT_FALSE(linked);
  EXPECT_THAT(linked.error().message(), ::testing::HasSubstr("func(a: u32, b: u32) -> u32"));
  EXPECT_THAT(linked.error().message(), ::testing::HasSubstr("(i64, i32) -> i64"));
}

TEST(Linker, ServesOtherVersionsOfOneTrack) {
  Linker linker = host_library();
  linker.function("wattle:demo/calc@1.7.3", "extra", [](Host&) { return 1u; });
  EXPECT_TRUE(linker.link(load_guest("caller-c")));
  Linker other;
  other.function("wattle:demo/calc@2.0.0", "add", [](Host&, uint32_t a, uint32_t b) { return a + b; });
  EXPECT_FALSE(other.link(load_guest("caller-c")));
}

TEST(LinkedComponent, SaysWhatItExportsWhenAFunctionIsMissing) {
  auto linked = link("library-c");
  EXPECT_TRUE(linked->find_function("wattle:demo/calc@1.0.9", "add"));
  auto missing = linked->find_function(kCalc, "ad");
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().remedy(), ::testing::HasSubstr("calc@1.0.0.add"));
}

}  // namespace
}  // namespace wattle::runtime
