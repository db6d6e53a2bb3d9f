// HTTP/2 as a server. The connection's fiber moves frames; each request's handler runs on a fiber of its own.
#include "http/h2_session.h"
#include "http/server_core.h"

namespace wattle::http {
namespace {

constexpr size_t kCopiedBodyBytes =
    64 * 1024;  // a known body up to here is copied; a larger one goes through a pipe
constexpr uint64_t kRateGraceTicks = 50;
constexpr uint64_t kPeriodTicks = 100;  // of the limits on floods

class H2Driver;

class ServerStream final : public H2Stream, public Exchange {
 public:
  ServerStream(H2Driver& driver, uint64_t tick) : driver_(driver), begun_tick_(tick) {}

  void start(std::shared_ptr<ServerStream> self);
  void refuse(uint16_t status, std::string_view text);
  void on_closed(uint32_t error_code);
  void on_tick(uint64_t tick);
  // The response is out and the handler has returned: what the client still sends is of no interest.
  void finish_if_done();

  Request& request() override { return H2Session::request(*this); }
  bool has_body() const override { return incoming() != nullptr; }
  std::shared_ptr<Body> body() override;
  Result<void> respond(const Response& response, std::span<const uint8_t> body) override;
  Result<void> respond_streaming(const Response& response, std::shared_ptr<Body> body) override;
  Result<void> inform(const Response& response) override;
  void end_connection() override {}
  void abort() override;
  bool responded() const override { return responded_; }
  bool disconnected() const override { return disconnected_; }
  Protocol protocol() const override { return Protocol::http_2; }
  bool secure() const override;
  const boost::asio::ip::tcp::endpoint& peer() const override;

 private:
  Result<void> may_respond(uint16_t status) const;
  bool body_allowed(uint16_t status) { return request().method != "HEAD" && status != 204 && status != 304; }

  H2Driver& driver_;
  std::shared_ptr<async::Fiber> fiber_;
  std::weak_ptr<Body> reader_;
  std::shared_ptr<Body> discarded_;  // a body that HEAD does not send
  bool responded_ = false;
  bool handled_ = false;
  bool disconnected_ = false;
  bool body_taken_ = false;
  const uint64_t begun_tick_;
  uint64_t moved_bytes_ = 0;
  uint64_t progress_tick_ = 0;
  uint64_t waited_ticks_ = 0;
};

class H2Driver final : public ServerDriver, private H2Session::Owner {
 public:
  explicit H2Driver(ServerConnection& connection)
      : connection_(connection),
        core_(connection.core()),
        session_(connection.transport(), settings_of(connection.core().options), *this),
        idle_tick_(core_.tick) {}

  void run() override;
  void on_transport_event() override { connection_.wake(); }
  void on_tick() override;
  void on_drain() override;
  void on_force() override;
  std::optional<uint64_t> idle_since() const override {
    return session_.stream_count() == 0 && handlers_ == 0 ? std::optional(idle_tick_) : std::nullopt;
  }

 private:
  friend class ServerStream;
  static H2Settings settings_of(const ServerOptions& options) {
    return {true, options.head, options.http2_limits, options.max_body_bytes};
  }
  std::shared_ptr<H2Stream> new_stream() override;
  void on_head(H2Stream& stream, bool ended) override;
  void on_closed(H2Stream& stream, uint32_t error_code) override;
  void on_sent(H2Stream& stream) override { static_cast<ServerStream&>(stream).finish_if_done(); }
  void on_output() override {
    output_ = true;
    connection_.wake();
  }
  bool over() const;
  void handler_returned();

  ServerConnection& connection_;
  ServerCore& core_;
  H2Session session_;
  size_t handlers_ = 0;  // fibers of requests, also of such that were reset
  bool output_ = false;
  bool closing_asked_ = false;
  bool given_up_ = false;
  uint64_t idle_tick_;
  uint64_t sent_bytes_ = 0;
  uint64_t sent_tick_ = core_.tick;  // a sweep may come before the first byte has left
};

void H2Driver::run() {
  while (!given_up_) {
    output_ = false;
    const bool reading = session_.receive();
    const bool writing = session_.send();
    if (!reading || !writing || over()) break;
    if (session_.more_input()) {
      connection_.fiber().yield();
    } else if (!output_) {
      connection_.wait();
    }
  }
  (void)session_.send();
  session_.abandon(session_.failed()
                       ? session_.error()
                       : http_error(ErrorCase::connection_terminated, "the connection has ended"));
  while (handlers_ > 0) connection_.wait();
  connection_.linger();
}

bool H2Driver::over() const {
  if (session_.finished()) return true;
  return closing_asked_ && session_.stream_count() == 0 && connection_.transport().queued() == 0;
}

std::shared_ptr<H2Stream> H2Driver::new_stream() {
  // A client that resets what it has begun would else have any number of handlers run for it.
  if (closing_asked_ || handlers_ >= 2 * size_t{core_.options.http2_limits.concurrent_streams})
    return nullptr;
  return std::make_shared<ServerStream>(*this, core_.tick);
}

void H2Driver::on_head(H2Stream& stream, bool) {
  auto& ours = static_cast<ServerStream&>(stream);
  Request& request = ours.request();
  if (H2Session::head_too_large(stream))
    return ours.refuse(431, "the header section is larger than the limit\n");
  if (request.method == "CONNECT") return ours.refuse(501, "CONNECT is not supported\n");
  const bool path = request.path_with_query.starts_with('/') || request.path_with_query == "*";
  if (!path || !is_target(request.path_with_query) || !is_authority(request.authority))
    return ours.refuse(400, "the request's target is not valid\n");
  if (content_length_of(request.fields).value_or(0) > core_.options.max_body_bytes.value_or(UINT64_MAX))
    return ours.refuse(413, "the request's body is larger than the limit\n");
  request.scheme = connection_.transport().is_tls() ? "https" : "http";
  ++core_.requests;
  ++handlers_;
  ours.start(std::static_pointer_cast<ServerStream>(stream.shared_from_this()));
}

void H2Driver::on_closed(H2Stream& stream, uint32_t error_code) {
  static_cast<ServerStream&>(stream).on_closed(error_code);
  idle_tick_ = core_.tick;
}

void H2Driver::handler_returned() {
  --handlers_;
  idle_tick_ = core_.tick;
  connection_.wake();
}

void H2Driver::on_tick() {
  const uint64_t now = core_.tick;
  if (now % kPeriodTicks == 0) session_.begin_period();
  Transport& transport = connection_.transport();
  if (transport.queued() == 0 || transport.sent_bytes() != sent_bytes_) {
    sent_bytes_ = transport.sent_bytes();
    sent_tick_ = now;
  } else if (now - sent_tick_ >= ticks_of(core_.options.write_timeout)) {
    on_force();
  }
  if (session_.stream_count() > 0) {
    session_.for_each_stream([now](H2Stream& stream) { static_cast<ServerStream&>(stream).on_tick(now); });
  } else if (handlers_ == 0 && now - idle_tick_ >= ticks_of(core_.options.idle_timeout)) {
    on_drain();
  }
}

void H2Driver::on_drain() {
  if (!std::exchange(closing_asked_, true)) session_.go_away(NGHTTP2_NO_ERROR);
  connection_.wake();
}

void H2Driver::on_force() {
  given_up_ = true;
  connection_.wake();
}

void ServerStream::start(std::shared_ptr<ServerStream> self) {
  fiber_ = driver_.core_.worker.spawn([self = std::move(self)]() mutable {
    ServerStream& stream = *self;
    if (!stream.disconnected_) stream.driver_.core_.handler(stream);
    if (!stream.responded_ && !stream.disconnected_) {
      Response response;
      response.status = 500;
      (void)stream.respond(response, as_bytes("the handler gave no response\n"));
    }
    stream.handled_ = true;
    stream.finish_if_done();
    H2Driver& driver = stream.driver_;
    stream.fiber_.reset();
    self.reset();
    driver.handler_returned();
  });
}

void ServerStream::refuse(uint16_t status, std::string_view text) {
  Response response;
  response.status = status;
  handled_ = true;
  if (incoming()) incoming()->pipe.stop_reading();
  (void)respond(response, as_bytes(text));
}

void ServerStream::finish_if_done() {
  if (handled_ && local_ended() && !remote_ended() && !closed())
    driver_.session_.reset(*this, NGHTTP2_NO_ERROR,
                           http_error(ErrorCase::connection_terminated, "the request has ended"));
}

void ServerStream::on_closed(uint32_t error_code) {
  if (handled_ || (responded_ && error_code == NGHTTP2_NO_ERROR)) return;
  disconnected_ = true;
  if (fiber_) fiber_->cancel(Error(ErrorCode::cancelled, "the client went away"));
}

void ServerStream::on_tick(uint64_t tick) {
  const ServerOptions& options = driver_.core_.options;
  // Its frames must follow each other, so a slow one holds up the whole connection.
  if (!head_complete()) {
    if (tick - begun_tick_ >= ticks_of(options.header_timeout)) driver_.on_force();
    return;
  }
  const bool waits_for_body = starved();
  const bool waits_for_window = stalled();
  if ((!waits_for_body && !waits_for_window) || received_bytes() + sent_bytes() != moved_bytes_) {
    moved_bytes_ = received_bytes() + sent_bytes();
    progress_tick_ = tick;
  }
  if (waits_for_body) ++waited_ticks_;
  const uint64_t least = options.body_bytes_per_second * waited_ticks_ / 10;
  const bool too_slow = waits_for_body && waited_ticks_ > kRateGraceTicks && received_bytes() < least;
  const Duration patience = waits_for_window ? options.write_timeout : options.body_timeout;
  if (too_slow || tick - progress_tick_ >= ticks_of(patience))
    driver_.session_.reset(*this, NGHTTP2_CANCEL,
                           http_error(waits_for_window ? ErrorCase::connection_write_timeout
                                                       : ErrorCase::connection_read_timeout,
                                      "the client is too slow"));
}

std::shared_ptr<Body> ServerStream::body() {
  if (auto reader = reader_.lock()) return reader;
  std::shared_ptr<Body> reader;
  if (!incoming()) {
    reader = body_of({});
  } else if (std::exchange(body_taken_, true)) {
    BodyEnds ends = make_body();
    ends.writer->pipe.abort(Error(ErrorCode::internal, "the request's body was taken and dropped before"));
    reader = ends.reader;
  } else {
    reader = reading_end(incoming());
    const auto expectation = request().fields.get("expect");
    if (expectation && same_name(*expectation, "100-continue") && !responded_) {
      Response go_on;
      go_on.status = 100;
      (void)inform(go_on);
    }
  }
  reader_ = reader;
  return reader;
}

Result<void> ServerStream::may_respond(uint16_t status) const {
  if (disconnected_ || closed())
    return failure(http_error(ErrorCase::connection_terminated, "the client went away"));
  if (responded_) return failure(ErrorCode::internal, "the request has been answered already");
  if (status < 200 || status > 999)
    return failure(ErrorCode::invalid_argument, "{} is not a final status", status);
  return {};
}

Result<void> ServerStream::respond(const Response& response, std::span<const uint8_t> body) {
  WATTLE_CHECK(may_respond(response.status));
  if (body.size() > kCopiedBodyBytes && body_allowed(response.status)) {
    BodyEnds ends = make_body();
    ends.writer->content_length = body.size();
    WATTLE_CHECK(respond_streaming(response, std::move(ends.reader)));
    WATTLE_CHECK(ends.writer->pipe.write_all(body));
    ends.writer->pipe.close();
    return {};
  }
  responded_ = true;
  std::optional<uint64_t> length = body.size();
  if (request().method == "HEAD" && body.empty()) length = content_length_of(response.fields).value_or(0);
  if (response.status == 204 || (response.status == 304 && body.empty())) length.reset();
  if (!body_allowed(response.status)) body = {};
  return driver_.session_.submit_response(*this, response, driver_.core_.date, length, body, nullptr);
}

Result<void> ServerStream::respond_streaming(const Response& response, std::shared_ptr<Body> body) {
  WATTLE_CHECK(may_respond(response.status));
  responded_ = true;
  auto length = body->content_length ? body->content_length : content_length_of(response.fields);
  if (response.status == 204) length.reset();
  if (body_allowed(response.status))
    return driver_.session_.submit_response(*this, response, driver_.core_.date, length, {}, std::move(body));
  // The body is read away, so that its writer need not know.
  discarded_ = std::move(body);
  auto read_away = [pipe = &discarded_->pipe] {
    while (pipe->buffered() > 0) pipe->consume(pipe->peek().size());
  };
  read_away();
  discarded_->pipe.readable().set_listener(read_away);
  return driver_.session_.submit_response(*this, response, driver_.core_.date, length, {}, nullptr);
}

Result<void> ServerStream::inform(const Response& response) {
  if (responded_ || disconnected_ || closed())
    return failure(ErrorCode::internal, "an interim response after the final one");
  if (response.status < 100 || response.status > 199 || response.status == 101)
    return failure(ErrorCode::invalid_argument, "{} is not the status of an interim response",
                   response.status);
  return driver_.session_.submit_interim(*this, response);
}

void ServerStream::abort() {
  responded_ = true;
  driver_.session_.reset(*this, NGHTTP2_INTERNAL_ERROR,
                         http_error(ErrorCase::connection_terminated, "the exchange was aborted"));
}

bool ServerStream::secure() const {
  return driver_.connection_.transport().is_tls();
}

const boost::asio::ip::tcp::endpoint& ServerStream::peer() const {
  return driver_.connection_.peer();
}

}  // namespace

std::unique_ptr<ServerDriver> make_h2_driver(ServerConnection& connection) {
  return std::make_unique<H2Driver>(connection);
}

}  // namespace wattle::http
