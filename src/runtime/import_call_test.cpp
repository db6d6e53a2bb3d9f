// Calls through links between two components of one worker.
#include "runtime/import_call.h"

#include <gmock/gmock.h>

#include "async/signal.h"
#include "runtime/guest_test_support.h"

namespace wattle::runtime {
namespace {

using testing::load_guest;
using testing::text_of;
using wit::case_value;
using wit::Value;
using wit::Values;

constexpr std::string_view kRelay = "wattle:linking/relay@1.0.0";
constexpr std::string_view kWork = "wattle:linked/work@1.0.0";

// wasi:io/streams as far as these guests use it.
struct InputStream : HostResource {
  static constexpr std::string_view kInterface = "wasi:io/streams";
  static constexpr std::string_view kName = "input-stream";
  explicit InputStream(size_t bytes) : left(bytes) {}
  bool move_to(HostResources&) override { return movable; }
  size_t left;
  bool movable = true;
};
struct IoError : HostResource {
  static constexpr std::string_view kInterface = "wasi:io/error";
  static constexpr std::string_view kName = "error";
};
using StreamError = std::variant<std::unique_ptr<IoError>, std::monostate>;

// Two components of one worker, and the link between them, which the callback stands for.
class LinkedCalls : public ::testing::Test {
 protected:
  LinkedCalls() {
    linker.resource<IoError>("0.2.0");
    linker.resource<InputStream>("0.2.0");
    linker.function(
        "wasi:io/streams@0.2.0", "[method]input-stream.blocking-read",
        [](Host&, InputStream& stream, uint64_t length) -> tl::expected<std::vector<uint8_t>, StreamError> {
          if (stream.left == 0) return tl::unexpected<StreamError>(std::monostate{});
          const size_t bytes = std::min<size_t>(stream.left, length);
          stream.left -= bytes;
          return std::vector<uint8_t>(bytes);
        });
    linker.function("wasi:cli/stdin@0.2.0", "get-stdin", [this](Host&) {
      auto stream = std::make_unique<InputStream>(10'000);
      stream->movable = streams_can_move;
      return stream;
    });
    linker.function("wattle:linked/pauses@1.0.0", "pause", [this](Host&) -> Result<void> {
      ++pausing;
      return go_on.wait();
    });
    linker.linked_interface("wattle:linked/work", [this](ImportCall& call) { return answer(call); });
  }

  Result<void> run_local(ImportCall& call) {
    WATTLE_TRY(auto function, callee->find_function(kWork, call.import().name));
    return call.run_in(*pool, *function, limits);
  }

  std::shared_ptr<const LinkedComponent> linked(const std::string& guest) {
    auto component = linker.link(load_guest(guest));
    if (!component) ADD_FAILURE() << text_of(component.error());
    return component ? *component : nullptr;
  }

  // Calls with a fresh instance of the caller, on the test's fiber.
  Result<std::optional<Value>> call(std::string_view function, Values arguments = {},
                                    const engine::CallLimits& caller_limits = {}) {
    auto instance = Instance::create(caller, Host(), {});
    if (!instance) return failure(std::move(instance).error());
    return (*instance)->call(**caller->find_function(kRelay, function), arguments, caller_limits);
  }

  void on_worker(const std::function<void()>& body) {
    caller = linked("linked-caller-c");
    callee = linked("linked-callee-c");
    worker.spawn([&, body] {
      pool.emplace(worker, callee, pool_options);
      body();
      pool->shut_down(Error(ErrorCode::unavailable, "done"));
      pool.reset();
    });
    worker.run();
  }

  void expect_value(const Result<std::optional<Value>>& result, const Value& value) {
    ASSERT_TRUE(result) << text_of(result.error());
    EXPECT_EQ(**result, value);
  }

  // The string inside err(...).
  std::string reason_of(const Result<std::optional<Value>>& result) {
    if (!result) return "failed: " + text_of(result.error());
    const auto& outcome = std::get<wit::CaseValue>((*result)->data);
    return outcome.index == 1 ? std::get<std::string>(outcome.payload->data) : "no error";
  }

  bool streams_can_move = true;
  int pausing = 0;
  async::Signal go_on;
  engine::CallLimits limits;
  PoolOptions pool_options;
  std::function<Result<void>(ImportCall&)> answer = [this](ImportCall& call) { return run_local(call); };
  Linker linker;
  async::Worker worker;
  std::shared_ptr<const LinkedComponent> caller, callee;
  std::optional<InstancePool> pool;
};

TEST_F(LinkedCalls, PassNumbers) {
  on_worker([&] { expect_value(call("add", {{uint32_t{2}}, {uint32_t{3}}}), {uint32_t{5}}); });
}

TEST_F(LinkedCalls, PassText) {
  on_worker([&] {
    const std::string text = "grüße \U0001f331 " + std::string(100'000, 'w');
    expect_value(call("echo", {{text}}), {text});
  });
}

TEST_F(LinkedCalls, PassListsOfRecordsAndBack) {
  const Value first{Values{{std::string("a")}, {Values{{uint64_t{1}}, {UINT64_MAX}}}, case_value(0)}};
  const Value second{
      Values{{std::string("long name")}, {Values{}}, case_value(1, Value{std::string("noted")})}};
  on_worker([&] {
    expect_value(call("reverse", {{Values{first, second}}}), case_value(0, Value{Values{second, first}}));
    expect_value(call("reverse", {{Values{}}}), case_value(1, case_value(0)));
  });
}

TEST_F(LinkedCalls, GiveEachCallAPristineCallee) {
  on_worker([&] {
    expect_value(call("remember", {{uint32_t{7}}}), {uint32_t{0}});
    expect_value(call("remember", {{uint32_t{8}}}), {uint32_t{0}});
    EXPECT_EQ(pool->counts().created, 1u);
  });
}

TEST_F(LinkedCalls, KeepTheStateOfACalleeWhereThatIsAskedFor) {
  pool_options.pristine = false;
  on_worker([&] {
    expect_value(call("remember", {{uint32_t{7}}}), {uint32_t{0}});
    expect_value(call("remember", {{uint32_t{8}}}), {uint32_t{7}});
  });
}

TEST_F(LinkedCalls, TurnATrapOfTheCalleeIntoTheDeclaredError) {
  on_worker([&] {
    EXPECT_THAT(reason_of(call("trap-with-room")), ::testing::HasSubstr("unreachable"));
    expect_value(call("add", {{uint32_t{2}}, {uint32_t{3}}}), {uint32_t{5}});
  });
}

TEST_F(LinkedCalls, TrapTheCallerWhereNoErrorIsDeclared) {
  on_worker([&] {
    auto result = call("trap-without-room");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), ErrorCode::trap);
    EXPECT_THAT(text_of(result.error()), ::testing::AllOf(::testing::HasSubstr("trap-without-room"),
                                                          ::testing::HasSubstr("unreachable")));
  });
}

TEST_F(LinkedCalls, EndACalleeByItsOwnLimits) {
  limits.cpu_time = std::chrono::milliseconds(20);
  on_worker([&] {
    EXPECT_THAT(reason_of(call("spin")), ::testing::HasSubstr("CPU time"));
    limits.cpu_time = Duration::max();
    limits.deadline = Clock::now() + std::chrono::milliseconds(20);
    EXPECT_THAT(reason_of(call("spin")), ::testing::HasSubstr("deadline"));
  });
}

TEST_F(LinkedCalls, DoNotChargeTheCallerForTheCallee) {
  limits.cpu_time = std::chrono::milliseconds(60);
  on_worker([&] {
    engine::CallLimits little;
    little.cpu_time = std::chrono::milliseconds(30);
    EXPECT_THAT(reason_of(call("spin", {}, little)), ::testing::HasSubstr("CPU time"));
  });
}

TEST_F(LinkedCalls, LetOthersRunWhileTheCalleeComputes) {
  limits.cpu_time = std::chrono::milliseconds(50);
  int others = 0;
  on_worker([&] {
    bool done = false, ended = false;
    worker.spawn([&] {
      while (!done) {
        (void)async::sleep_for(std::chrono::milliseconds(1));
        ++others;
      }
      ended = true;
    });
    (void)call("spin");
    done = true;
    while (!ended) async::Fiber::current().yield();
  });
  EXPECT_GT(others, 3);
}

TEST_F(LinkedCalls, WaitInTheCallee) {
  on_worker([&] {
    worker.spawn([&] {
      while (pausing < 2) async::Fiber::current().yield();
      go_on.notify();
    });
    bool ended = false;
    worker.spawn([&] {
      expect_value(call("pause"), case_value(0, Value{uint32_t{1}}));
      ended = true;
    });
    expect_value(call("pause"), case_value(0, Value{uint32_t{1}}));
    while (!ended) async::Fiber::current().yield();
  });
}

TEST_F(LinkedCalls, EndWithTheDeadlineOfTheFiber) {
  on_worker([&] {
    async::DeadlineScope deadline(Clock::now() + std::chrono::milliseconds(20));
    EXPECT_THAT(reason_of(call("pause")), ::testing::HasSubstr("deadline"));
  });
}

TEST_F(LinkedCalls, EndWhenTheirFiberIsCancelled) {
  on_worker([&] {
    std::optional<Result<std::optional<Value>>> result;
    auto fiber = worker.spawn([&] { result = call("pause"); });
    while (pausing == 0) async::Fiber::current().yield();
    fiber->cancel(Error(ErrorCode::cancelled, "the client went away"));
    while (!result) async::Fiber::current().yield();
    ASSERT_FALSE(*result);
    EXPECT_EQ(result->error().code(), ErrorCode::cancelled);
  });
}

TEST_F(LinkedCalls, NestAndCountEachLevel) {
  on_worker([&] { expect_value(call("descend", {{uint32_t{5}}}), case_value(0, Value{uint32_t{5}})); });
}

TEST_F(LinkedCalls, AreRefusedWhereTheyNestWithoutEnd) {
  pool_options.max_instances = 500;
  on_worker([&] {
    EXPECT_THAT(reason_of(call("descend", {{uint32_t{1000}}})), ::testing::HasSubstr("nested too deep"));
    EXPECT_EQ(pool->counts().busy, 0u);
  });
}

TEST_F(LinkedCalls, AreRefusedWhenAllInstancesAreBusyAndTheQueueIsFull) {
  pool_options.max_instances = 1;
  pool_options.max_queue = 0;
  on_worker([&] { EXPECT_THAT(reason_of(call("descend", {{uint32_t{3}}})), ::testing::HasSubstr("busy")); });
}

TEST_F(LinkedCalls, TrapACallerThatPassesBrokenText) {
  on_worker([&] {
    auto result = call("echo-broken");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), ErrorCode::trap);
    EXPECT_THAT(text_of(result.error()), ::testing::HasSubstr("utf-8"));
  });
}

TEST_F(LinkedCalls, MoveResourcesOfTheHost) {
  on_worker([&] { expect_value(call("drain"), {uint64_t{10'000}}); });
}

TEST_F(LinkedCalls, SayWhichResourceCannotMove) {
  streams_can_move = false;
  on_worker([&] {
    auto result = call("drain");
    ASSERT_FALSE(result);
    EXPECT_THAT(text_of(result.error()), ::testing::HasSubstr("input-stream"));
  });
}

TEST_F(LinkedCalls, LendNoResources) {
  on_worker([&] { EXPECT_THAT(reason_of(call("peek")), ::testing::HasSubstr("lends a resource")); });
}

constexpr ResourceType kCarried{"test:streams", "stream", true};

TEST_F(LinkedCalls, AreAnsweredWithValues) {
  answer = [](ImportCall& call) -> Result<void> {
    WATTLE_CHECK(call.check_remote(kCarried));
    WATTLE_TRY(auto arguments, call.arguments());
    return call.set_result(arguments[0]);
  };
  on_worker([&] {
    expect_value(call("echo", {{std::string("far away")}}), {std::string("far away")});
    EXPECT_THAT(reason_of(call("peek")), ::testing::HasSubstr("no link carries"));
    auto drained = call("drain");
    ASSERT_FALSE(drained);
    EXPECT_THAT(text_of(drained.error()), ::testing::HasSubstr("cannot leave its host"));
  });
}

TEST_F(LinkedCalls, AreSeenAsTheyGoBy) {
  std::vector<Values> arguments;
  std::vector<std::optional<Value>> results;
  answer = [&](ImportCall& call) -> Result<void> {
    arguments.push_back(call.seen_arguments().value());
    WATTLE_CHECK(run_local(call));
    results.push_back(call.seen_result().value());
    return {};
  };
  on_worker([&] {
    expect_value(call("add", {{uint32_t{2}}, {uint32_t{3}}}), {uint32_t{5}});
    expect_value(call("echo", {{std::string("far away")}}), {std::string("far away")});
  });
  EXPECT_EQ(arguments, (std::vector<Values>{{{uint32_t{2}}, {uint32_t{3}}}, {{std::string("far away")}}}));
  EXPECT_EQ(results, (std::vector<std::optional<Value>>{Value{uint32_t{5}}, Value{std::string("far away")}}));
}

TEST_F(LinkedCalls, FailWithTheErrorOfTheLink) {
  answer = [](ImportCall&) -> Result<void> {
    return failure(Error(ErrorCode::not_found, "no link").with_remedy("wattle link put a b"));
  };
  on_worker([&] {
    EXPECT_EQ(reason_of(call("trap-with-room")), "no link; wattle link put a b");
    expect_value(call("reverse", {{Values{}}}),
                 case_value(1, case_value(1, Value{std::string("no link; wattle link put a b")})));
  });
}

TEST_F(LinkedCalls, FailWhereNobodyAnswered) {
  answer = [](ImportCall&) -> Result<void> { return {}; };
  on_worker([&] { EXPECT_THAT(reason_of(call("spin")), ::testing::HasSubstr("was not answered")); });
}

TEST_F(LinkedCalls, NameBothTypesWhereTheyDiffer) {
  answer = [this](ImportCall& call) -> Result<void> {
    WATTLE_TRY(auto other, callee->find_function(kWork, "add"));
    return call.run_in(*pool, *other, limits);
  };
  on_worker([&] {
    EXPECT_THAT(reason_of(call("spin")),
                ::testing::AllOf(::testing::HasSubstr("func() -> result<u32, string>"),
                                 ::testing::HasSubstr("func(a: u32, b: u32) -> u32")));
  });
}

TEST_F(LinkedCalls, StandForEveryInterfaceThatNothingElseKnows) {
  Linker others;
  others.link_other_interfaces([](ImportCall& call) -> Result<void> {
    return failure(ErrorCode::not_found, "no link for {}", call.import().interface);
  });
  auto component = others.link(load_guest("caller-c"));
  ASSERT_TRUE(component) << text_of(component.error());
  const auto imports = (*component)->linked_imports();
  ASSERT_GE(imports.size(), 5u);
  for (uint32_t index = 0; index < imports.size(); ++index) EXPECT_EQ(imports[index]->index, index);
  testing::on_fiber([&] {
    auto instance = Instance::create(*component, Host(), {});
    ASSERT_TRUE(instance) << text_of(instance.error());
    const Value numbers[] = {{uint32_t{1}}, {uint32_t{2}}};
    auto merge = (*component)->find_function("wattle:caller/caller@1.0.0", "merge-counters");
    auto result = (*instance)->call(**merge, numbers, {});
    ASSERT_FALSE(result);
    EXPECT_THAT(text_of(result.error()), ::testing::HasSubstr("no link for wattle:demo/counters@1.0.0"));
  });
}

TEST_F(LinkedCalls, RefuseResourcesThatTheCalleeDefines) {
  auto library = linked("library-c");
  std::optional<InstancePool> counters;
  Linker others;
  others.link_other_interfaces([&](ImportCall& call) -> Result<void> {
    WATTLE_TRY(auto function, library->find_function(call.import().interface, call.import().name));
    return call.run_in(*counters, *function, {});
  });
  auto component = others.link(load_guest("caller-c"));
  ASSERT_TRUE(component);
  worker.spawn([&] {
    counters.emplace(worker, library, PoolOptions{});
    auto instance = Instance::create(*component, Host(), {});
    const Value numbers[] = {{uint32_t{1}}, {uint32_t{2}}};
    auto merge = (*component)->find_function("wattle:caller/caller@1.0.0", "merge-counters");
    auto result = (*instance)->call(**merge, numbers, {});
    EXPECT_FALSE(result);
    EXPECT_THAT(text_of(result.error()), ::testing::HasSubstr("a component defines"));
    counters->shut_down(Error(ErrorCode::unavailable, "done"));
    counters.reset();
  });
  worker.run();
}

}  // namespace
}  // namespace wattle::runtime
