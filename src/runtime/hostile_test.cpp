// A guest that breaks the canonical ABI's rules (tests/guests/hostile-abi-c): each attack is a trap that says
// what was wrong, and leaves nothing behind in the host.
#include <gmock/gmock.h>

#include "runtime/guest_test_support.h"

namespace wattle::runtime {
namespace {

using ::testing::HasSubstr;
using testing::load_guest;
using testing::on_fiber;
using testing::text_of;

constexpr std::string_view kHost = "wattle:hostile/host@1.0.0";
constexpr std::string_view kAttacks = "wattle:hostile/attacks@1.0.0";
constexpr uint32_t kGibibyte = 1u << 30;

struct Token : HostResource {
  static constexpr std::string_view kInterface = "wattle:hostile/host";
  static constexpr std::string_view kName = "token";
  explicit Token(uint32_t its_value) : value(its_value) { ++alive; }
  ~Token() override { --alive; }
  uint32_t value;
  static inline int alive = 0;
};

enum class Mode : uint8_t { honest, out_of_bounds, misaligned, traps, calls_out, grows, spins };

}  // namespace

}  // namespace wattle::runtime

template <>
inline constexpr uint32_t wattle::kCaseCount<wattle::runtime::Mode> = 7;

namespace wattle::runtime {

namespace {

Linker host_linker() {
  Linker linker;
  linker.resource<Token>();
  linker.function(kHost, "[constructor]token",
                  [](Host&, uint32_t value) { return std::make_unique<Token>(value); });
  linker.function(kHost, "[method]token.value", [](Host&, Token& token) { return token.value; });
  linker.function(kHost, "consume", [](Host&, std::unique_ptr<Token> token) { return token->value; });
  linker.function(kHost, "take-text",
                  [](Host&, std::string_view text) { return static_cast<uint32_t>(text.size()); });
  linker.function(kHost, "take-numbers",
                  [](Host&, std::vector<uint64_t> numbers) { return static_cast<uint32_t>(numbers.size()); });
  linker.function(kHost, "take-letter", [](Host&, char32_t letter) { return static_cast<uint32_t>(letter); });
  linker.function(kHost, "take-choice",
                  [](Host&, std::optional<uint32_t> choice) { return choice.value_or(0); });
  linker.function(kHost, "give-text", [](Host&) { return std::string(100'000, 'x'); });
  linker.function(kHost, "wait",
                  [](Host&) -> Result<void> { return async::sleep_for(std::chrono::hours(1)); });
  return linker;
}

std::shared_ptr<const LinkedComponent> linked_guest() {
  static const auto linked = host_linker().link(load_guest("hostile-abi-c"));
  if (!linked) ADD_FAILURE() << text_of(linked.error());
  return linked ? *linked : nullptr;
}

class Hostile : public ::testing::Test {
 protected:
  // A fresh instance, for code on a fiber.
  struct Guest {
    Guest() : linked(linked_guest()) {
      auto created = Instance::create(linked, Host(), {});
      if (created) instance = std::move(*created);
    }
    const ExportedFunction& function(std::string_view name) {
      return **linked->find_function(kAttacks, name);
    }
    template <class R, class... Args>
    Result<R> call(std::string_view name, Args... arguments) {
      return instance->call<R>(function(name), limits, std::move(arguments)...);
    }
    std::shared_ptr<const LinkedComponent> linked;
    std::unique_ptr<Instance> instance;
    engine::CallLimits limits;
  };

  void TearDown() override { EXPECT_EQ(Token::alive, 0); }

  // The trap that a call ends with, in an instance that is of no use afterwards.
  template <class R, class... Args>
  static std::string trap_of(std::string_view name, Args... arguments) {
    std::string message = "no trap";
    on_fiber([&] {
      Guest guest;
      message = trap_in<R>(guest, name, arguments...);
    });
    return message;
  }
  template <class R, class... Args>
  static std::string trap_in(Guest& guest, std::string_view name, Args... arguments) {
    auto result = guest.call<R>(name, std::move(arguments)...);
    if (result) return "no trap";
    EXPECT_TRUE(guest.instance->poisoned());
    return result.error().code() == ErrorCode::trap ? result.error().message()
                                                    : "not a trap: " + result.error().full_message();
  }
  // A call of `name` with cabi_realloc in `mode`.
  template <class R, class... Args>
  static std::string trap_with(Mode mode, std::string_view name, Args... arguments) {
    std::string message;
    on_fiber([&] {
      Guest guest;
      ASSERT_TRUE(guest.call<void>("set-realloc", mode));
      message = trap_in<R>(guest, name, std::move(arguments)...);
    });
    return message;
  }
};

// ---- Allocation

TEST_F(Hostile, ReallocReturnsAnAddressOutsideTheMemory) {
  EXPECT_THAT(trap_with<uint32_t>(Mode::out_of_bounds, "accept", std::string("text")),
              HasSubstr("beyond end of memory"));
  EXPECT_THAT(trap_with<uint32_t>(Mode::out_of_bounds, "accept", std::string()),
              HasSubstr("beyond end of memory"));
  EXPECT_THAT(trap_with<uint32_t>(Mode::out_of_bounds, "fetch-text"), HasSubstr("beyond end of memory"));
}

TEST_F(Hostile, ReallocReturnsAMisalignedAddress) {
  EXPECT_THAT(trap_with<uint64_t>(Mode::misaligned, "accept-numbers", std::vector<uint64_t>{1}),
              HasSubstr("not aligned"));
}

TEST_F(Hostile, ReallocTraps) {
  EXPECT_THAT(trap_with<uint32_t>(Mode::traps, "accept", std::string("text")), HasSubstr("unreachable"));
  EXPECT_THAT(trap_with<uint32_t>(Mode::traps, "fetch-text"), HasSubstr("unreachable"));
}

TEST_F(Hostile, ReallocCallsOut) {
  EXPECT_THAT(trap_with<uint32_t>(Mode::calls_out, "accept", std::string("text")),
              HasSubstr("cannot leave component instance"));
}

TEST_F(Hostile, PostReturnCallsOut) {
  EXPECT_THAT(trap_of<std::string>("after-return-calls-out"), HasSubstr("cannot leave component instance"));
}

TEST_F(Hostile, ReallocMayGrowTheMemory) {
  on_fiber([] {
    Guest guest;
    ASSERT_TRUE(guest.call<void>("set-realloc", Mode::grows));
    EXPECT_EQ(*guest.call<uint32_t>("accept", std::string(200'000, '\x01')), 200'000u);
    EXPECT_EQ(*guest.call<uint32_t>("fetch-text"), 100'000u);
    EXPECT_EQ(*guest.call<uint64_t>("accept-numbers", std::vector<uint64_t>(70'000, 2)), 140'000u);
  });
}

TEST_F(Hostile, ReallocSpinsUntilItsDeadline) {
  on_fiber([] {
    Guest guest;
    ASSERT_TRUE(guest.call<void>("set-realloc", Mode::spins));
    guest.limits.cpu_time = std::chrono::milliseconds(30);
    auto result = guest.call<uint32_t>("accept", std::string("text"));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), ErrorCode::cpu_time_exceeded);
    EXPECT_TRUE(guest.instance->poisoned());
  });
}

// ---- Pointers, lengths, bit patterns

TEST_F(Hostile, ResultsOutsideTheMemory) {
  EXPECT_THAT(trap_of<std::string>("give-text", 0xffffffffu, 2u), HasSubstr("out of bounds"));
  EXPECT_THAT(trap_of<std::string>("give-text", 0u, 0xffffffffu), HasSubstr("out of bounds"));
  EXPECT_THAT(trap_of<std::vector<uint64_t>>("give-numbers", 8u, 0x20000001u), HasSubstr("out of bounds"));
  EXPECT_THAT(trap_of<std::vector<uint64_t>>("give-numbers", 0xfffffff8u, 1u), HasSubstr("out of bounds"));
  EXPECT_THAT(trap_of<std::vector<std::string>>("give-texts", 0u, 0xffffffffu), HasSubstr("out of bounds"));
}

TEST_F(Hostile, ArgumentsOutsideTheMemory) {
  EXPECT_THAT(trap_of<uint32_t>("send-text", 0u, kGibibyte), HasSubstr("out of bounds"));
  EXPECT_THAT(trap_of<uint32_t>("send-numbers", 0u, 0x20000001u), HasSubstr("out of bounds"));
  EXPECT_THAT(trap_of<uint32_t>("send-numbers", 4u, 1u), HasSubstr("not aligned"));
  EXPECT_THAT(trap_of<uint32_t>("fetch-text-to", 0xfffffffcu), HasSubstr("out of bounds"));
  EXPECT_THAT(trap_of<uint32_t>("fetch-text-to", 2u), HasSubstr("not aligned"));
}

TEST_F(Hostile, BitPatternsThatMeanNothing) {
  EXPECT_THAT(trap_of<uint32_t>("send-letter", 0xd800u), HasSubstr("invalid `char` bit pattern"));
  EXPECT_THAT(trap_of<uint32_t>("send-letter", 0x110000u), HasSubstr("invalid `char` bit pattern"));
  EXPECT_THAT(trap_of<uint32_t>("send-choice", 2u), HasSubstr("discriminant"));
}

// ---- Handles

TEST_F(Hostile, ForgedHandles) {
  for (uint32_t handle : {0u, 1u, 77u, 0xffffffffu}) {
    EXPECT_THAT(trap_of<uint32_t>("forge", handle),
                HasSubstr(fmt::format("unknown handle index {}", handle)));
    EXPECT_THAT(trap_of<uint32_t>("forge-consume", handle), HasSubstr("unknown handle index"));
  }
}

TEST_F(Hostile, HandlesThatAreGone) {
  EXPECT_THAT(trap_of<uint32_t>("use-after-drop"), HasSubstr("unknown handle index 1"));
  EXPECT_THAT(trap_of<uint32_t>("use-after-consume"), HasSubstr("unknown handle index 1"));
  EXPECT_THAT(trap_of<void>("drop-twice"), HasSubstr("unknown handle index 1"));
}

TEST_F(Hostile, MoreHandlesThanAnyoneNeeds) {
  EXPECT_THAT(trap_of<uint32_t>("hoard", 1'000'001u), HasSubstr("holds too many resources of its host"));
}

TEST_F(Hostile, BorrowsThatAreKeptOrPassedOnAsOwn) {
  on_fiber([] {
    for (const auto& [attack, expected] :
         {std::pair("keep-borrow", "borrow handles still remain"), std::pair("consume-borrow", "is a borrow"),
          std::pair("drop-borrow", "")}) {
      Guest guest;
      const uint32_t token = guest.instance->host().resources.insert(std::make_unique<Token>(3));
      const wit::Value arguments[] = {{wit::HandleValue{false, token, &host_resource_type<Token>}}};
      auto result = guest.instance->call(guest.function(attack), arguments, {});
      EXPECT_EQ(result.has_value(), std::string_view(expected).empty()) << attack;
      if (!result) {
        EXPECT_THAT(result.error().message(), HasSubstr(expected));
      }
    }
  });
}

TEST_F(Hostile, AHandleOfAnotherTypeIsTheCallersMistake) {
  on_fiber([] {
    Guest guest;
    const wit::Value arguments[] = {{wit::HandleValue{false, 0, nullptr}}};
    auto result = guest.instance->call(guest.function("drop-borrow"), arguments, {});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), ErrorCode::invalid_argument);
    EXPECT_FALSE(guest.instance->poisoned());
  });
}

// ---- Ends from outside, while a host function waits

TEST_F(Hostile, ACancelledWaitEndsTheGuest) {
  async::Worker worker;
  std::optional<Error> error;
  std::shared_ptr<async::Fiber> waiting = worker.spawn([&] {
    Guest guest;
    auto result = guest.call<void>("wait");
    if (!result) error = result.error();
    EXPECT_EQ(Token::alive, 1);
    EXPECT_TRUE(guest.instance->poisoned());
    EXPECT_TRUE(guest.instance->reset());
    EXPECT_EQ(Token::alive, 0);
    EXPECT_FALSE(guest.instance->poisoned());
  });
  worker.spawn([&] {
    while (Token::alive == 0) async::Fiber::current().yield();
    waiting->cancel(Error(ErrorCode::cancelled, "the client went away"));
  });
  worker.run();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ErrorCode::cancelled);
  EXPECT_EQ(error->message(), "the client went away");
}

TEST_F(Hostile, ADeadlineEndsAWait) {
  on_fiber([] {
    Guest guest;
    async::DeadlineScope deadline(Clock::now() + std::chrono::milliseconds(20));
    auto result = guest.call<void>("wait");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), ErrorCode::deadline_exceeded);
  });
}

}  // namespace
}  // namespace wattle::runtime
