// Components on one host and on two, linked to each other; the hosts' data sides with a real bus between
// them.
#include <gmock/gmock.h>

#include "host/data_plane_test_support.h"

namespace wattle::host {
namespace {

using ::testing::HasSubstr;

std::shared_ptr<const lattice::LinkTable> all_links() {
  return lattice::LinkTable::build({link("outside", "caller", "caller", "caller"),
                                    link("caller", "library", "demo", "calc"),
                                    link("caller", "library", "demo", "counters")});
}

TEST_F(DataPlaneTest, CallsGoAlongALinkOnOneHost) {
  on_fiber([&] {
    TestHost host("NHOST1", server_.url());
    host.plane->set_links(all_links());
    ASSERT_TRUE(host.plane->put_component({.id = "library", .component = load_guest("library-c")}));
    ASSERT_TRUE(host.plane->put_component({.id = "caller", .component = load_guest("caller-c")}));
    Outside outside(server_.url());
    auto sum = outside.call<uint32_t>("run-add", uint32_t{2}, uint32_t{40});
    ASSERT_TRUE(sum) << sum.error().full_message();
    EXPECT_EQ(std::get<0>(*sum), 42u);
    host.plane->drain();
  });
}

TEST_F(DataPlaneTest, CallsGoToTheHostThatRunsTheTarget) {
  on_fiber([&] {
    TestHost near("NHOST1", server_.url()), far("NHOST2", server_.url());
    for (auto* host : {&near, &far}) host->plane->set_links(all_links());
    ASSERT_TRUE(near.plane->put_component({.id = "caller", .component = load_guest("caller-c")}));
    ASSERT_TRUE(far.plane->put_component({.id = "library", .component = load_guest("library-c")}));
    Outside outside(server_.url());
    auto text = outside.call<std::string>("run-echo", std::string("over there"));
    ASSERT_TRUE(text) << text.error().full_message();
    EXPECT_EQ(std::get<0>(*text), "over there");
    near.plane->drain();
    far.plane->drain();
  });
}

// A provider that remembers what it is told of links, with the secret of each.
class HearingProvider final : public capability::Provider {
 public:
  explicit HearingProvider(std::vector<std::string>& heard) : heard_(heard) {}
  Result<void> put_link(const capability::ProviderLink& link) override {
    std::string text = "put";
    for (const auto& [name, value] : link.secrets) text += fmt::format(" {}={}", name, value);
    heard_.push_back(std::move(text));
    return {};
  }
  void delete_link(const capability::ProviderLink&) override { heard_.push_back("deleted"); }

 private:
  std::vector<std::string>& heard_;
};

class HearingFactory final : public capability::ProviderFactory {
 public:
  std::string_view name() const override { return "hearing"; }
  std::vector<std::string> interfaces() const override { return {}; }
  Result<std::unique_ptr<capability::Provider>> make(const capability::ProviderContext&) override {
    return std::make_unique<HearingProvider>(heard);
  }
  std::vector<std::string> heard;  // by the one worker, and read between calls
};

TEST_F(DataPlaneTest, AProvidersLinkStaysAsItWasUntilItsSecretsAreKnown) {
  on_fiber([&] {
    ASSERT_TRUE(engine::start({}));
    HearingFactory factory;
    const telemetry::Log log{
        {.level = telemetry::LogLevel::off, .format = telemetry::LogFormat::text, .file = {}}};
    auto plane =
        DataPlane::start({.host_id = "NHOST1", .lattice = kLattice, .log = &log, .factories = {&factory}});
    ASSERT_TRUE(plane);
    ASSERT_TRUE((*plane)->put_provider({.id = "kv", .name = "hearing"}));
    const auto with = [](std::vector<std::string> configs) {
      lattice::Link to_kv = link("shop", "kv", "demo", "calc");
      to_kv.target_config = std::move(configs);
      return lattice::LinkTable::build({to_kv});
    };
    const auto known = [](std::string_view value) {
      auto held = std::make_shared<SecretTable::Held>();
      held->reference = {.name = "password", .backend = "kept", .key = "a"};
      held->secret = capability::Secret{.version = "1", .value = std::string(value)};
      auto table = std::make_shared<SecretTable>();
      table->held[{"kv", "SECRET_a"}] = held;
      return table;
    };
    (*plane)->set_links(with({"SECRET_a"}));
    EXPECT_TRUE(factory.heard.empty());
    (*plane)->set_secrets(known("one"));
    (*plane)->set_links(with({"SECRET_a", "SECRET_b"}));
    (*plane)->set_links(with({"SECRET_a"}));
    (*plane)->set_secrets(known("two"));
    (*plane)->set_links(with({}));
    EXPECT_THAT(factory.heard, ::testing::ElementsAre("put password=one", "put password=two", "put"));
    (*plane)->drain();
  });
}

// What is looked at goes on as it would, and circles of links end as they would.
TEST_F(DataPlaneTest, CallsAreTheSameWhileSomebodyLooks) {
  on_fiber([&] {
    TestHost host("NHOST1", server_.url());
    host.plane->set_links(all_links());
    ASSERT_TRUE(host.plane->put_component({.id = "library", .component = load_guest("library-c")}));
    ASSERT_TRUE(host.plane->put_component({.id = "caller", .component = load_guest("caller-c")}));
    Outside outside(server_.url());
    std::vector<lattice::SpiedCall> seen;
    const std::string inbox = lattice::spy_inbox("test");
    auto heard = outside.bus->subscribe(inbox, {}, [&](const lattice::Message& message) {
      seen.push_back(lattice::parse_spied_call(message.payload).value());
    });
    ASSERT_TRUE(heard);
    ASSERT_TRUE(outside.bus->flush());
    host.plane->set_spies(std::make_shared<const SpyTable>(SpyTable{{"library", inbox}}));
    auto sum = outside.call<uint32_t>("run-add", uint32_t{2}, uint32_t{40});
    ASSERT_TRUE(sum) << sum.error().full_message();
    EXPECT_EQ(std::get<0>(*sum), 42u);
    const std::string text = std::string(100'000, 'a') + "\"";
    auto echoed = outside.call<std::string>("run-echo", text);
    ASSERT_TRUE(echoed) << echoed.error().full_message();
    EXPECT_EQ(std::get<0>(*echoed), text);
    ASSERT_TRUE(nats::eventually([&] { return seen.size() == 2; }));
    EXPECT_EQ(seen[0].source + seen[0].arguments + seen[0].result, "caller(2, 40)42");
    EXPECT_EQ(seen[1].arguments.substr(0, 6), "(\"aaaa");
    EXPECT_LT(seen[1].arguments.size(), SpyGlass::kTextBytesMax + 10);
    host.plane->set_spies(nullptr);
    ASSERT_TRUE(outside.call<uint32_t>("run-add", uint32_t{2}, uint32_t{40}));
    host.plane->drain();
    EXPECT_EQ(seen.size(), 2u);
  });
}

// What a test sends and receives as a stream.
constexpr size_t kStreamBytes = 3'000'000;  // more than any window or buffer on the way holds

wrpc::ByteStream stream_of_bytes() {
  auto pipe = std::make_shared<async::Pipe>();
  async::Fiber::current().worker().spawn([pipe] {
    std::vector<uint8_t> piece(50'000);
    for (size_t sent = 0; sent < kStreamBytes; sent += piece.size()) {
      for (size_t i = 0; i < piece.size(); ++i) piece[i] = static_cast<uint8_t>((sent + i) * 7);
      if (!pipe->write_all(piece)) return;
    }
    pipe->close();
  });
  return {pipe};
}

class StreamsTest : public DataPlaneTest {
 protected:
  // Runs `body(outside)` with "caller" and "library" linked on two hosts.
  void between_hosts(const std::function<void(Outside&)>& body) {
    on_fiber([&] {
      TestHost near("NHOST1", server_.url()), far("NHOST2", server_.url());
      const auto links = lattice::LinkTable::build(
          {link("outside", "caller", "linking", "relay"), link("caller", "library", "linked", "work")});
      for (auto* host : {&near, &far}) host->plane->set_links(links);
      ASSERT_TRUE(near.plane->put_component({.id = "caller", .component = load_guest("linked-caller-c")}));
      ASSERT_TRUE(far.plane->put_component({.id = "library", .component = load_guest("linked-callee-c")}));
      Outside outside(server_.url());
      outside.instance = "wattle:linking/relay@1.0.0";
      body(outside);
      near.plane->drain();
      far.plane->drain();
    });
  }
};

TEST_F(StreamsTest, BytesFollowACallToAnotherHost) {
  between_hosts([](Outside& outside) {
    auto drained = outside.call<uint64_t>("drain-these", stream_of_bytes());
    ASSERT_TRUE(drained) << drained.error().full_message();
    EXPECT_EQ(std::get<0>(*drained), kStreamBytes);
  });
}

TEST_F(StreamsTest, BytesFollowAResultFromAnotherHost) {
  between_hosts([](Outside& outside) {
    auto back = outside.call<wrpc::ByteStream>("give-back-these", stream_of_bytes());
    ASSERT_TRUE(back) << back.error().full_message();
    async::Pipe& pipe = *std::get<0>(*back).pipe;
    std::vector<uint8_t> piece(10'000);
    size_t received = 0, wrong = 0;
    while (true) {
      auto read = pipe.read_some(piece);
      ASSERT_TRUE(read) << read.error().full_message();
      if (*read == 0) break;
      for (size_t i = 0; i < *read; ++i) wrong += piece[i] != static_cast<uint8_t>((received + i) * 7);
      received += *read;
    }
    EXPECT_EQ(received, kStreamBytes);
    EXPECT_EQ(wrong, 0u);
  });
}

// The caller of a stream that breaks off is told what the guest is told: here, that it ended.
TEST_F(StreamsTest, AStreamThatBreaksOffEndsTheReading) {
  between_hosts([](Outside& outside) {
    auto pipe = std::make_shared<async::Pipe>();
    const uint8_t bytes[100] = {};
    pipe->try_write(bytes);
    pipe->abort(Error(ErrorCode::io, "the disk is gone"));
    auto drained = outside.call<uint64_t>("drain-these", wrpc::ByteStream{pipe});
    ASSERT_TRUE(drained) << drained.error().full_message();
    EXPECT_LE(std::get<0>(*drained), 100u);
  });
}

TEST_F(StreamsTest, ALentStreamIsRefused) {
  between_hosts([](Outside& outside) {
    using Peeked = tl::expected<uint32_t, std::string>;
    auto peeked = outside.call<Peeked>("peek");
    ASSERT_TRUE(peeked) << peeked.error().full_message();
    ASSERT_FALSE(std::get<0>(*peeked));
    EXPECT_THAT(std::get<0>(*peeked).error(), HasSubstr("lends a resource"));
  });
}

TEST_F(DataPlaneTest, WhoHasNoLinkIsRefused) {
  on_fiber([&] {
    TestHost host("NHOST1", server_.url());
    host.plane->set_links(all_links());
    ASSERT_TRUE(host.plane->put_component({.id = "caller", .component = load_guest("caller-c")}));
    Outside outside(server_.url());
    outside.source = "stranger";
    auto sum = outside.call<uint32_t>("run-add", uint32_t{2}, uint32_t{40});
    ASSERT_FALSE(sum);
    EXPECT_THAT(sum.error().full_message(), HasSubstr("stranger"));
    host.plane->drain();
  });
}

TEST_F(DataPlaneTest, ATargetThatRunsNowhereIsNamed) {
  on_fiber([&] {
    TestHost host("NHOST1", server_.url());
    host.plane->set_links(all_links());
    ASSERT_TRUE(host.plane->put_component({.id = "caller", .component = load_guest("caller-c")}));
    Outside outside(server_.url());
    auto sum = outside.call<uint32_t>("run-add", uint32_t{2}, uint32_t{40});
    ASSERT_FALSE(sum);
    EXPECT_THAT(sum.error().full_message(), HasSubstr("\"library\" runs on no host"));
    host.plane->drain();
  });
}

}  // namespace
}  // namespace wattle::host
