// HTTP/1.1 and 1.0 on one connection. The connection's fiber reads a head, runs the handler and sees the
// response out; bodies move both ways by events, without a fiber, while the handler runs or waits.
#include <charconv>

#include "http/h1_writer.h"
#include "http/server_core.h"

namespace wattle::http {
namespace {

constexpr size_t kOutputHighWater = 64 * 1024;  // of a streamed response, in the output buffer
constexpr size_t kCopiedBodyBytes = 16 * 1024;  // a known body up to here goes out in one piece with its head
constexpr size_t kDrainedBodyBytes = 256 * 1024;  // read away of a body that the handler left
constexpr int kRequestsInARow = 32;               // of one connection, before others get their turn
constexpr uint64_t kRateGraceTicks = 50;

using Progress = Transport::Progress;

std::optional<uint64_t> declared_length(const Fields& fields) {
  const auto text = fields.get("content-length");
  if (!text) return std::nullopt;
  uint64_t length = 0;
  auto [end, problem] = std::from_chars(text->data(), text->data() + text->size(), length);
  if (problem != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return length;
}

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
  void fail_request_body(Error error);
  void pump_response();
  bool fill_output();
  void complete_head();
  void end_response_body();
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
  bool first_request_ = true;
  bool keep_alive_ = true;
  bool disconnected_ = false;
  bool pumps_scheduled_ = false;
  int in_a_row_ = 0;

  Request request_;
  HeadScanner scanner_;
  MessageFraming framing_;
  BodyDecoder decoder_;
  bool head_request_ = false;
  bool continue_owed_ = false;
  std::shared_ptr<Body> request_body_;  // being filled
  std::weak_ptr<Body> request_reader_;
  uint64_t body_progress_tick_ = 0;
  uint64_t body_waited_ticks_ = 0;

  bool responded_ = false;
  bool complete_ = false;   // every byte of the response is in the output buffer
  bool head_open_ = false;  // the head lacks its framing fields
  bool response_chunked_ = false;
  std::optional<uint64_t> response_left_;  // of a declared length
  uint16_t status_ = 0;
  std::shared_ptr<Body> response_body_;  // being sent
  uint64_t sent_bytes_ = 0;
  uint64_t sent_tick_ = 0;
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
  if (!disconnected_ && !transport_.broken()) connection_.linger();
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
}

void H1Driver::handle() {
  enter(Phase::handling);
  deadline_tick_ = 0;
  ++core_.requests;
  responded_ = complete_ = head_open_ = response_chunked_ = false;
  response_left_.reset();
  continue_owed_ = framing_.expects_continue;
  if (has_body()) {
    decoder_.begin(framing_, core_.options.head);
    body_waited_ticks_ = 0;
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
  if (response_body_ != nullptr) pump_response();
  while (!disconnected_ && !transport_.failed() && (!complete_ || transport_.queued() > 0))
    connection_.wait();
}

// What the handler left of the request's body stands between us and the next request.
void H1Driver::drain_request_body() {
  if (continue_owed_ && !decoder_.done()) keep_alive_ = false;  // whether the client will send it is unknown
  if (!keep_alive_ || disconnected_ || decoder_.done()) {
    if (!decoder_.done()) keep_alive_ = false;
    return;
  }
  if (request_body_) request_body_->pipe.stop_reading();
  deadline_tick_ = core_.tick + ticks_of(core_.options.header_timeout);
  const uint64_t limit = decoder_.decoded_bytes() + kDrainedBodyBytes;
  keep_alive_ = false;
  for (;;) {
    const std::string_view input = transport_.input();
    auto step = decoder_.next(as_bytes(input), kDrainedBodyBytes);
    if (!step || decoder_.decoded_bytes() > limit) return;
    transport_.consume(step->consumed);
    if (decoder_.done()) break;
    if (!step->more_input) continue;
    const auto filled = transport_.fill();
    if (filled == Progress::failed || transport_.at_end() || expired_ || core_.forced) return;
    if (filled == Progress::waiting) connection_.wait();
  }
  keep_alive_ = true;
}

void H1Driver::forget_bodies() {
  if (request_body_) {
    request_body_->pipe.writable().set_listener(nullptr);
    request_body_->pipe.abort(http_error(ErrorCase::connection_terminated, "the request has ended"));
    request_body_.reset();
  }
  if (response_body_) {
    response_body_->pipe.readable().set_listener(nullptr);
    response_body_->pipe.stop_reading();
    response_body_.reset();
  }
}

void H1Driver::on_transport_event() {
  if (phase_ == Phase::handling || phase_ == Phase::sending) {
    async::DeferWakesScope defer(core_.worker);
    if (request_body_) pump_request_body();
    if (response_body_) {
      pump_response();
    } else if (transport_.queued() > 0 && transport_.flush() == Progress::failed) {
      lose_client();
    }
    // A client that closes its side after the whole request has gone away, as far as anyone can tell.
    if (transport_.broken() ||
        (transport_.hung_up() && phase_ == Phase::handling && (!has_body() || decoder_.done())))
      lose_client();
  }
  connection_.wake();
}

void H1Driver::lose_client() {
  if (disconnected_) return;
  disconnected_ = true;
  Error error = transport_.failed()
                    ? transport_.error()
                    : http_error(ErrorCase::connection_terminated, "the client closed the connection");
  if (request_body_) request_body_->pipe.abort(error);
  if (response_body_) response_body_->pipe.stop_reading();
  if (phase_ == Phase::handling)
    connection_.fiber().cancel(Error(ErrorCode::cancelled, "the client went away", error));
  connection_.wake();
}

void H1Driver::break_connection() {
  keep_alive_ = false;
  responded_ = complete_ = true;
  disconnected_ = true;
  if (response_body_) response_body_->pipe.stop_reading();
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
  if (phase_ != Phase::handling || !request_body_ || decoder_.done() || request_body_->pipe.room() == 0) {
    body_progress_tick_ = now;
    return;
  }
  ++body_waited_ticks_;
  const uint64_t least = core_.options.body_bytes_per_second * body_waited_ticks_ / 10;
  if (now - body_progress_tick_ >= ticks_of(core_.options.body_timeout) ||
      (body_waited_ticks_ > kRateGraceTicks && decoder_.decoded_bytes() < least))
    fail_request_body(http_error(ErrorCase::connection_read_timeout, "the request's body comes too slowly"));
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
    if (request_body_) pump_request_body();
    if (response_body_) pump_response();
  });
}

std::shared_ptr<Body> H1Driver::body() {
  if (auto reader = request_reader_.lock(); reader && request_body_) return reader;
  BodyEnds ends = make_body(core_.options.body_buffer_bytes);
  if (!has_body() || decoder_.done()) {
    ends.writer->content_length = 0;
    ends.writer->pipe.close();
    return ends.reader;
  }
  if (framing_.framing == Framing::length) ends.writer->content_length = framing_.length;
  if (request_body_) {
    ends.writer->pipe.abort(Error(ErrorCode::internal, "the request's body was taken and dropped before"));
    return ends.reader;
  }
  request_body_ = std::move(ends.writer);
  request_reader_ = ends.reader;
  body_progress_tick_ = core_.tick;
  if (std::exchange(continue_owed_, false) && !responded_)
    (void)transport_.send("HTTP/1.1 100 Continue\r\n\r\n");
  request_body_->pipe.writable().set_listener([this] { schedule_pumps(); });
  pump_request_body();
  return ends.reader;
}

void H1Driver::fail_request_body(Error error) {
  keep_alive_ = false;
  request_body_->pipe.abort(std::move(error));
  request_body_->pipe.writable().set_listener(nullptr);
  request_body_.reset();
}

void H1Driver::pump_request_body() {
  async::Pipe& pipe = request_body_->pipe;
  while (!decoder_.done() && !pipe.reader_gone() && !pipe.closed()) {
    const size_t room = pipe.room();
    if (room == 0) return;
    auto step = decoder_.next(as_bytes(transport_.input()), room);
    if (!step) return fail_request_body(step.error().error());
    if (decoder_.decoded_bytes() > core_.options.max_body_bytes.value_or(UINT64_MAX))
      return fail_request_body(
          http_error(ErrorCase::http_request_body_size, "the request's body is larger than the limit"));
    if (!step->data.empty()) body_progress_tick_ = core_.tick;
    pipe.try_write(step->data);
    transport_.consume(step->consumed);
    if (!step->more_input) continue;
    const auto filled = transport_.fill();
    if (filled == Progress::failed || transport_.at_end())
      return fail_request_body(
          http_error(ErrorCase::connection_terminated, "the client left inside the request's body"));
    if (filled == Progress::waiting) return;
  }
  if (decoder_.done() && !pipe.closed()) {
    request_body_->trailers = decoder_.take_trailers();
    pipe.close();
  }
}

void H1Driver::pump_response() {
  if (disconnected_) return;
  for (;;) {
    const bool more = fill_output();
    const auto flushed = transport_.flush();
    if (flushed == Progress::failed) return lose_client();
    if (flushed == Progress::waiting || !more) break;
  }
  if (complete_) connection_.wake();
}

// Moves body bytes into the output buffer; false when there is nothing more to move now.
bool H1Driver::fill_output() {
  if (complete_) return false;
  if (head_open_) complete_head();
  async::Pipe& pipe = response_body_->pipe;
  while (transport_.queued() < kOutputHighWater) {
    auto bytes = pipe.peek();
    if (bytes.empty()) break;
    bytes = bytes.first(std::min(bytes.size(), kOutputHighWater));
    const size_t count = bytes.size();
    if (!body_allowed(status_)) {
      pipe.consume(count);
      continue;
    }
    if (response_left_) {
      if (count >
          *response_left_) {  // more than was promised: the client could take it for the next response
        break_connection();
        return false;
      }
      *response_left_ -= count;
    }
    if (response_chunked_) {
      append_chunk(transport_.output(), bytes);
    } else {
      transport_.output().append(reinterpret_cast<const char*>(bytes.data()), count);
    }
    pipe.consume(count);
  }
  if (pipe.at_end()) end_response_body();
  return !complete_ && pipe.buffered() > 0;
}

void H1Driver::end_response_body() {
  if (response_body_->pipe.error() || (response_left_.value_or(0) > 0 && body_allowed(status_)))
    return break_connection();
  if (response_chunked_ && body_allowed(status_))
    append_last_chunk(transport_.output(), response_body_->trailers);
  complete_ = true;
}

// By the time that the head must go out, the whole body may be known.
void H1Driver::complete_head() {
  head_open_ = false;
  std::string& out = transport_.output();
  const Body& body = *response_body_;
  const bool whole = body.pipe.closed() && !body.pipe.error() && !body.trailers;
  if (!response_left_ && whole) response_left_ = body.pipe.buffered();
  if (status_ == 204 || (status_ == 304 && !response_left_)) {
    response_left_.reset();
  } else if (response_left_) {
    append_field(out, "content-length", std::to_string(*response_left_));
  } else if (framing_.protocol == Protocol::http_1_1) {
    response_chunked_ = true;
    append_field(out, "transfer-encoding", "chunked");
  } else {
    keep_alive_ = false;
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
  if (closing_asked_ || (continue_owed_ && !decoder_.done())) keep_alive_ = false;
  const auto declared = head_request_ && body.empty() ? declared_length(response.fields) : std::nullopt;
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
  for (size_t piece = first;; piece = std::min(body.size(), kOutputHighWater)) {
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
  if (continue_owed_ && !decoder_.done()) keep_alive_ = false;
  response_left_ = body->content_length ? body->content_length : declared_length(response.fields);
  head_open_ = true;
  response_body_ = std::move(body);
  response_body_->pipe.readable().set_listener([this] { schedule_pumps(); });
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
