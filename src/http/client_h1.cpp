// HTTP/1.1 as a client: one request at a time on a connection that is used again.
#include <sys/socket.h>

#include "http/client_core.h"
#include "http/h1_body.h"
#include "http/h1_writer.h"

namespace wattle::http {
namespace {

using Progress = Transport::Progress;

constexpr int kMaxInterimResponses = 16;

class H1Connection final : public ClientConnection, private Transport::Owner {
 public:
  H1Connection(std::shared_ptr<ClientCore> core, std::unique_ptr<Transport> transport)
      : core_(std::move(core)), transport_(std::move(transport)) {
    transport_->set_owner(*this);
  }

  Result<ClientResponse> exchange(const Request& request, std::shared_ptr<Body> body,
                                  const RequestOptions& options, bool& retry) override;
  bool available() override;
  bool busy() const override { return busy_; }
  void on_tick(TimePoint now) override;
  void close(Error error) override;

 private:
  void on_transport_event() override;
  void send_head(const Request& request, std::shared_ptr<Body> body);
  Result<MessageFraming> receive_head(const Request& request, Response& response);
  Result<bool> parse_head(bool to_head, Response& response, MessageFraming& framing);
  ClientResponse begin_body(const MessageFraming& framing);
  void schedule_pumps();
  void pump();
  void pump_request();
  void pump_response();
  void finish();

  std::shared_ptr<ClientCore> core_;
  std::unique_ptr<Transport> transport_;
  std::shared_ptr<ClientConnection> self_;  // while busy
  async::Signal changed_;
  BodySender sender_;
  BodyReceiver receiver_;
  HeadScanner scanner_;
  std::optional<Error> failure_;
  Duration between_bytes_timeout_{};
  TimePoint progress_{};
  uint64_t received_bytes_ = 0;
  bool busy_ = false;
  bool keep_alive_ = true;
  bool request_sent_ = true;
  bool response_done_ = true;
  bool pumps_scheduled_ = false;
};

bool H1Connection::available() {
  if (busy_ || failure_ || transport_->hung_up()) return false;
  // The peer may have closed it, or sent what nobody asked for, a moment ago.
  char byte;
  const ssize_t count = ::recv(transport_->descriptor(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return true;
  // A TLS peer may send session tickets at any time; reading sorts them out.
  if (count > 0 && transport_->is_tls() && transport_->fill() == Progress::waiting && !transport_->at_end())
    return true;
  close(http_error(ErrorCase::connection_terminated, "the peer closed an idle connection"));
  return false;
}

Result<ClientResponse> H1Connection::exchange(const Request& request, std::shared_ptr<Body> body,
                                              const RequestOptions& options, bool& retry) {
  auto keep_alive = shared_from_this();
  self_ = keep_alive;
  busy_ = keep_alive_ = true;
  response_done_ = false;
  between_bytes_timeout_ = options.between_bytes_timeout;
  const bool has_body = body != nullptr;
  send_head(request, std::move(body));
  pump_request();

  const TimePoint until = Clock::now() + options.first_byte_timeout;
  async::DeadlineScope scope(until);
  ClientResponse response;
  auto framing = receive_head(request, response.head);
  if (!framing) {
    retry = !has_body && transport_->input().empty() && !scanner_.started() &&
            case_of(framing.error()) == ErrorCase::connection_terminated;
    Error error = wait_error(framing.error(), until, ErrorCase::http_response_timeout,
                             "the response did not begin in time");
    close(error);
    return failure(std::move(error));
  }
  ClientResponse with_body = begin_body(*framing);
  with_body.head = std::move(response.head);
  return with_body;
}

void H1Connection::send_head(const Request& request, std::shared_ptr<Body> body) {
  std::string& out = transport_->output();
  out.append(request.method).append(" ").append(request.path_with_query).append(" HTTP/1.1\r\n");
  append_field(out, "host", request.authority);
  (void)append_fields(out, request.fields);
  if (!body) {
    if (request.method == "POST" || request.method == "PUT" || request.method == "PATCH")
      append_field(out, "content-length", "0");
    out.append("\r\n");
    request_sent_ = true;
    return;
  }
  const bool whole = body->pipe.closed() && !body->pipe.error() && !body->trailers;
  auto length = body->content_length ? body->content_length : content_length_of(request.fields);
  if (!length && whole) length = body->pipe.buffered();
  if (length) {
    append_field(out, "content-length", std::to_string(*length));
  } else {
    append_field(out, "transfer-encoding", "chunked");
  }
  out.append("\r\n");
  request_sent_ = false;
  sender_.attach(std::move(body), [this] { schedule_pumps(); });
  sender_.begin(!length, length);
}

Result<MessageFraming> H1Connection::receive_head(const Request& request, Response& response) {
  scanner_.reset();
  MessageFraming framing;
  for (int interim = 0;;) {
    if (failure_) return failure(*failure_);
    WATTLE_TRY(const bool whole, parse_head(request.method == "HEAD", response, framing));
    if (whole && response.status >= 200) return framing;
    if (whole) {
      if (response.status == 101)
        return failure(
            http_error(ErrorCase::http_upgrade_failed, "the server changes to a protocol nobody asked for"));
      if (++interim > kMaxInterimResponses)
        return failure(http_error(ErrorCase::http_protocol_error, "too many interim responses"));
      continue;
    }
    const auto filled = transport_->fill();
    if (filled == Progress::done) continue;
    if (filled == Progress::failed) return failure(transport_->error());
    if (transport_->at_end()) {
      if (scanner_.started())
        return failure(http_error(ErrorCase::http_response_incomplete, "the response's head is not whole"));
      return failure(http_error(ErrorCase::connection_terminated,
                                "the server closed the connection without a response"));
    }
    WATTLE_CHECK(changed_.wait());
  }
}

// False when more bytes are needed.
Result<bool> H1Connection::parse_head(bool to_head, Response& response, MessageFraming& framing) {
  const std::string_view input = transport_->input();
  auto size = scanner_.scan(input, core_->options.head);
  if (size && *size == 0) return false;
  auto parsed = size ? parse_response_head(input.substr(0, *size), core_->options.head, to_head, response)
                     : Parsed<MessageFraming>(tl::unexpected(size.error()));
  if (!parsed) {
    ParseFailure problem = parsed.error();
    if (problem.status == 431) problem.reason = ErrorCase::http_response_header_section_size;
    return failure(problem.error().with_context("the server's response is refused"));
  }
  transport_->consume(*size);
  scanner_.reset();
  framing = *parsed;
  return true;
}

ClientResponse H1Connection::begin_body(const MessageFraming& framing) {
  ClientResponse response;
  response.protocol = framing.protocol;
  keep_alive_ = framing.keep_alive;
  BodyEnds ends = make_body(core_->options.body_buffer_bytes);
  if (framing.framing == Framing::length) ends.writer->content_length = framing.length;
  if (framing.framing == Framing::none) ends.writer->content_length = 0;
  response.body = std::move(ends.reader);
  receiver_.begin(framing, core_->options.head, std::nullopt);
  received_bytes_ = 0;
  progress_ = Clock::now();
  receiver_.attach(std::move(ends.writer), [this] { schedule_pumps(); });
  pump_response();
  return response;
}

void H1Connection::schedule_pumps() {
  if (std::exchange(pumps_scheduled_, true)) return;
  boost::asio::post(core_->worker.io(), [this, keep_alive = shared_from_this()] {
    pumps_scheduled_ = false;
    pump();
  });
}

void H1Connection::on_transport_event() {
  auto keep_alive = shared_from_this();
  if (!busy_) {
    if (transport_->hung_up())
      close(http_error(ErrorCase::connection_terminated, "the peer closed an idle connection"));
    return;
  }
  pump();
  changed_.notify();
}

void H1Connection::pump() {
  async::DeferWakesScope defer(core_->worker);
  if (!busy_) return;
  if (receiver_.attached()) pump_response();
  if (busy_) pump_request();
}

void H1Connection::pump_request() {
  for (;;) {
    auto state = BodySender::State::complete;
    if (sender_.attached()) state = sender_.fill(*transport_);
    if (state == BodySender::State::failed) {
      const auto& error = sender_.body().pipe.error();
      return close(error ? http_error(case_of(*error).value_or(ErrorCase::http_protocol_error),
                                      "the request's body ended with an error", *error)
                         : http_error(ErrorCase::http_request_body_size,
                                      "the request's body has not the length that was declared"));
    }
    const auto flushed = transport_->flush();
    // A server that refuses a body may have answered before it closed: the reader finds out.
    if (flushed == Progress::failed || state == BodySender::State::complete) sender_.detach();
    request_sent_ = state == BodySender::State::complete && flushed == Progress::done;
    if (flushed != Progress::done || state != BodySender::State::full) break;
  }
  if (response_done_ && request_sent_) finish();
}

void H1Connection::pump_response() {
  const auto state = receiver_.pump(*transport_);
  if (state == BodyReceiver::State::failed)
    return close(http_error(ErrorCase::http_response_incomplete, "the response's body is not whole"));
  if (state != BodyReceiver::State::done) {
    if (receiver_.abandoned())
      close(http_error(ErrorCase::connection_terminated, "nobody reads the response's body"));
    return;
  }
  receiver_.detach(http_error(ErrorCase::http_response_incomplete, "the response has ended"));
  response_done_ = true;
  finish();
}

// The response is there. A request that is still being sent makes the connection useless for a next one.
void H1Connection::finish() {
  if (!keep_alive_ || !request_sent_ || transport_->hung_up() || !transport_->input().empty())
    return close(http_error(ErrorCase::connection_terminated, "the exchange has ended"));
  auto keep_alive = std::move(self_);
  busy_ = false;
  transport_->shrink();
  if (core_->closed) return close(http_error(ErrorCase::connection_terminated, "the client was closed"));
  core_->released(*this);
}

void H1Connection::on_tick(TimePoint now) {
  if (!busy_ || !receiver_.attached()) return;
  if (!receiver_.starved() || receiver_.received_bytes() != received_bytes_) {
    received_bytes_ = receiver_.received_bytes();
    progress_ = now;
  } else if (now - progress_ >= between_bytes_timeout_) {
    close(http_error(ErrorCase::connection_read_timeout,
                     "the next bytes of the response's body did not come in time"));
  }
}

void H1Connection::close(Error error) {
  if (failure_) return;
  auto keep_alive = shared_from_this();
  failure_ = error;
  receiver_.detach(std::move(error));
  sender_.detach();
  transport_->close();
  busy_ = false;
  self_.reset();
  core_->remove(*this);
  changed_.notify();
}

}  // namespace

std::shared_ptr<ClientConnection> make_h1_connection(std::shared_ptr<ClientCore> core,
                                                     std::unique_ptr<Transport> transport) {
  return std::make_shared<H1Connection>(std::move(core), std::move(transport));
}

}  // namespace wattle::http
