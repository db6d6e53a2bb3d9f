#include "providers/secrets_nats/secrets_nats.h"

#include <gtest/gtest.h>
#include <sodium.h>

#include "providers/provider_test.h"
#include "providers/secrets_nats/backend.h"

namespace wattle::providers {
namespace {

using namespace std::chrono_literals;
using capability::Caller;
using capability::SecretsError;
using nats::CurveKeyPair;
using nats::KeyKind;
using nats::KeyPair;

constexpr Caller kCaller{"shop", "default"};
constexpr std::string_view kMarker = "marker-of-a-secret";

std::string base64(std::string_view bytes) {
  constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  std::string text(sodium_base64_encoded_len(bytes.size(), kVariant), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), kVariant);
  text.pop_back();
  return text;
}

// A component's token, as wasmCloud's build tool makes it.
std::string token(const KeyPair& issuer, const std::string& subject, const std::string& more = "") {
  std::string text =
      base64(R"({"typ":"jwt","alg":"Ed25519"})") + "." +
      base64(R"({"iss":")" + issuer.public_key() + R"(","sub":")" + subject + "\"" + more + "}");
  const auto signature = issuer.sign(text);
  return text + "." + base64({reinterpret_cast<const char*>(signature.data()), signature.size()});
}

class SecretsNats : public testing::Test {
 protected:
  std::map<std::string, std::string> config(std::map<std::string, std::string> more) const {
    more["cluster_uris"] = server_.url();
    more["allow"] = "*";
    return more;
  }
  // The bucket, for whoever writes it.
  std::shared_ptr<secrets::SealedBucket> bucket(TestPlace& place,
                                                const capability::ProviderContext& context) {
    auto connections = std::make_shared<NatsConnections>(context);
    const auto settings = config({});
    (void)place;
    auto connection = connections->find_or_make(Settings({&settings}));
    kept_ = connections;
    return std::make_shared<secrets::SealedBucket>(*connection, "WATTLE_SECRETS", key_);
  }

  nats::TestServer server_;
  CurveKeyPair key_ = CurveKeyPair::generate();
  std::shared_ptr<NatsConnections> kept_;
};

TEST_F(SecretsNats, BucketHoldsNothingInClear) {
  run_test([&](async::Worker& worker) {
    TestPlace place(worker);
    const auto context = place.context();
    const auto writer = bucket(place, context);
    auto first = writer->put("db password", kMarker, false);
    ASSERT_TRUE(first) << first.error().full_message();
    ASSERT_TRUE(writer->put("db password", "second", false));
    ASSERT_TRUE(writer->put("bytes", std::string("\0\xff", 2), true));
    EXPECT_EQ(*writer->names(), (std::vector<std::string>{"bytes", "db password"}));
    {
      auto provider = secrets_nats_factory()->make(context);
      auto link = link_to_provider(config({}));
      link.secrets["xkey_seed"] = key_.seed();
      auto put = (*provider)->put_link(link);
      ASSERT_TRUE(put) << put.error().full_message();
      auto& store = *(*provider)->secrets();
      EXPECT_EQ(store.get(kCaller, "db password", "", "")->value, "second");
      auto older = store.get(kCaller, "db password", "", *first);
      ASSERT_TRUE(older) << older.error().message;
      EXPECT_EQ(older->value, kMarker);
      EXPECT_EQ(older->version, *first);
      EXPECT_TRUE(store.get(kCaller, "bytes", "", "")->is_bytes);
      EXPECT_EQ(store.get(kCaller, "none", "", "").error().kind, SecretsError::Kind::not_found);
      // With another key it opens nothing, and says nothing of what is in it.
      link.secrets["xkey_seed"] = CurveKeyPair::generate().seed();
      ASSERT_TRUE((*provider)->put_link(link));
      auto closed = store.get(kCaller, "db password", "", "");
      ASSERT_FALSE(closed);
      EXPECT_EQ(closed.error().kind, SecretsError::Kind::io) << closed.error().message;
      link.secrets["xkey_seed"] = std::string(kMarker);
      auto wrong = (*provider)->put_link(link);
      ASSERT_FALSE(wrong);
      EXPECT_EQ(wrong.error().full_message().find(kMarker), std::string::npos);
    }
    ASSERT_TRUE(writer->remove("db password"));
    EXPECT_EQ(writer->remove("db password").error().code(), ErrorCode::not_found);
    kept_.reset();
  });
  server_.stop();
  size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(server_.folder().path())) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(text.find(kMarker), std::string::npos) << entry.path();
    ++files;
  }
  EXPECT_GT(files, 2u);
}

TEST_F(SecretsNats, AnswersWhoMayAsk) {
  run_test([&](async::Worker& worker) {
    TestPlace place(worker);
    const auto issuer = KeyPair::generate(KeyKind::account);
    const auto component = KeyPair::generate(KeyKind::module);
    const auto other = KeyPair::generate(KeyKind::module);
    auto served = place.context({{"cluster_uris", server_.url()},
                                 {"serve_backend", "nats-kv"},
                                 {"serve", R"({")" + component.public_key() + R"(": ["db*"]})"}});
    served.secrets["xkey_seed"] = key_.seed();
    auto server = secrets_nats_factory()->make(served);
    ASSERT_TRUE(server) << server.error().full_message();
    const auto writer = bucket(place, served);
    ASSERT_TRUE(writer->put("db", R"({"user": "me"})", false));
    ASSERT_TRUE(writer->put("other", kMarker, false));

    auto client = secrets_nats_factory()->make(place.context());
    const auto ask = [&](const std::string& jwt, std::string_view key, std::string_view field = "") {
      auto link = link_to_provider(config({{"backend", "nats-kv"}}));
      link.secrets["entity_jwt"] = jwt;
      EXPECT_TRUE((*client)->put_link(link));
      return (*client)->secrets()->get(kCaller, key, field, "");
    };
    const std::string good = token(issuer, component.public_key());
    ASSERT_TRUE(eventually([&] { return ask(good, "db").has_value(); }));
    EXPECT_EQ(ask(good, "db", "user")->value, "me");
    EXPECT_EQ(ask(good, "db-none").error().kind, SecretsError::Kind::not_found);
    // Another's secret, nobody's token, a forged one, and one that is over.
    std::string forged = good;
    forged.replace(forged.find('.') + 1, forged.rfind('.') - forged.find('.') - 1,
                   base64(R"({"iss":")" + issuer.public_key() + R"(","sub":")" + component.public_key() +
                          "\",\"x\":1}"));
    const std::string expired = token(issuer, component.public_key(), R"(,"exp":1000)");
    for (const auto& [jwt, key] :
         std::vector<std::pair<std::string, std::string>>{{good, "other"},
                                                          {token(issuer, other.public_key()), "db"},
                                                          {"", "db"},
                                                          {forged, "db"},
                                                          {expired, "db"}}) {
      auto refused = ask(jwt, key);
      ASSERT_FALSE(refused) << key;
      EXPECT_EQ(refused.error().kind, SecretsError::Kind::upstream);
      EXPECT_EQ(refused.error().message.find(kMarker), std::string::npos);
    }
    kept_.reset();
  });
}

// What goes over the bus is sealed; who sends rubbish gets an error in clear, and no secret.
TEST_F(SecretsNats, NothingGoesOverTheBusInClear) {
  run_test([&](async::Worker& worker) {
    TestPlace place(worker);
    const auto issuer = KeyPair::generate(KeyKind::account);
    const auto component = KeyPair::generate(KeyKind::module);
    auto served = place.context({{"cluster_uris", server_.url()},
                                 {"serve_backend", "nats-kv"},
                                 {"serve", R"({")" + component.public_key() + R"(": ["*"]})"}});
    served.secrets["xkey_seed"] = key_.seed();
    auto server = secrets_nats_factory()->make(served);
    ASSERT_TRUE(server);
    ASSERT_TRUE(bucket(place, served)->put("db", kMarker, false));
    auto listener = nats::Client::connect(worker, {.urls = {server_.url()}});
    auto heard = (*listener)->subscribe(">");
    ASSERT_TRUE((*listener)->flush());
    auto client = secrets_nats_factory()->make(place.context());
    auto link = link_to_provider(config({{"backend", "nats-kv"}}));
    link.secrets["entity_jwt"] = token(issuer, component.public_key());
    ASSERT_TRUE((*client)->put_link(link));
    ASSERT_TRUE(eventually([&] { return (*client)->secrets()->get(kCaller, "db", "", "").has_value(); }));
    size_t messages = 0;
    ASSERT_TRUE((*listener)->flush());
    while (auto message = heard->try_next()) {
      EXPECT_EQ(message->payload.find(kMarker), std::string::npos) << message->subject;
      EXPECT_EQ(message->payload.find("entity_jwt"), std::string::npos) << message->subject;
      ++messages;
    }
    EXPECT_GT(messages, 3u);
    nats::Headers headers;
    headers.set(secrets::kHostXkey, CurveKeyPair::generate().public_key());
    for (const nats::Headers* some :
         {static_cast<const nats::Headers*>(nullptr), static_cast<const nats::Headers*>(&headers)}) {
      auto answer =
          (*listener)->request("wasmcloud.secrets.v1alpha1.nats-kv.get", "rubbish", {.headers = some});
      ASSERT_TRUE(answer);
      EXPECT_FALSE(answer->headers.find(secrets::kResponseXkey));
      EXPECT_FALSE(secrets::read_answer(answer->payload));
    }
    kept_.reset();
  });
}

TEST_F(SecretsNats, MissingBackendsAreErrorsInTime) {
  run_test([&](async::Worker& worker) {
    TestPlace place(worker);
    auto provider = secrets_nats_factory()->make(place.context());
    ASSERT_TRUE((*provider)->put_link(link_to_provider(config({{"backend", "nobody"}}))));
    auto refused = (*provider)->secrets()->get(kCaller, "db", "", "");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, SecretsError::Kind::upstream);
    server_.pause();
    const TimePoint begin = Clock::now();
    {
      const async::DeadlineScope deadline(begin + 200ms);
      EXPECT_FALSE((*provider)->secrets()->get(kCaller, "db", "", ""));
    }
    EXPECT_LT(Clock::now() - begin, 300ms);
    server_.resume();
    EXPECT_FALSE((*provider)->put_link(link_to_provider(config({}))));  // no key
  });
}

TEST(SecretsProtocol, ReadsWhatWasmCloudWrites) {
  auto text = secrets::read_answer(R"({"secret":{"version":"1","string_secret":"s","binary_secret":null}})");
  ASSERT_TRUE(text) << text.error().message();
  EXPECT_EQ(text->value, "s");
  auto bytes = secrets::read_answer(R"({"secret":{"version":"1","binary_secret":[0,255]}})");
  ASSERT_TRUE(bytes);
  EXPECT_EQ(bytes->value, std::string("\0\xff", 2));
  EXPECT_EQ(secrets::read_answer(R"({"error":"SecretNotFound"})").error().code(), ErrorCode::not_found);
  EXPECT_EQ(secrets::read_answer(R"({"error":{"Other":"x"}})").error().code(), ErrorCode::unavailable);
  for (const char* wrong : {"", "[]", "{}", R"({"secret":{}})", R"({"secret":{"binary_secret":[256]}})"})
    EXPECT_EQ(secrets::read_answer(wrong).error().code(), ErrorCode::malformed) << wrong;
  auto request = secrets::read_request(
      R"({"key":"k","version":"2","context":{"entity_jwt":"e","host_jwt":"h","application":{"name":"a","policy":"p"}}})");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->version, "2");
  EXPECT_EQ(request->application, "a");
  EXPECT_EQ(secrets::read_request(secrets::write_request(*request))->policy, "p");
  EXPECT_FALSE(secrets::read_request("{}"));
}

}  // namespace
}  // namespace wattle::providers
