// For the tests of this folder: a guest behind a server, and a client that asks it, on one worker.
#pragma once

#include "async/offload.h"
#include "guests.h"
#include "http/client.h"
#include "http/server.h"
#include "wasi/context.h"
#include "wasi/http_handler.h"

namespace wattle::wasi {

class HttpGuest : public testing::Test {
 protected:
  struct Answer {
    uint16_t status = 0;
    http::Fields fields;
    std::string body;
    std::optional<http::Fields> trailers;
    std::optional<Error> error;  // of the request, or of the body
  };

  // Serves the guest while `body` runs on a fiber of the same worker.
  void serve(const std::string& name, const std::function<void()>& body, IncomingHandlerOptions options = {},
             runtime::PoolOptions pool_options = {}) {
    auto linked = guest(name);
    if (!linked) return;
    async::OffloadPool blocking(2);
    async::Worker worker;
    Context context(blocking);
    http::Client client(worker, blocking, {});
    context.client = &client;
    context_ = &context;
    client_ = &client;
    pool_options.prepare_host = [&](Host& host) { host.attach(context); };
    runtime::InstancePool pool(worker, linked, pool_options);
    pool_ = &pool;
    options.on_failure = [&](const http::Request&, const Error& error) { failures_.push_back(error); };
    auto handler = IncomingHandler::create(pool, *linked, options);
    ASSERT_TRUE(handler) << handler.error().full_message();
    http::Server server(worker, {}, [&](http::Exchange& exchange) {
      if (before_request) before_request();
      (*handler)->handle(exchange);
      if (after_request) after_request();
    });
    server_ = &server;
    auto listening = server.listen("127.0.0.1:0");
    ASSERT_TRUE(listening) << listening.error().full_message();
    authority_ = "127.0.0.1:" + std::to_string(server.local_endpoint().port());
    worker.spawn([&] {
      {
        async::DeadlineScope deadline(Clock::now() + std::chrono::seconds(30));
        body();
      }
      client.close_idle();
      server.drain(std::chrono::seconds(1));
      pool.shut_down(Error(ErrorCode::cancelled, "the test is over"));
    });
    worker.run();
  }

  http::Request request(std::string path, std::string method = "GET") const {
    http::Request made;
    made.method = std::move(method);
    made.authority = authority_;
    made.path_with_query = std::move(path);
    return made;
  }
  Answer ask(const http::Request& wanted, std::shared_ptr<http::Body> body = nullptr,
             const http::RequestOptions& options = {}) const {
    Answer answer;
    auto response = client_->send(wanted, std::move(body), options);
    if (!response) {
      answer.error = response.error();
      return answer;
    }
    answer.status = response->head.status;
    answer.fields = response->head.fields;
    auto text = http::read_all(*response->body, size_t{64} << 20);
    if (text) {
      answer.body = std::move(*text);
      answer.trailers = std::move(response->body->trailers);
    } else {
      answer.error = text.error();
    }
    return answer;
  }
  Answer get(const std::string& path) const { return ask(request(path)); }

  // Run on the request's fiber around each request.
  std::function<void()> before_request, after_request;

  Context* context_ = nullptr;
  http::Server* server_ = nullptr;
  http::Client* client_ = nullptr;
  runtime::InstancePool* pool_ = nullptr;
  std::string authority_;
  std::vector<Error> failures_;
};

}  // namespace wattle::wasi
