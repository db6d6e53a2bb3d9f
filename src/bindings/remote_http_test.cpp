// HTTP over wRPC: from a client's socket through http-server, over the bus, into a component; and out again.
#include "bindings/remote_http.h"

#include <gmock/gmock.h>

#include "bindings/messaging_wire.h"
#include "bindings/remote_components.h"
#include "bindings/test_support.h"
#include "lattice/memory_bus.h"
#include "lattice/names.h"
#include "wasi/http_handler.h"

namespace wattle::bindings {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

// A client's http::Client, http-server, the bus, and what answers at its other end; all on one worker.
class RemoteHttp : public ::testing::Test {
 protected:
  static constexpr std::string_view kTarget = "shop-api";

  void run(const wrpc::CallHandler& callee, const std::function<void()>& body) {
    worker.spawn([&] {
      async::DeadlineScope deadline(Clock::now() + 20s);
      lattice::MemoryBus caller_bus(worker, broker);
      lattice::MemoryBus callee_bus(worker, broker);
      auto wrpc_server = *wrpc::Server::start(callee_bus, {.host = "NCALLEE"});
      const std::string prefix = lattice::call_prefix("default", kTarget);
      auto service = *wrpc_server->serve(prefix, prefix, callee);
      wrpc_client = *wrpc::Client::start(caller_bus);
      client.emplace(worker, pool, http::ClientOptions{});
      components.emplace(*wrpc_client, "default", "http-server");
      target.emplace(*wrpc_client, std::string(kTarget), [prefix] { return std::vector{prefix}; });
      http::Server server(worker, {}, [&](http::Exchange& exchange) {
        async::DeadlineScope scope(Clock::now() + call_timeout);
        components->handle_http(target->id(), exchange);
      });
      ASSERT_TRUE(server.listen("127.0.0.1:0"));
      authority = fmt::format("127.0.0.1:{}", server.local_endpoint().port());
      body();
      client->close_idle();
      server.drain(1s);
      client.reset();
      wrpc_client.reset();
    });
    worker.run();
  }

  http::Request request(std::string method, std::string path) {
    http::Request made;
    made.method = std::move(method);
    made.authority = authority;
    made.path_with_query = std::move(path);
    return made;
  }
  // Status and body.
  std::pair<int, std::string> fetch(const http::Request& sent, const std::shared_ptr<http::Body>& body = {}) {
    auto response = client->send(sent, body);
    if (!response) return {0, response.error().full_message()};
    last_fields = response->head.fields;
    auto text = http::read_all(*response->body, 10 << 20);
    last_trailers = response->body->trailers;
    return {response->head.status, text ? *text : "broken: " + text.error().full_message()};
  }

  Duration call_timeout = 10s;
  async::Worker worker;
  async::OffloadPool pool{2};
  lattice::MemoryBroker broker;
  std::optional<http::Client> client;
  std::unique_ptr<wrpc::Client> wrpc_client;
  std::optional<RemoteComponents> components;
  std::optional<RemoteTarget> target;
  std::string authority;
  http::Fields last_fields;
  std::optional<http::Fields> last_trailers;
};

wrpc::CallHandler incoming(std::function<void(http::Exchange&)> handle) {
  return [handle = std::move(handle)](wrpc::IncomingCall& call) { return answer_incoming(call, handle); };
}

TEST_F(RemoteHttp, ReachesAComponentAndStreamsBothWays) {
  const auto linked = testing::linked_guest("echo-http-c");
  ASSERT_NE(linked, nullptr);
  wasi::Context context(pool);
  runtime::PoolOptions options;
  options.prepare_host = [&](runtime::Host& host) { host.attach(context); };
  std::optional<runtime::InstancePool> instances;
  std::unique_ptr<wasi::IncomingHandler> handler;
  run(incoming([&](http::Exchange& exchange) { handler->handle(exchange); }), [&] {
    instances.emplace(worker, linked, options);
    handler = *wasi::IncomingHandler::create(*instances, *linked, {});
    std::string text(700'000, '\0');
    for (size_t index = 0; index < text.size(); ++index) text[index] = static_cast<char>(index % 251);
    auto body = http::body_of(http::as_bytes(text));
    body->content_length.reset();  // trailers come after chunks
    body->trailers.emplace();
    ASSERT_TRUE(body->trailers->append("checksum", "12345"));
    auto sent = request("POST", "/echo?a=b");
    ASSERT_TRUE(sent.fields.append("content-type", "application/x-pattern"));
    const auto [status, back] = fetch(sent, body);
    EXPECT_EQ(status, 200);
    EXPECT_TRUE(back == text) << back.size();
    EXPECT_EQ(last_fields.get("content-type"), "application/x-pattern");
    ASSERT_TRUE(last_trailers);
    EXPECT_EQ(last_trailers->get("checksum"), "12345");
    instances->shut_down(Error(ErrorCode::unavailable, "done"));
    handler.reset();
    instances.reset();
  });
}

TEST_F(RemoteHttp, PassesHeadsAsTheyAre) {
  run(incoming([](http::Exchange& exchange) {
        const http::Request& got = exchange.request();
        std::string text = fmt::format("{} {} {}", got.method, got.path_with_query, got.scheme);
        for (const auto& value : got.fields.get_all("x-many")) text += fmt::format(" [{}]", value);
        http::Response response;
        response.status = 418;
        (void)response.fields.append("x-answer", "1");
        (void)response.fields.append("x-answer", "2");
        (void)exchange.respond(response, http::as_bytes(text));
      }),
      [&] {
        auto sent = request("PATCH", "/path?query");
        ASSERT_TRUE(sent.fields.append("x-many", "first"));
        ASSERT_TRUE(sent.fields.append("x-many", "second"));
        const auto [status, text] = fetch(sent);
        EXPECT_EQ(status, 418);
        EXPECT_EQ(text, "PATCH /path?query http [first] [second]");
        EXPECT_EQ(last_fields.get_all("x-answer").size(), 2u);
      });
}

TEST_F(RemoteHttp, ASmallAnswerIsOneMessage) {
  run(
      [&](wrpc::IncomingCall& call) {
        auto reply = answer_incoming(call, [](http::Exchange& exchange) {
          auto body = exchange.respond_streaming(http::Response{});
          (void)(*body)->pipe.write_all(http::as_bytes("small"));
          (void)async::sleep_for(1ms);
          (*body)->pipe.close();
        });
        EXPECT_TRUE(reply && reply->streams.empty());
        return reply;
      },
      [&] { EXPECT_EQ(fetch(request("GET", "/")).second, "small"); });
}

TEST_F(RemoteHttp, AnswersFailuresByTheirKind) {
  Error error(ErrorCode::internal, "a bug");
  run([&](wrpc::IncomingCall&) -> Result<wrpc::Reply> { return failure(error); },
      [&] {
        EXPECT_EQ(fetch(request("GET", "/")).first, 500);
        error = Error(ErrorCode::overloaded, "full");
        EXPECT_EQ(fetch(request("GET", "/")).first, 503);
        EXPECT_EQ(last_fields.get("retry-after"), "1");
        error = Error(ErrorCode::deadline_exceeded, "late");
        EXPECT_EQ(fetch(request("GET", "/")).first, 504);
        error = Error(ErrorCode::unavailable, "gone");
        EXPECT_EQ(fetch(request("GET", "/")).first, 502);
        error = Error(ErrorCode::trap, "unreachable");
        EXPECT_EQ(fetch(request("GET", "/")).first, 500);
      });
}

TEST_F(RemoteHttp, SaysWhoFailedWhyAndWhatToDo) {
  run(
      [&](wrpc::IncomingCall&) -> Result<wrpc::Reply> {
        return failure(Error(ErrorCode::unavailable, "the disk is full").with_remedy("empty it"));
      },
      [&] {
        const auto [status, text] = fetch(request("GET", "/"));
        EXPECT_EQ(status, 502);
        for (const char* part :
             {"http-server", "default", "shop-api", "NCALLEE", "the disk is full", "empty it"})
          EXPECT_THAT(text, HasSubstr(part));
      });
}

TEST_F(RemoteHttp, SendsTheBodyToWhoeverBeginsTheCall) {
  run(
      [&](wrpc::IncomingCall& call) {
        return answer_outgoing(call, [&](auto&, auto body, auto&) -> Result<http::ClientResponse> {
          return http::ClientResponse{{}, std::move(body)};
        });
      },
      [&] {
        const RemoteTarget either(*wrpc_client, "either", [] {
          return std::vector{lattice::call_prefix("default", "nobody"),
                             lattice::call_prefix("default", kTarget)};
        });
        auto response = send_remotely(either, {"component", "default"}, request("POST", "/"),
                                      http::body_of(http::as_bytes("it")), {});
        ASSERT_TRUE(response) << response.error().full_message();
        EXPECT_EQ(*http::read_all(*response->body, 1000), "it");
      });
}

TEST_F(RemoteHttp, AnswersAtTheDeadline) {
  call_timeout = 100ms;
  run(incoming([](http::Exchange&) { (void)async::sleep_for(10s); }), [&] {
    const auto began = Clock::now();
    EXPECT_EQ(fetch(request("GET", "/")).first, 504);
    EXPECT_LT(Clock::now() - began, 5s);
  });
}

TEST_F(RemoteHttp, AnswersWhereAHandlerDoesNot) {
  run(incoming([](http::Exchange&) {}), [&] { EXPECT_EQ(fetch(request("GET", "/")).first, 502); });
}

TEST_F(RemoteHttp, AnswersWhatIsCutAtOnceWithTheReason) {
  run(incoming([](http::Exchange& exchange) {
        auto body = exchange.respond_streaming(http::Response{});
        (void)(*body)->pipe.write_all(http::as_bytes("half"));
        (*body)->pipe.abort(Error(ErrorCode::trap, "unreachable"));
      }),
      [&] {
        const auto [status, text] = fetch(request("GET", "/"));
        EXPECT_GE(status, 500);
        EXPECT_THAT(text, Not(HasSubstr("half")));
      });
}

TEST_F(RemoteHttp, ShowsAResponseThatIsCutLater) {
  run(incoming([](http::Exchange& exchange) {
        auto body = exchange.respond_streaming(http::Response{});
        (void)(*body)->pipe.write_all(http::as_bytes("half"));
        (void)async::sleep_for(100ms);
        (*body)->pipe.abort(Error(ErrorCode::trap, "unreachable"));
      }),
      [&] {
        const auto [status, text] = fetch(request("GET", "/"));
        EXPECT_EQ(status, 200);
        EXPECT_THAT(text, HasSubstr("broken"));
      });
}

TEST_F(RemoteHttp, BeginsAnAnswerThatGoesOnForLong) {
  run(incoming([](http::Exchange& exchange) {
        auto body = exchange.respond_streaming(http::Response{});
        (void)(*body)->pipe.write_all(http::as_bytes("first"));
        (void)async::sleep_for(10s);
        (*body)->pipe.close();
      }),
      [&] {
        const auto began = Clock::now();
        auto response = client->send(request("GET", "/"), {});
        ASSERT_TRUE(response) << response.error().full_message();
        std::array<uint8_t, 5> bytes{};
        EXPECT_EQ(*response->body->pipe.read_some(bytes), bytes.size());
        EXPECT_LT(Clock::now() - began, 5s);
      });
}

TEST_F(RemoteHttp, GoesOutThroughAProvider) {
  run(
      [&](wrpc::IncomingCall& call) {
        if (call.instance.starts_with("wrpc:http/incoming"))
          return answer_incoming(call, [](http::Exchange& exchange) {
            auto text = http::read_all(*exchange.body(), 1 << 20);
            (void)exchange.respond(http::Response{}, http::as_bytes(text ? "got " + *text : "broken"));
          });
        return answer_outgoing(call, [&](auto& sent, auto body, auto& options) {
          return client->send(sent, std::move(body), options);
        });
      },
      [&] {
        auto response = send_remotely(*target, {"component", "default"}, request("POST", "/"),
                                      http::body_of(http::as_bytes("it")), {});
        ASSERT_TRUE(response) << response.error().full_message();
        EXPECT_EQ(response->head.status, 200);
        EXPECT_EQ(*http::read_all(*response->body, 1000), "got it");

        auto nowhere = request("GET", "/");
        nowhere.authority = "127.0.0.1:1";
        auto refused = send_remotely(*target, {"component", "default"}, nowhere, nullptr, {});
        ASSERT_FALSE(refused);
        EXPECT_EQ(http::case_of(refused.error()), http::ErrorCase::connection_refused);
      });
}

TEST_F(RemoteHttp, SaysThatNobodyAnswers) {
  run([](wrpc::IncomingCall&) -> Result<wrpc::Reply> { return wrpc::Reply{}; },
      [&] {
        const RemoteTarget nobody = RemoteTarget(
            *wrpc_client, "nobody", [] { return std::vector{lattice::call_prefix("default", "nobody")}; });
        auto response = send_remotely(nobody, {"component", "default"}, request("GET", "/"), nullptr, {});
        ASSERT_FALSE(response);
        EXPECT_EQ(http::case_of(response.error()), http::ErrorCase::destination_unavailable);
        EXPECT_THAT(response.error().full_message(), HasSubstr("nobody"));
      });
}

TEST_F(RemoteHttp, TellsComponentsOfMessagesAndKeys) {
  std::vector<std::string> told;
  run(
      [&](wrpc::IncomingCall& call) -> Result<wrpc::Reply> {
        EXPECT_EQ(call.source_id, "http-server");
        if (call.instance.starts_with("wasmcloud:messaging/handler")) {
          WATTLE_TRY(auto parameters, wrpc::parameters_of<messaging_wire::Message>(call));
          told.push_back("message " + messaging_wire::message_from_wire(std::get<0>(parameters)).body);
          return wrpc::reply_with(tl::expected<void, std::string>(tl::unexpect, "not today"));
        }
        WATTLE_TRY(const KeyChange change, key_change_of(call));
        told.push_back(fmt::format("{} {} {}", change.bucket, change.key, change.value.value_or("deleted")));
        return wrpc::reply_with();
      },
      [&] {
        auto handled = components->handle_message(kTarget, {"subject", "body", std::nullopt});
        ASSERT_TRUE(handled) << handled.error().full_message();
        ASSERT_FALSE(*handled);
        EXPECT_EQ(handled->error(), "not today");
        EXPECT_TRUE(components->key_was_set(kTarget, "bucket", "a", "1"));
        EXPECT_TRUE(components->key_was_deleted(kTarget, "bucket", "b"));
      });
  EXPECT_THAT(told, ::testing::ElementsAre("message body", "bucket a 1", "bucket b deleted"));
}

}  // namespace
}  // namespace wattle::bindings
