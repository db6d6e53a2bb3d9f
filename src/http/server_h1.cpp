// HTTP/1.1 and 1.0 on one connection. The connection's fiber reads a head, runs the handler and sees the
// response out; bodies move both ways by events, without a fiber, while the handler runs or waits.
#include "http/h1_body.h"

#include <algorithm>

#include "http/h1_writer.h"
#include "http/server_core.h"

namespace wattle::http {
namespace {

constexpr size_t kCopiedBodyBytes = 16 * 1024;  // a known body up to here goes out in one piece with its head
constexpr size_t kDrainedBodyBytes = 256 * 1024;  // read away of a body that the handler left
constexpr int kRequestsInARow = 32;               // of one connection, before others get their turn
constexpr uint64_t kRateGraceTicks = 50;

using Progress = Transport::Progress;

class H1Driver final : public ServerDriver, private Exchange {
 public:
  explicit H1Driver(ServerConnection& connection)
      : connection_(connection), core_(connection.core()), transport_(connection.transport()) {}
  ~H1Driver() override { forget_bodies(); }

  void run() override;
  void on_transport_event() override;
  void on_tick() override;
  void on_drain() override;
  void on_force() override;
  std::optional<uint64_t> idle_since() const override {
    return phase_ == Phase::idle ? std::optional(phase_tick_) : std::nullopt;
  }

 private:
  // idle: between requests; head: some of one is there; handling: the handler runs; sending: it has returned.
  enum class Phase : uint8_t { idle, head, handling, sending, closing };

  // The connection's side.
  bool read_head();
  bool more_input();
  bool parse_head(size_t head_bytes);
  void refuse(const ParseFailure& failure);
  void handle();
  void finish_response();
  void drain_request_body();
  void enter(Phase phase);
  void forget_bodies();
  void lose_client();

  // Bodies in motion.
  void schedule_pumps();
  void pump_request_body();
  void pump_response();
  void complete_head();
  void break_connection();

  // The response's head.
  void begin_head(const Response& response);
  bool body_allowed(uint16_t status) const { return !head_request_ && status != 204 && status != 304; }
  Result<void> may_respond(uint16_t status);
  Result<void> send_known(std::span<const uint8_t> body);

  // Exchange.
  Request& request() override { return request_; }
  bool has_body() const override { return framing_.framing != Framing::none; }
  std::shared_ptr<Body> body() override;
  Result<void> respond(const Response& response, std::span<const uint8_t> body) override;
  Result<void> respond_streaming(const Response& response, std::shared_ptr<Body> body) override;
  Result<void> inform(const Response& response) override;
  void end_connection() override { keep_alive_ = false; }
  void abort() override { break_connection(); }
  bool responded() const override { return responded_; }
  bool disconnected() const override { return disconnected_; }
  Protocol protocol() const override { return framing_.protocol; }
  bool secure() const override { return transport_.is_tls(); }
  const boost::asio::ip::tcp::endpoint& peer() const override { return connection_.peer(); }

  ServerConnection& connection_;
  ServerCore& core_;
  Transport& transport_;

  Phase phase_ = Phase::idle;
  uint64_t phase_tick_ = 0;     // when it began
  uint64_t deadline_tick_ = 0;  // of phases idle and head
  bool expired_ = false;
  bool closing_asked_ = false;
  bool more_may_come_ = false;  // from a client that has had its last answer
  bool first_request_ = true;
  bool keep_alive_ = true;
  bool disconnected_ = false;
  bool pumps_scheduled_ = false;
  int in_a_row_ = 0;

  Request request_;
  HeadScanner scanner_;
  MessageFraming framing_;
  BodyReceiver receiver_;
  bool head_request_ = false;
  bool continue_owed_ = false;
  bool body_taken_ = false;
  std::weak_ptr<Body> request_reader_;
  uint64_t received_bytes_ = 0;
  uint64_t body_progress_tick_ = 0;
  uint64_t body_waited_ticks_ = 0;

  bool responded_ = false;
  bool complete_ = false;                    // every byte of the response is in the output buffer
  bool head_open_ = false;                   // the head lacks its framing fields
  std::optional<uint64_t> response_length_;  // where it is declared
  uint16_t status_ = 0;
  BodySender sender_;
  uint64_t sent_bytes_ = 0;
  uint64_t sent_tick_ = core_.tick;  // a sweep may come before the first byte has left
};

void H1Driver::enter(Phase phase) {
  phase_ = phase;
  phase_tick_ = core_.tick;
}

void H1Driver::run() {
  while (read_head()) {
    handle();
    if (!keep_alive_ || disconnected_ || transport_.failed()) break;
    if (++in_a_row_ >= kRequestsInARow) {
      in_a_row_ = 0;
      connection_.fiber().yield();
    }
  }
  enter(Phase::closing);
  forget_bodies();
  if (more_may_come_ || !transport_.input().empty()) connection_.linger();
  while (pumps_scheduled_) connection_.fiber().yield();
}

bool H1Driver::read_head() {
  enter(Phase::idle);
  expired_ = false;
  const Duration patience = first_request_ ? core_.options.header_timeout : core_.options.idle_timeout;
  deadline_tick_ = core_.tick + ticks_of(patience);
  scanner_.reset();
  first_request_ = false;
  int blank_lines = 0;
  for (;;) {
    std::string_view input = transport_.input();
    if (!input.empty()) {
      if (phase_ == Phase::idle) {
        enter(Phase::head);
        deadline_tick_ = core_.tick + ticks_of(core_.options.header_timeout);
      }
      if (input.starts_with("\r\n") && blank_lines++ < 2) {  // RFC 9112 section 2.2
        transport_.consume(2);
        continue;
      }
      const bool part_of_blank = input == "\r";
      auto size = part_of_blank ? Parsed<size_t>(size_t{0}) : scanner_.scan(input, core_.options.head);
      if (!size) {
        refuse(size.error());
        return false;
      }
      if (*size > 0) return parse_head(*size);
    }
    if (!more_input()) return false;
  }
}

bool H1Driver::more_input() {
  for (;;) {
    const auto filled = transport_.fill();
    if (filled == Progress::done) return true;
    if (filled == Progress::failed || transport_.at_end()) return false;
    if (closing_asked_ && phase_ == Phase::idle) return false;
    if (expired_) {
      if (phase_ == Phase::head)
        refuse({408, ErrorCase::connection_read_timeout, "the request's head did not arrive in time"});
      return false;
    }
    in_a_row_ = 0;
    connection_.wait();
  }
}

bool H1Driver::parse_head(size_t head_bytes) {
  auto framing = parse_request_head(transport_.input().substr(0, head_bytes), core_.options.head, request_);
  if (!framing) {
    refuse(framing.error());
    return false;
  }
  if (request_.method == "CONNECT") {
    refuse({501, ErrorCase::http_request_method_invalid, "CONNECT is not supported"});
    return false;
  }
  if (framing->framing == Framing::length &&
      framing->length > core_.options.max_body_bytes.value_or(UINT64_MAX)) {
    refuse({413, ErrorCase::http_request_body_size, "the request's body is larger than the limit"});
    return false;
  }
  transport_.consume(head_bytes);
  framing_ = *framing;
  request_.scheme = transport_.is_tls() ? "https" : "http";
  head_request_ = request_.method == "HEAD";
  keep_alive_ = framing_.keep_alive;
  return true;
}

void H1Driver::refuse(const ParseFailure& failure) {
  std::string& out = transport_.output();
  append_status_line(out, failure.status);
  append_field(out, "date", core_.date);
  append_field(out, "content-type", "text/plain");
  append_field(out, "connection", "close");
  append_field(out, "content-length", std::to_string(failure.message.size() + 1));
  out.append("\r\n").append(failure.message).append("\n");
  (void)transport_.flush();
  keep_alive_ = false;
  more_may_come_ = true;
}

void H1Driver::handle() {
  enter(Phase::handling);
  deadline_tick_ = 0;
  ++core_.requests;
  responded_ = complete_ = head_open_ = false;
  response_length_.reset();
  continue_owed_ = framing_.expects_continue;
  if (has_body()) {
    receiver_.begin(framing_, core_.options.head, core_.options.max_body_bytes);
    body_waited_ticks_ = received_bytes_ = 0;
    body_taken_ = false;
  }
  core_.handler(*this);
  connection_.fiber().set_deadline(kNever);
  if (connection_.fiber().cancellation()) keep_alive_ = false;  // it cannot wait for anything again
  if (!responded_ && !disconnected_) {
    Response response;
    response.status = 500;
    (void)respond(response, as_bytes("the handler gave no response\n"));
  }
  enter(Phase::sending);
  if (responded_) finish_response();
  if (has_body()) drain_request_body();
  forget_bodies();
}

// Sees the response out: everything in the socket, or the client gone.
void H1Driver::finish_response() {
  if (sender_.attached()) pump_response();
  while (!disconnected_ && !transport_.failed() && (!complete_ || transport_.queued() > 0))
    connection_.wait();
}

// What the handler left of the request's body stands between us and the next request.
void H1Driver::drain_request_body() {
  if (continue_owed_ && !receiver_.done()) keep_alive_ = false;  // whether the client will send it is unknown
  if (!keep_alive_ || disconnected_ || receiver_.done()) {
    if (!receiver_.done()) {
      keep_alive_ = false;
      more_may_come_ = true;
    }
    return;
  }
  receiver_.detach(http_error(ErrorCase::connection_terminated, "the request has ended"));
  deadline_tick_ = core_.tick + ticks_of(core_.options.header_timeout);
  const uint64_t limit = receiver_.received_bytes() + kDrainedBodyBytes;
  auto state = receiver_.discard(transport_, limit);
  while (state == BodyReceiver::State::waiting && !expired_ && !core_.forced) {
    connection_.wait();
    state = receiver_.discard(transport_, limit);
  }
  if (state != BodyReceiver::State::done) {
    keep_alive_ = false;
    more_may_come_ = true;
  }
}

void H1Driver::forget_bodies() {
  receiver_.detach(http_error(ErrorCase::connection_terminated, "the request has ended"));
  sender_.detach();
}

void H1Driver::on_transport_event() {
  if (phase_ == Phase::handling || phase_ == Phase::sending) {
    async::DeferWakesScope defer(core_.worker);
    if (receiver_.attached()) pump_request_body();
    if (sender_.attached()) {
      pump_response();
    } else if (transport_.queued() > 0 && transport_.flush() == Progress::failed) {
      lose_client();
    }
    // A client that closes its side after the whole request, or inside it, has gone away, as far as anyone
    // can tell.
    const bool left =
        transport_.hung_up() && (!has_body() || receiver_.done() || receiver_.cut_short(transport_));
    if (transport_.broken() || (left && phase_ == Phase::handling)) lose_client();
  }
  connection_.wake();
}

void H1Driver::lose_client() {
  if (disconnected_) return;
  disconnected_ = true;
  Error error = transport_.failed()
                    ? transport_.error()
                    : http_error(ErrorCase::connection_terminated, "the client closed the connection");
  receiver_.detach(error);
  sender_.detach();
  if (phase_ == Phase::handling)
    connection_.fiber().cancel(Error(ErrorCode::cancelled, "the client went away", error));
  connection_.wake();
}

void H1Driver::break_connection() {
  keep_alive_ = false;
  responded_ = complete_ = true;
  disconnected_ = true;
  sender_.detach();
  transport_.close();
  connection_.wake();
}

void H1Driver::on_tick() {
  const uint64_t now = core_.tick;
  if (phase_ == Phase::idle && now == phase_tick_ + 10) transport_.shrink();
  if (phase_ != Phase::handling && now >= deadline_tick_ && deadline_tick_ != 0) {
    expired_ = true;
    connection_.wake();
  }
  if (transport_.queued() == 0 || transport_.sent_bytes() != sent_bytes_) {
    sent_bytes_ = transport_.sent_bytes();
    sent_tick_ = now;
  } else if (now - sent_tick_ >= ticks_of(core_.options.write_timeout)) {
    lose_client();
    break_connection();
  }
  if (!receiver_.starved() || receiver_.received_bytes() != received_bytes_) {
    received_bytes_ = receiver_.received_bytes();
    body_progress_tick_ = now;
  }
  if (!receiver_.starved()) return;
  ++body_waited_ticks_;
  const uint64_t least = core_.options.body_bytes_per_second * body_waited_ticks_ / 10;
  if (now - body_progress_tick_ >= ticks_of(core_.options.body_timeout) ||
      (body_waited_ticks_ > kRateGraceTicks && received_bytes_ < least)) {
    keep_alive_ = false;
    receiver_.detach(http_error(ErrorCase::connection_read_timeout, "the request's body comes too slowly"));
  }
}

void H1Driver::on_drain() {
  closing_asked_ = true;
  if (phase_ == Phase::idle) connection_.wake();
}

void H1Driver::on_force() {
  if (phase_ == Phase::idle || phase_ == Phase::head) {
    expired_ = true;
    connection_.wake();
    return;
  }
  lose_client();
  break_connection();
}

// From here on: bodies in motion.

void H1Driver::schedule_pumps() {
  if (std::exchange(pumps_scheduled_, true)) return;
  boost::asio::post(core_.worker.io(), [this] {
    pumps_scheduled_ = false;
    async::DeferWakesScope defer(core_.worker);
    if (receiver_.attached()) pump_request_body();
    if (sender_.attached()) pump_response();
  });
}

std::shared_ptr<Body> H1Driver::body() {
  if (auto reader = request_reader_.lock(); reader && receiver_.attached()) return reader;
  BodyEnds ends = make_body(core_.options.body_buffer_bytes);
  if (!has_body() || receiver_.done()) {
    ends.writer->content_length = 0;
    ends.writer->pipe.close();
    return ends.reader;
  }
  if (framing_.framing == Framing::length) ends.writer->content_length = framing_.length;
  if (std::exchange(body_taken_, true)) {
    ends.writer->pipe.abort(Error(ErrorCode::internal, "the request's body was taken and dropped before"));
    return ends.reader;
  }
  request_reader_ = ends.reader;
  body_progress_tick_ = core_.tick;
  if (std::exchange(continue_owed_, false) && !responded_)
    (void)transport_.send("HTTP/1.1 100 Continue\r\n\r\n");
  receiver_.attach(std::move(ends.writer), [this] { schedule_pumps(); });
  pump_request_body();
  return ends.reader;
}

void H1Driver::pump_request_body() {
  if (receiver_.pump(transport_) == BodyReceiver::State::failed) keep_alive_ = false;
}

void H1Driver::pump_response() {
  if (disconnected_) return;
  if (head_open_) complete_head();
  for (;;) {
    const auto state = complete_ ? BodySender::State::complete : sender_.fill(transport_);
    if (state == BodySender::State::failed) {
      (void)transport_.flush();  // the head may not be out yet: the client sees an answer that was cut
      return break_connection();
    }
    complete_ = state == BodySender::State::complete;
    const auto flushed = transport_.flush();
    if (flushed == Progress::failed) return lose_client();
    if (flushed == Progress::waiting || state != BodySender::State::full) break;
  }
  if (complete_) connection_.wake();
}

// By the time that the head must go out, the whole body may be known.
void H1Driver::complete_head() {
  head_open_ = false;
  std::string& out = transport_.output();
  const Body& body = sender_.body();
  const bool whole = body.pipe.closed() && !body.pipe.error() && !body.trailers;
  if (!response_length_ && whole && body_allowed(status_)) response_length_ = body.pipe.buffered();
  bool chunked = false;
  if (response_length_ && status_ != 204) {
    append_field(out, "content-length", std::to_string(*response_length_));
  } else if (status_ != 204 && status_ != 304) {
    chunked = framing_.protocol == Protocol::http_1_1;
    if (chunked) append_field(out, "transfer-encoding", "chunked");
    if (!chunked) keep_alive_ = false;
  }
  if (body_allowed(status_)) {
    sender_.begin(chunked, response_length_);
  } else {
    sender_.begin_discarding();
  }
  if (!keep_alive_ || closing_asked_) {
    keep_alive_ = false;
    append_field(out, "connection", "close");
  } else if (framing_.protocol == Protocol::http_1_0) {
    append_field(out, "connection", "keep-alive");
  }
  out.append("\r\n");
}

// From here on: the response's head.

Result<void> H1Driver::may_respond(uint16_t status) {
  if (disconnected_)
    return failure(http_error(ErrorCase::connection_terminated, "the client closed the connection"));
  if (responded_) return failure(ErrorCode::internal, "the request has been answered already");
  if (status < 200 || status > 999)
    return failure(ErrorCode::invalid_argument, "{} is not a final status", status);
  return {};
}

void H1Driver::begin_head(const Response& response) {
  responded_ = true;
  status_ = response.status;
  std::string& out = transport_.output();
  append_status_line(out, response.status);
  if (!append_fields(out, response.fields)) append_field(out, "date", core_.date);
}

Result<void> H1Driver::respond(const Response& response, std::span<const uint8_t> body) {
  WATTLE_CHECK(may_respond(response.status));
  begin_head(response);
  std::string& out = transport_.output();
  if (closing_asked_ || (continue_owed_ && !receiver_.done())) keep_alive_ = false;
  const auto declared = head_request_ && body.empty() ? content_length_of(response.fields) : std::nullopt;
  if (status_ != 204 && (status_ != 304 || !body.empty())) {
    out.append("content-length: ");
    append_number(out, declared.value_or(body.size()));
    out.append("\r\n");
  }
  if (!keep_alive_) {
    append_field(out, "connection", "close");
  } else if (framing_.protocol == Protocol::http_1_0) {
    append_field(out, "connection", "keep-alive");
  }
  out.append("\r\n");
  complete_ = true;
  return send_known(body_allowed(status_) ? body : std::span<const uint8_t>{});
}

Result<void> H1Driver::send_known(std::span<const uint8_t> body) {
  const size_t first = std::min(body.size(), kCopiedBodyBytes);
  complete_ = false;
  for (size_t piece = first;; piece = std::min(body.size(), BodySender::kHighWater)) {
    transport_.output().append(reinterpret_cast<const char*>(body.data()), piece);
    body = body.subspan(piece);
    auto flushed = transport_.flush();
    // The last of it may lie in the buffer while the handler goes on.
    while (flushed == Progress::waiting && !body.empty() && !disconnected_) {
      connection_.wait();
      flushed = disconnected_ ? Progress::failed : transport_.flush();
    }
    if (flushed == Progress::failed || disconnected_) {
      lose_client();
      return failure(http_error(ErrorCase::connection_terminated, "the client closed the connection"));
    }
    if (body.empty()) break;
  }
  complete_ = true;
  return {};
}

Result<void> H1Driver::respond_streaming(const Response& response, std::shared_ptr<Body> body) {
  WATTLE_CHECK(may_respond(response.status));
  begin_head(response);
  if (continue_owed_ && !receiver_.done()) keep_alive_ = false;
  response_length_ = body->content_length ? body->content_length : content_length_of(response.fields);
  head_open_ = true;
  sender_.attach(std::move(body), [this] { schedule_pumps(); });
  schedule_pumps();
  return {};
}

Result<void> H1Driver::inform(const Response& response) {
  if (responded_ || disconnected_)
    return failure(ErrorCode::internal, "an interim response after the final one");
  if (response.status < 100 || response.status > 199 || response.status == 101)
    return failure(ErrorCode::invalid_argument, "{} is not the status of an interim response",
                   response.status);
  if (framing_.protocol == Protocol::http_1_0) return {};
  std::string& out = transport_.output();
  append_status_line(out, response.status);
  (void)append_fields(out, response.fields);
  out.append("\r\n");
  if (transport_.flush() == Progress::failed) lose_client();
  return {};
}

}  // namespace

std::unique_ptr<ServerDriver> make_h1_driver(ServerConnection& connection) {
  return std::make_unique<H1Driver>(connection);
}

}  // namespace wattle::http
