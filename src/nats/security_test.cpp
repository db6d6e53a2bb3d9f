// TLS, and the ways to say who one is.
#include <gtest/gtest.h>
#include <sodium.h>
#include <sys/stat.h>

#include "http/test_certificate.h"
#include "nats/client.h"
#include "nats/nkey.h"
#include "nats/test_server.h"

namespace wattle::nats {
namespace {

using namespace std::chrono_literals;

using http::Certificate;

std::string tls_config(const Certificate& certificate, const std::string& more = {}) {
  return "tls { cert_file: \"" + certificate.certificate_file() + "\", key_file: \"" +
         certificate.key_file() + "\", timeout: 10" + more + " }\n";
}

// What a request to oneself comes to.
std::string try_out(async::Worker& worker, ClientOptions options) {
  auto client = Client::connect(worker, std::move(options));
  if (!client) return std::string(to_string(client.error().code())) + ": " + client.error().full_message();
  auto served =
      (*client)->subscribe("greet", {}, [&](const Message& m) { (void)(*client)->publish(m.reply, "hi"); });
  auto reply = (*client)->request("greet", "");
  return reply ? reply->payload : reply.error().full_message();
}

TEST(Tls, IsUsedWhereTheServerWantsIt) {
  const Certificate certificate;
  TestServer server({.config = tls_config(certificate)});
  run_test([&](async::Worker& worker) {
    EXPECT_EQ(try_out(worker, {.urls = {server.url()}, .tls = {.ca_file = certificate.certificate_file()}}),
              "hi");
  });
}

TEST(Tls, LargeMessagesPass) {
  const Certificate certificate;
  TestServer server({.config = tls_config(certificate), .tls = true});
  run_test([&](async::Worker& worker) {
    auto client =
        Client::connect(worker, {.urls = {server.url()}, .tls = {.ca_file = certificate.certificate_file()}});
    ASSERT_TRUE(client) << client.error().full_message();
    auto incoming = (*client)->subscribe("large").value();
    const std::string large(1024 * 1024, 'x');
    for (int i = 0; i < 3; ++i) ASSERT_TRUE((*client)->publish("large", large));
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(incoming.next().value().payload == large);
  });
}

TEST(Tls, RefusesACertificateOfAnotherAuthority) {
  const Certificate certificate;
  const Certificate other;
  TestServer server({.config = tls_config(certificate), .tls = true});
  run_test([&](async::Worker& worker) {
    const std::string outcome =
        try_out(worker, {.urls = {server.url()}, .tls = {.ca_file = other.certificate_file()}});
    EXPECT_TRUE(outcome.starts_with("permission-denied")) << outcome;
    EXPECT_NE(outcome.find("certificate"), std::string::npos) << outcome;
    EXPECT_TRUE(try_out(worker, {.urls = {server.url()}, .tls = {.ca_file = "/nonexistent"}})
                    .starts_with("not-found"));
  });
}

TEST(Tls, ShowsTheServerWhoTheClientIs) {
  const Certificate certificate;
  TestServer server({.config = tls_config(certificate, ", ca_file: \"" + certificate.certificate_file() +
                                                           "\", verify: true")});
  run_test([&](async::Worker& worker) {
    TlsOptions tls{.ca_file = certificate.certificate_file()};
    EXPECT_NE(try_out(worker, {.urls = {server.url()}, .tls = tls}), "hi");
    tls.certificate_file = certificate.certificate_file();
    tls.key_file = certificate.key_file();
    EXPECT_EQ(try_out(worker, {.urls = {server.url()}, .tls = tls}), "hi");
  });
}

TEST(Tls, IsNotGivenUpWhereTheServerHasNone) {
  TestServer server;
  run_test([&](async::Worker& worker) {
    EXPECT_TRUE(try_out(worker, {.urls = {server.url()}, .tls = {.required = true}})
                    .starts_with("permission-denied"));
  });
}

TEST(Identity, UserAndPasswordOrToken) {
  TestServer users({.config = "authorization { users: [{user: ann, password: \"p@ss\"}] }"});
  TestServer token({.config = "authorization { token: \"open sesame\" }"});
  run_test([&](async::Worker& worker) {
    EXPECT_EQ(try_out(worker, {.urls = {users.url()}, .user = "ann", .password = "p@ss"}), "hi");
    const std::string in_url = "nats://ann:p%40ss@127.0.0.1:" + std::to_string(users.port());
    EXPECT_EQ(try_out(worker, {.urls = {in_url}}), "hi");
    const std::string wrong = try_out(worker, {.urls = {users.url()}, .user = "ann", .password = "guess"});
    EXPECT_TRUE(wrong.starts_with("permission-denied")) << wrong;
    EXPECT_EQ(wrong.find("guess"), std::string::npos);
    EXPECT_TRUE(try_out(worker, {.urls = {users.url()}}).starts_with("permission-denied"));
    EXPECT_EQ(try_out(worker, {.urls = {token.url()}, .token = "open sesame"}), "hi");
  });
}

TEST(Identity, Nkey) {
  const KeyPair user = KeyPair::generate(KeyKind::user);
  const KeyPair stranger = KeyPair::generate(KeyKind::user);
  TestServer server({.config = "authorization { users: [{nkey: " + user.public_key() + "}] }"});
  TestFolder folder;
  const std::string file = folder.write("user.nk", user.seed() + "\n");
  run_test([&](async::Worker& worker) {
    EXPECT_EQ(try_out(worker, {.urls = {server.url()}, .nkey_seed_file = file}), "hi");
    EXPECT_EQ(try_out(worker, {.urls = {server.url()}, .user_seed = user.seed()}), "hi");
    const std::string refused = try_out(worker, {.urls = {server.url()}, .user_seed = stranger.seed()});
    EXPECT_TRUE(refused.starts_with("permission-denied")) << refused;
    EXPECT_TRUE(
        try_out(worker, {.urls = {server.url()}, .nkey_seed_file = "/nonexistent"}).starts_with("not-found"));
    const std::string garbage = folder.write("garbage", "secret text");
    const std::string malformed = try_out(worker, {.urls = {server.url()}, .nkey_seed_file = garbage});
    EXPECT_TRUE(malformed.starts_with("malformed")) << malformed;
    EXPECT_EQ(malformed.find("secret text"), std::string::npos);
  });
}

std::string base64_url(std::string_view bytes) {
  constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  std::string text(sodium_base64_encoded_len(bytes.size(), kVariant), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), kVariant);
  text.pop_back();
  return text;
}

// A NATS 2.0 JWT: who is named by `subject`, signed by `issuer`.
std::string make_jwt(const KeyPair& issuer, const std::string& subject, const std::string& nats) {
  const std::string header = base64_url(R"({"typ":"JWT","alg":"ed25519-nkey"})");
  const std::string claims =
      base64_url("{\"jti\":\"1\",\"iat\":1700000000,\"iss\":\"" + issuer.public_key() +
                 "\",\"name\":\"test\",\"sub\":\"" + subject + "\",\"nats\":" + nats + "}");
  const std::string text = header + "." + claims;
  const auto signature = issuer.sign(text);
  return text + "." + base64_url({reinterpret_cast<const char*>(signature.data()), signature.size()});
}

TEST(Identity, CredentialsFile) {
  const KeyPair op = KeyPair::generate(KeyKind::operator_);
  const KeyPair account = KeyPair::generate(KeyKind::account);
  const KeyPair user = KeyPair::generate(KeyKind::user);
  constexpr std::string_view kNoLimits =
      R"("limits":{"subs":-1,"data":-1,"payload":-1,"imports":-1,"exports":-1,"wildcards":true,"conn":-1,"leaf":-1})";
  const std::string op_jwt = make_jwt(op, op.public_key(), R"({"type":"operator","version":2})");
  const std::string account_jwt =
      make_jwt(op, account.public_key(), "{" + std::string(kNoLimits) + R"(,"type":"account","version":2})");
  const std::string user_jwt =
      make_jwt(account, user.public_key(),
               R"({"pub":{},"sub":{},"subs":-1,"data":-1,"payload":-1,"type":"user","version":2})");
  TestServer server({.jetstream = false,
                     .config = "operator: " + op_jwt + "\nresolver: MEMORY\nresolver_preload: { " +
                               account.public_key() + ": " + account_jwt + " }\n"});
  TestFolder folder;
  const auto file_for = [&](const char* name, const KeyPair& key) {
    return folder.write(name, "-----BEGIN NATS USER JWT-----\n" + user_jwt +
                                  "\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n" +
                                  key.seed() + "\n------END USER NKEY SEED------\n");
  };
  const std::string file = file_for("user.creds", user);
  const std::string stolen = file_for("stolen.creds", KeyPair::generate(KeyKind::user));
  run_test([&](async::Worker& worker) {
    EXPECT_EQ(try_out(worker, {.urls = {server.url()}, .credentials_file = file}), "hi");
    EXPECT_EQ(try_out(worker, {.urls = {server.url()}, .user_jwt = user_jwt, .user_seed = user.seed()}),
              "hi");
    EXPECT_TRUE(try_out(worker, {.urls = {server.url()}, .credentials_file = stolen})
                    .starts_with("permission-denied"));
    EXPECT_TRUE(try_out(worker, {.urls = {server.url()}}).starts_with("permission-denied"));
  });
}

TEST(Identity, ASecretThatOthersCanReadIsWarnedOf) {
  const KeyPair user = KeyPair::generate(KeyKind::user);
  TestServer server({.config = "authorization { users: [{nkey: " + user.public_key() + "}] }"});
  TestFolder folder;
  const std::string file = folder.write("user.nk", user.seed());
  const std::string log_file = folder.path() + "/log";
  ::chmod(file.c_str(), 0644);
  run_test([&](async::Worker& worker) {
    const telemetry::Log log = telemetry::Log::open({.file = log_file}).value();
    EXPECT_EQ(try_out(worker, {.urls = {server.url()}, .nkey_seed_file = file, .log = &log}), "hi");
    log.flush();
  });
  std::ifstream text(log_file);
  const std::string said{std::istreambuf_iterator<char>(text), {}};
  EXPECT_NE(said.find("chmod 600"), std::string::npos) << said;
  EXPECT_NE(said.find(file), std::string::npos);
}

TEST(Permissions, ARefusedSubjectIsATypedError) {
  TestServer server({.config =
                         "authorization { users: [{user: ann, password: x, permissions: {"
                         "publish: [\"open.>\", \"_INBOX.>\"], subscribe: [\"open.>\", \"_INBOX.>\"]}}] }"});
  run_test([&](async::Worker& worker) {
    auto client = Client::connect(worker, {.urls = {server.url()}, .user = "ann", .password = "x"});
    ASSERT_TRUE(client) << client.error().full_message();
    std::vector<std::string> told;
    (*client)->set_listener([&](const Event& event) { told.push_back(event.reason.message()); });
    EXPECT_EQ((*client)->request("closed.door", "").error().code(), ErrorCode::permission_denied);
    auto refused = (*client)->subscribe("closed.door").value();
    EXPECT_EQ(refused.next().error().code(), ErrorCode::permission_denied);
    auto fine = (*client)->subscribe("open.door").value();
    ASSERT_TRUE((*client)->publish("open.door", "in"));
    EXPECT_EQ(fine.next()->payload, "in");
    EXPECT_EQ(told.size(), 2u);
  });
}

}  // namespace
}  // namespace wattle::nats
