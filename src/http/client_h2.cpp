// HTTP/2 as a client: many requests on one connection, which is shared while it is open.
#include "http/client_core.h"

#include <algorithm>

#include "http/h2_session.h"

namespace wattle::http {
namespace {

constexpr uint32_t kMaxStreams = 100;

class ClientStream final : public H2Stream {
 public:
  async::Signal changed;
  bool answered = false;
  bool refused = false;  // not looked at by the server: may be repeated
  std::optional<Error> failure;
  Duration between_bytes_timeout{};
  TimePoint progress{};
  uint64_t seen_bytes = 0;
};

class H2Connection final : public ClientConnection, private Transport::Owner, private H2Session::Owner {
 public:
  H2Connection(std::shared_ptr<ClientCore> core, std::unique_ptr<Transport> transport)
      : core_(std::move(core)), transport_(std::move(transport)), session_(*transport_, settings(), *this) {
    transport_->set_owner(*this);
  }

  Result<ClientResponse> exchange(const Request& request, std::shared_ptr<Body> body,
                                  const RequestOptions& options, bool& retry) override;
  bool available() override;
  bool busy() const override { return !failed_ && session_.stream_count() > 0; }
  void on_tick(TimePoint now) override;
  void close(Error error) override;

 private:
  H2Settings settings() const {
    H2Settings settings;
    settings.server = false;
    settings.head = core_->options.head;
    settings.limits.stream_window_bytes = static_cast<uint32_t>(core_->options.body_buffer_bytes);
    return settings;
  }
  void on_transport_event() override;
  std::shared_ptr<H2Stream> new_stream() override { return nullptr; }
  void on_head(H2Stream& stream, bool ended) override;
  void on_closed(H2Stream& stream, uint32_t error_code) override;
  void on_sent(H2Stream&) override {}
  void on_output() override { schedule_pump(); }
  void schedule_pump();
  void pump();
  Result<void> wait_for_head(ClientStream& stream, TimePoint until);

  std::shared_ptr<ClientCore> core_;
  std::unique_ptr<Transport> transport_;
  H2Session session_;
  bool failed_ = false;
  bool pump_scheduled_ = false;
};

bool H2Connection::available() {
  const uint32_t limit = std::min(kMaxStreams, session_.peer_max_streams());
  return !failed_ && !session_.failed() && !session_.goaway_received() && !transport_->hung_up() &&
         session_.stream_count() < limit;
}

Result<ClientResponse> H2Connection::exchange(const Request& request, std::shared_ptr<Body> body,
                                              const RequestOptions& options, bool& retry) {
  auto keep_alive = shared_from_this();
  const bool has_body = body != nullptr;
  auto stream = std::make_shared<ClientStream>();
  stream->between_bytes_timeout = options.between_bytes_timeout;
  stream->progress = Clock::now();
  WATTLE_CHECK(session_.submit_request(stream, request, std::move(body)));
  const TimePoint until = Clock::now() + options.first_byte_timeout;
  if (auto answered = wait_for_head(*stream, until); !answered) {
    retry = !has_body && stream->refused;
    return failure(std::move(answered).error());
  }
  ClientResponse response;
  response.protocol = Protocol::http_2;
  response.head.status = H2Session::status(*stream);
  response.head.fields = std::move(H2Session::fields(*stream));
  response.body = stream->incoming() ? reading_end(stream->incoming()) : body_of({});
  return response;
}

Result<void> H2Connection::wait_for_head(ClientStream& stream, TimePoint until) {
  async::DeadlineScope scope(until);
  while (!stream.answered) {
    if (stream.failure) return failure(*stream.failure);
    auto waited = stream.changed.wait();
    if (waited) continue;
    Error error = wait_error(waited.error(), until, ErrorCase::http_response_timeout,
                             "the response did not begin in time");
    if (!stream.answered) {
      session_.reset(stream, NGHTTP2_CANCEL, error);
      return failure(std::move(error));
    }
  }
  if (H2Session::head_too_large(stream)) {
    Error error = http_error(ErrorCase::http_response_header_section_size,
                             "the response's head is larger than the limit");
    session_.reset(stream, NGHTTP2_CANCEL, error);
    return failure(std::move(error));
  }
  return {};
}

void H2Connection::on_head(H2Stream& stream, bool) {
  auto& ours = static_cast<ClientStream&>(stream);
  ours.answered = true;
  ours.changed.notify();
}

void H2Connection::on_closed(H2Stream& stream, uint32_t error_code) {
  auto& ours = static_cast<ClientStream&>(stream);
  if (!ours.answered && !ours.failure) {
    ours.refused = error_code == NGHTTP2_REFUSED_STREAM;
    ours.failure = session_.failed() ? session_.error()
                                     : http_error(ErrorCase::connection_terminated,
                                                  fmt::format("the server reset the HTTP/2 stream: {}",
                                                              nghttp2_http2_strerror(error_code)));
  }
  ours.changed.notify();
  if (session_.stream_count() == 0) {
    idle_since = Clock::now();
    if (session_.goaway_received()) schedule_pump();
  }
}

void H2Connection::schedule_pump() {
  if (std::exchange(pump_scheduled_, true)) return;
  boost::asio::post(core_->worker.io(), [this, keep_alive = shared_from_this()] {
    pump_scheduled_ = false;
    pump();
  });
}

void H2Connection::on_transport_event() {
  auto keep_alive = shared_from_this();
  pump();
}

void H2Connection::pump() {
  if (failed_) return;
  async::DeferWakesScope defer(core_->worker);
  const bool reading = session_.receive();
  const bool writing = session_.send();
  if (session_.more_input()) schedule_pump();
  if (!reading || !writing) return close(session_.error());
  if (session_.finished() || (session_.goaway_received() && session_.stream_count() == 0))
    close(http_error(ErrorCase::connection_terminated, "the server ended the HTTP/2 connection"));
}

void H2Connection::on_tick(TimePoint now) {
  if (failed_) return;
  session_.for_each_stream([&](H2Stream& stream) {
    auto& ours = static_cast<ClientStream&>(stream);
    if (!ours.answered || !ours.starved() || ours.received_bytes() != ours.seen_bytes) {
      ours.seen_bytes = ours.received_bytes();
      ours.progress = now;
    } else if (now - ours.progress >= ours.between_bytes_timeout) {
      session_.reset(stream, NGHTTP2_CANCEL,
                     http_error(ErrorCase::connection_read_timeout,
                                "the next bytes of the response's body did not come in time"));
    }
  });
}

void H2Connection::close(Error error) {
  if (std::exchange(failed_, true)) return;
  auto keep_alive = shared_from_this();
  session_.abandon(error);
  transport_->close();
  core_->remove(*this);
}

}  // namespace

std::shared_ptr<ClientConnection> make_h2_connection(std::shared_ptr<ClientCore> core,
                                                     std::unique_ptr<Transport> transport) {
  return std::make_shared<H2Connection>(std::move(core), std::move(transport));
}

}  // namespace wattle::http
