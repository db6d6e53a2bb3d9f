#include "http/h2_session.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace wattle::http {
namespace {

using Progress = Transport::Progress;

constexpr size_t kOutputHighWater = 64 * 1024;
constexpr size_t kFramesOfOneRead = 20'000;     // at most: our own limit is judged after each read
constexpr int kRoundsInARow = 16;               // of reading from one connection
constexpr size_t kInputHighWater = 256 * 1024;  // of unsent output, at which no more is read

// Fields as nghttp2 takes them: names in lower case, everything alive until it has copied them.
class HeadList {
 public:
  HeadList() { text_.reserve(512); }
  void add(std::string_view name, std::string_view value) {
    parts_.push_back({text_.size(), name.size(), value.size()});
    for (char c : name) text_ += c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    text_.append(value);
  }
  // True if Date is among them.
  bool add_fields(const Fields& fields, bool keep_length) {
    bool has_date = false;
    for (auto field : fields) {
      if (is_connection_field(field.name) || same_name(field.name, "host")) continue;
      if (!keep_length && same_name(field.name, "content-length")) continue;
      has_date = has_date || same_name(field.name, "date");
      add(field.name, field.value);
    }
    return has_date;
  }
  std::vector<nghttp2_nv> list() {
    std::vector<nghttp2_nv> out;
    out.reserve(parts_.size());
    auto* base = reinterpret_cast<uint8_t*>(text_.data());
    for (const Part& part : parts_)
      out.push_back({base + part.start, base + part.start + part.name_bytes, part.name_bytes,
                     part.value_bytes, NGHTTP2_NV_FLAG_NONE});
    return out;
  }

 private:
  struct Part {
    size_t start;
    size_t name_bytes;
    size_t value_bytes;
  };
  std::string text_;
  std::vector<Part> parts_;
};

std::string_view text_of(const uint8_t* bytes, size_t count) {
  return {reinterpret_cast<const char*>(bytes), count};
}

Error stream_error(uint32_t code) {
  const auto reason = code == NGHTTP2_PROTOCOL_ERROR || code == NGHTTP2_FLOW_CONTROL_ERROR ||
                              code == NGHTTP2_FRAME_SIZE_ERROR || code == NGHTTP2_COMPRESSION_ERROR
                          ? ErrorCase::http_protocol_error
                          : ErrorCase::connection_terminated;
  return http_error(reason, fmt::format("the HTTP/2 stream was reset: {}", nghttp2_http2_strerror(code)));
}

}  // namespace

H2Stream::~H2Stream() = default;

// nghttp2 calls these with the session as user data. None of them lets anything escape.
struct H2Session::Callbacks {
  static H2Session& self(void* user_data) { return *static_cast<H2Session*>(user_data); }

  static int begin_frame(nghttp2_session*, const nghttp2_frame_hd* header, void* user_data) {
    self(user_data).count_frame(*header);
    return 0;
  }

  static int begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* user_data) {
    H2Session& session_ = self(user_data);
    if (!session_.settings_.server || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    auto stream = session_.owner_.new_stream();
    if (!stream) {
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_REFUSED_STREAM);
      return 0;
    }
    session_.add_stream(std::move(stream), frame->hd.stream_id);
    return 0;
  }

  static int header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_bytes,
                    const uint8_t* value, size_t value_bytes, uint8_t, void* user_data) {
    H2Session& session = self(user_data);
    H2Stream* stream = session.find(frame->hd.stream_id);
    if (stream == nullptr) return 0;
    return session.take_field(*stream, text_of(name, name_bytes), text_of(value, value_bytes))
               ? 0
               : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int frame_received(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
    H2Session& session = self(user_data);
    if (frame->hd.type == NGHTTP2_GOAWAY) session.goaway_received_ = true;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    H2Stream* stream = session.find(frame->hd.stream_id);
    if (stream == nullptr) return 0;
    auto keep_alive = stream->shared_from_this();
    const bool ended = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->hd.type == NGHTTP2_HEADERS && !stream->head_complete_) session.complete_head(*stream, ended);
    if (ended) session.end_remote(*stream);
    return 0;
  }

  static int data_chunk(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* bytes, size_t count,
                        void* user_data) {
    nghttp2_session_consume_connection(session, count);
    H2Stream* stream = self(user_data).find(id);
    if (stream == nullptr) {
      nghttp2_session_consume_stream(session, id, count);
    } else {
      self(user_data).receive_data(*stream, {bytes, count});
    }
    return 0;
  }

  static int stream_close(nghttp2_session*, int32_t id, uint32_t error_code, void* user_data) {
    self(user_data).close_stream(id, error_code);
    return 0;
  }

  static int frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
    if (frame->hd.type == NGHTTP2_PUSH_PROMISE || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    if (H2Stream* stream = self(user_data).find(frame->hd.stream_id)) {
      stream->local_ended_ = true;
      self(user_data).owner_.on_sent(*stream);
    }
    return 0;
  }

  static ssize_t read_body(nghttp2_session*, int32_t, uint8_t* into, size_t bytes, uint32_t* flags,
                           nghttp2_data_source* source, void* user_data) {
    return self(user_data).provide(*static_cast<H2Stream*>(source->ptr), {into, bytes}, *flags);
  }
};

H2Session::H2Session(Transport& transport, H2Settings settings, Owner& owner)
    : transport_(transport), settings_(std::move(settings)), owner_(owner) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, &Callbacks::begin_frame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, &Callbacks::begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, &Callbacks::header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &Callbacks::frame_received);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &Callbacks::data_chunk);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &Callbacks::stream_close);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, &Callbacks::frame_sent);
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_max_outbound_ack(option, settings_.limits.control_frames + kFramesOfOneRead);
  nghttp2_option_set_max_continuations(option, settings_.limits.continuation_frames);
  const int made = settings_.server ? nghttp2_session_server_new2(&session_, callbacks, this, option)
                                    : nghttp2_session_client_new2(&session_, callbacks, this, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  if (made != 0) {
    error_ =
        http_error(ErrorCase::internal_error, fmt::format("no HTTP/2 session: {}", nghttp2_strerror(made)));
    return;
  }
  const std::array<nghttp2_settings_entry, 5> entries{{
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, settings_.limits.concurrent_streams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, settings_.limits.stream_window_bytes},
      {NGHTTP2_SETTINGS_MAX_FRAME_SIZE,
       std::clamp<uint32_t>(settings_.limits.frame_bytes, 16'384, 16'777'215)},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<uint32_t>(settings_.head.bytes)},
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
  }};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, entries.data(), settings_.server ? 4 : 5);
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<int32_t>(settings_.limits.connection_window_bytes));
}

H2Session::~H2Session() {
  for (auto& [id, stream] : streams_) {
    let_go_of_bodies(*stream, http_error(ErrorCase::connection_terminated, "the connection has ended"));
    stream->session_ = nullptr;
    stream->closed_ = true;
  }
  nghttp2_session_del(session_);
}

bool H2Session::receive() {
  more_input_ = false;
  if (error_) return false;
  for (int rounds = 0;; ++rounds) {
    if (rounds == kRoundsInARow) {
      more_input_ = true;
      return true;
    }
    const std::string_view input = transport_.input();
    if (!input.empty()) {
      const ssize_t taken =
          nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(input.data()), input.size());
      if (taken < 0) {
        dead_ = true;
        error_ = http_error(
            ErrorCase::http_protocol_error,
            fmt::format("the HTTP/2 connection failed: {}", nghttp2_strerror(static_cast<int>(taken))));
        return false;
      }
      transport_.consume(static_cast<size_t>(taken));
      if (flooded_) {
        nghttp2_session_terminate_session(session_, NGHTTP2_ENHANCE_YOUR_CALM);
        error_ =
            http_error(ErrorCase::http_protocol_error, "the peer floods the HTTP/2 connection with frames");
        return false;
      }
    }
    if (transport_.queued() > kInputHighWater) return true;
    const auto filled = transport_.fill();
    if (filled == Progress::done) continue;
    if (filled == Progress::failed) error_ = transport_.error();
    if (filled == Progress::waiting && transport_.at_end())
      error_ = http_error(ErrorCase::connection_terminated, "the peer closed the HTTP/2 connection");
    return !error_;
  }
}

bool H2Session::send() {
  for (int32_t id : std::exchange(abandoned_, {}))
    if (H2Stream* stream = find(id))
      reset(*stream, NGHTTP2_CANCEL, http_error(ErrorCase::connection_terminated, "nobody reads the body"));
  for (;;) {
    bool more = !dead_;
    while (!dead_ && transport_.queued() < kOutputHighWater) {
      const uint8_t* bytes = nullptr;
      const ssize_t count = nghttp2_session_mem_send(session_, &bytes);
      if (count < 0) {
        dead_ = true;
        if (!error_)
          error_ = http_error(ErrorCase::internal_error, nghttp2_strerror(static_cast<int>(count)));
        return false;
      }
      if (count == 0) {
        more = false;
        break;
      }
      transport_.output().append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(count));
    }
    const auto flushed = transport_.flush();
    if (flushed == Progress::failed) {
      if (!error_) error_ = transport_.error();
      return false;
    }
    if (flushed == Progress::waiting || !more) return true;
  }
}

bool H2Session::finished() const {
  return nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
}

uint32_t H2Session::peer_max_streams() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

H2Stream* H2Session::find(int32_t id) {
  auto at = streams_.find(id);
  return at == streams_.end() ? nullptr : at->second.get();
}

void H2Session::add_stream(std::shared_ptr<H2Stream> stream, int32_t id) {
  stream->session_ = this;
  stream->id_ = id;
  stream->head_.clear();
  streams_.emplace(id, std::move(stream));
}

// What costs the sender nothing and us something is counted.
void H2Session::count_frame(const nghttp2_frame_hd& header) {
  switch (header.type) {
    case NGHTTP2_RST_STREAM:
      if (++resets_ > settings_.limits.resets) flooded_ = true;
      break;
    case NGHTTP2_DATA:
      if (header.length > 0 || (header.flags & NGHTTP2_FLAG_END_STREAM) != 0) break;
      [[fallthrough]];
    case NGHTTP2_SETTINGS:
    case NGHTTP2_PING:
    case NGHTTP2_PRIORITY:
      if (++control_frames_ > settings_.limits.control_frames) flooded_ = true;
      break;
    default:
      break;
  }
}

bool H2Session::take_field(H2Stream& stream, std::string_view name, std::string_view value) {
  if (stream.head_complete_) {  // a trailer
    if (is_forbidden_trailer(name)) return true;
    if (stream.trailers_.size() >= settings_.head.fields) return false;
    stream.trailers_.append_checked(name, value);
    return stream.trailers_.bytes() <= settings_.head.bytes;
  }
  Request& head = stream.head_;
  if (name == ":method") {
    head.method = value;
  } else if (name == ":scheme") {
    head.scheme = value;
  } else if (name == ":authority") {
    head.authority = value;
  } else if (name == ":path") {
    head.path_with_query = value;
    stream.head_too_large_ = stream.head_too_large_ || value.size() > settings_.head.target_bytes;
  } else if (name == ":status") {
    stream.status_ = static_cast<uint16_t>(std::atoi(std::string(value).c_str()));
  } else if (name == "host" && settings_.server) {
    if (head.authority.empty()) head.authority = value;
  } else if (head.fields.size() >= settings_.head.fields ||
             head.fields.bytes() + name.size() + value.size() > settings_.head.bytes) {
    stream.head_too_large_ = true;
  } else {
    head.fields.append_checked(name, value);
  }
  return true;
}

void H2Session::complete_head(H2Stream& stream, bool ended) {
  if (!settings_.server && stream.status_ < 200 && !ended) {  // an interim response: the next head counts
    stream.head_.clear();
    return;
  }
  stream.head_complete_ = true;
  // RFC 9113 section 8.2.3: crumbs of a cookie are one field everywhere else.
  if (auto crumbs = stream.head_.fields.get_all("cookie"); crumbs.size() > 1) {
    std::string cookie(crumbs.front());
    for (size_t index = 1; index < crumbs.size(); ++index) cookie.append("; ").append(crumbs[index]);
    (void)stream.head_.fields.set("cookie", cookie);
  }
  if (!ended) {
    stream.incoming_ = std::make_shared<Body>(settings_.limits.stream_window_bytes);
    stream.incoming_->content_length = content_length_of(stream.head_.fields);
    stream.incoming_->pipe.writable().set_listener([this, &stream] { credit(stream); });
  }
  owner_.on_head(stream, ended);
}

void H2Session::end_remote(H2Stream& stream) {
  stream.remote_ended_ = true;
  if (!stream.incoming_ || stream.incoming_->pipe.closed()) return;
  if (!stream.trailers_.empty()) stream.incoming_->trailers = std::move(stream.trailers_);
  stream.incoming_->pipe.close();
}

void H2Session::receive_data(H2Stream& stream, std::span<const uint8_t> bytes) {
  stream.received_bytes_ += bytes.size();
  if (!stream.incoming_ || stream.incoming_->pipe.reader_gone() || stream.incoming_->pipe.closed()) {
    nghttp2_session_consume_stream(session_, stream.id_, bytes.size());
    return;
  }
  if (stream.received_bytes_ > settings_.max_body_bytes.value_or(UINT64_MAX))
    return reset(stream, NGHTTP2_CANCEL,
                 http_error(ErrorCase::http_request_body_size, "the body is larger than the limit"));
  // The window is the pipe's capacity, and nghttp2 holds the peer to it.
  stream.uncredited_bytes_ += bytes.size();
  if (stream.incoming_->pipe.try_write(bytes) != bytes.size())
    reset(stream, NGHTTP2_FLOW_CONTROL_ERROR,
          http_error(ErrorCase::http_protocol_error, "the peer overran its window"));
}

// Gives back what the pipe's reader has taken.
void H2Session::credit(H2Stream& stream) {
  const size_t held = stream.incoming_->pipe.buffered();
  if (!settings_.server && stream.incoming_->pipe.reader_gone() && !stream.remote_ended_) {
    abandoned_.push_back(stream.id_);
    owner_.on_output();
  }
  if (held >= stream.uncredited_bytes_) return;
  const size_t taken = stream.uncredited_bytes_ - held;
  stream.uncredited_bytes_ = held;
  nghttp2_session_consume_stream(session_, stream.id_, taken);
  owner_.on_output();
}

ssize_t H2Session::provide(H2Stream& stream, std::span<uint8_t> into, uint32_t& flags) {
  if (!stream.outgoing_) {
    const size_t count = std::min(into.size(), stream.known_.size() - stream.known_sent_);
    std::memcpy(into.data(), stream.known_.data() + stream.known_sent_, count);
    stream.known_sent_ += count;
    stream.sent_bytes_ += count;
    if (stream.known_sent_ == stream.known_.size()) flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(count);
  }
  async::Pipe& pipe = stream.outgoing_->pipe;
  const size_t count = pipe.try_read(into);
  stream.sent_bytes_ += count;
  if (stream.outgoing_left_) {
    if (count > *stream.outgoing_left_) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    *stream.outgoing_left_ -= count;
  }
  if (!pipe.at_end()) return count > 0 ? static_cast<ssize_t>(count) : ssize_t{NGHTTP2_ERR_DEFERRED};
  if (pipe.error() || stream.outgoing_left_.value_or(0) > 0) {
    // What was read goes out before the reset only if it is sent as a frame of its own.
    return count > 0 ? static_cast<ssize_t>(count) : ssize_t{NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE};
  }
  flags |= NGHTTP2_DATA_FLAG_EOF;
  if (stream.outgoing_->trailers && !stream.outgoing_->trailers->empty()) {
    flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    send_trailers(stream);
  }
  return static_cast<ssize_t>(count);
}

void H2Session::send_trailers(H2Stream& stream) {
  HeadList head;
  for (auto field : *stream.outgoing_->trailers)
    if (!is_forbidden_trailer(field.name)) head.add(field.name, field.value);
  auto list = head.list();
  nghttp2_submit_trailer(session_, stream.id_, list.data(), list.size());
}

Result<void> H2Session::begin_body(H2Stream& stream, std::shared_ptr<Body> body,
                                   std::optional<uint64_t> length) {
  stream.outgoing_ = std::move(body);
  stream.outgoing_left_ = length;
  stream.outgoing_->pipe.readable().set_listener([this, &stream] {
    nghttp2_session_resume_data(session_, stream.id_);
    owner_.on_output();
  });
  return {};
}

Result<void> H2Session::submit_request(std::shared_ptr<H2Stream> stream, const Request& request,
                                       std::shared_ptr<Body> body) {
  if (error_) return failure(*error_);
  HeadList head;
  head.add(":method", request.method);
  head.add(":scheme", request.scheme);
  head.add(":authority", request.authority);
  head.add(":path", request.path_with_query);
  (void)head.add_fields(request.fields, false);
  std::optional<uint64_t> length;
  if (body) {
    const bool whole = body->pipe.closed() && !body->pipe.error();
    length = body->content_length ? body->content_length : content_length_of(request.fields);
    if (!length && whole) length = body->pipe.buffered();
    if (length) head.add("content-length", std::to_string(*length));
  }
  auto list = head.list();
  nghttp2_data_provider provider{};
  provider.source.ptr = stream.get();
  provider.read_callback = &Callbacks::read_body;
  const int32_t id = nghttp2_submit_request(session_, nullptr, list.data(), list.size(),
                                            body ? &provider : nullptr, nullptr);
  if (id < 0) return failure(http_error(ErrorCase::internal_error, nghttp2_strerror(id)));
  add_stream(stream, id);
  if (body) WATTLE_CHECK(begin_body(*stream, std::move(body), length));
  owner_.on_output();
  return {};
}

Result<void> H2Session::submit_response(H2Stream& stream, const Response& response, std::string_view date,
                                        std::optional<uint64_t> content_length,
                                        std::span<const uint8_t> known, std::shared_ptr<Body> body) {
  HeadList head;
  head.add(":status", std::to_string(response.status));
  if (!head.add_fields(response.fields, false)) head.add("date", date);
  if (content_length) head.add("content-length", std::to_string(*content_length));
  auto list = head.list();
  nghttp2_data_provider provider{};
  provider.source.ptr = &stream;
  provider.read_callback = &Callbacks::read_body;
  const bool has_body = body || !known.empty();
  stream.known_.assign(reinterpret_cast<const char*>(known.data()), known.size());
  const int submitted =
      nghttp2_submit_response(session_, stream.id_, list.data(), list.size(), has_body ? &provider : nullptr);
  if (submitted != 0) return failure(http_error(ErrorCase::internal_error, nghttp2_strerror(submitted)));
  if (body) WATTLE_CHECK(begin_body(stream, std::move(body), content_length));
  owner_.on_output();
  return {};
}

Result<void> H2Session::submit_interim(H2Stream& stream, const Response& response) {
  HeadList head;
  head.add(":status", std::to_string(response.status));
  (void)head.add_fields(response.fields, false);
  auto list = head.list();
  nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream.id_, nullptr, list.data(), list.size(), nullptr);
  owner_.on_output();
  return {};
}

void H2Session::let_go_of_bodies(H2Stream& stream, const Error& why) {
  if (stream.incoming_) {
    stream.incoming_->pipe.writable().set_listener(nullptr);
    stream.incoming_->pipe.abort(why);
  }
  if (stream.outgoing_) {
    stream.outgoing_->pipe.readable().set_listener(nullptr);
    stream.outgoing_->pipe.stop_reading();
  }
}

void H2Session::reset(H2Stream& stream, uint32_t error_code, Error why) {
  if (stream.closed_) return;
  let_go_of_bodies(stream, why);
  stream.local_ended_ = true;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id_, error_code);
  owner_.on_output();
}

void H2Session::close_stream(int32_t id, uint32_t error_code) {
  auto at = streams_.find(id);
  if (at == streams_.end()) return;
  auto stream = std::move(at->second);
  streams_.erase(at);
  stream->closed_ = stream->local_ended_ = true;
  let_go_of_bodies(*stream, stream_error(error_code));
  owner_.on_closed(*stream, error_code);
  stream->session_ = nullptr;
}

void H2Session::go_away(uint32_t error_code) {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_),
                        error_code, nullptr, 0);
  owner_.on_output();
}

void H2Session::abandon(const Error& why) {
  auto all = std::move(streams_);
  streams_.clear();
  for (auto& [id, stream] : all) {
    stream->closed_ = stream->local_ended_ = true;
    let_go_of_bodies(*stream, why);
    owner_.on_closed(*stream, NGHTTP2_INTERNAL_ERROR);
    stream->session_ = nullptr;
  }
}

}  // namespace wattle::http
