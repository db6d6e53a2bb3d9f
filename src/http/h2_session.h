// HTTP/2 (RFC 9113) on nghttp2 for server and client alike: frames between a transport and streams, bodies
// between streams and pipes. A stream's window is its pipe's room: what a reader has not taken is not
// credited, so a slow reader holds back its sender; the connection's window is credited at once, so that it
// holds back nobody else.
//
// receive() and send() are called by one owner, never inside the other; callbacks arrive inside them. Wakes
// must be deferred around them (a fiber's call is).
#pragma once

#include <nghttp2/nghttp2.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "http/server.h"
#include "http/transport.h"

namespace wattle::http {

class H2Session;

// One request and response in flight. Server and client add what is theirs.
class H2Stream : public std::enable_shared_from_this<H2Stream> {
 public:
  virtual ~H2Stream();

  int32_t id() const { return id_; }
  // The head that the peer sends is whole.
  bool head_complete() const { return head_complete_; }
  // The peer has sent its last byte.
  bool remote_ended() const { return remote_ended_; }
  // Our last byte has been handed to the transport, or the stream was reset.
  bool local_ended() const { return local_ended_; }
  bool closed() const { return closed_; }

  // The body that comes in, once its head said that there is one.
  const std::shared_ptr<Body>& incoming() const { return incoming_; }
  // Its reader waits for the peer.
  bool starved() const { return incoming_ && !remote_ended_ && incoming_->pipe.room() > 0; }
  // The peer's window or the transport holds back what we have.
  bool stalled() const {
    return !local_ended_ && (outgoing_ ? outgoing_->pipe.buffered() > 0 : known_sent_ < known_.size());
  }
  uint64_t received_bytes() const { return received_bytes_; }
  uint64_t sent_bytes() const { return sent_bytes_; }

 private:
  friend class H2Session;
  H2Session* session_ = nullptr;  // null once closed
  int32_t id_ = -1;
  bool head_complete_ = false;
  bool head_too_large_ = false;
  bool remote_ended_ = false;
  bool local_ended_ = false;
  bool closed_ = false;
  Request head_;         // what the pseudo-fields and fields of the incoming head say
  uint16_t status_ = 0;  // of a response
  Fields trailers_;
  std::shared_ptr<Body> incoming_;
  size_t uncredited_bytes_ = 0;  // in the incoming pipe, not given back to the peer's window
  uint64_t received_bytes_ = 0;
  std::shared_ptr<Body> outgoing_;
  std::string known_;  // an outgoing body that needs no pipe
  size_t known_sent_ = 0;
  std::optional<uint64_t> outgoing_left_;
  uint64_t sent_bytes_ = 0;
};

struct H2Settings {
  bool server = true;
  HeadLimits head;
  Http2Limits limits;
  std::optional<uint64_t> max_body_bytes;
};

class H2Session {
 public:
  class Owner {
   public:
    // Server: a stream for a request that begins; null refuses it.
    virtual std::shared_ptr<H2Stream> new_stream() = 0;
    // The final head is complete: request() or status() and fields() tell it. `ended`: no body follows.
    virtual void on_head(H2Stream& stream, bool ended) = 0;
    // Nothing more happens on the stream; `error_code` is the peer's or ours, 0 for a complete exchange.
    virtual void on_closed(H2Stream& stream, uint32_t error_code) = 0;
    // Our last byte on the stream has been handed over.
    virtual void on_sent(H2Stream& stream) = 0;
    // Something is to be sent: call send() soon.
    virtual void on_output() = 0;

   protected:
    ~Owner() = default;
  };

  H2Session(Transport& transport, H2Settings settings, Owner& owner);
  ~H2Session();
  H2Session(const H2Session&) = delete;
  H2Session& operator=(const H2Session&) = delete;

  // Reads what the transport has. False when the connection is over: ended, broken, or a protocol error
  // (which send() still tells the peer).
  bool receive();
  // Sends what there is. False when the transport failed.
  bool send();
  // receive() stopped for others' sake: there is more to read.
  bool more_input() const { return more_input_; }
  // Neither side has anything more to say.
  bool finished() const;
  bool goaway_received() const { return goaway_received_; }
  const Error& error() const { return *error_; }
  bool failed() const { return error_.has_value(); }

  size_t stream_count() const { return streams_.size(); }
  template <class Function>
  void for_each_stream(Function function) {
    const auto all = streams_;
    for (const auto& [id, stream] : all) function(*stream);
  }
  uint32_t peer_max_streams() const;

  // The received head.
  static Request& request(H2Stream& stream) { return stream.head_; }
  static uint16_t status(const H2Stream& stream) { return stream.status_; }
  static Fields& fields(H2Stream& stream) { return stream.head_.fields; }
  static bool head_too_large(const H2Stream& stream) { return stream.head_too_large_; }

  // What is sent. A body is either `known` bytes (copied) or what comes through `body`, or neither.
  Result<void> submit_request(std::shared_ptr<H2Stream> stream, const Request& request,
                              std::shared_ptr<Body> body);
  Result<void> submit_response(H2Stream& stream, const Response& response, std::string_view date,
                               std::optional<uint64_t> content_length, std::span<const uint8_t> known,
                               std::shared_ptr<Body> body);
  Result<void> submit_interim(H2Stream& stream, const Response& response);
  // Ends the stream at once; on_closed follows when the frame is sent. Its pipes learn `why` now.
  void reset(H2Stream& stream, uint32_t error_code, Error why);
  // GOAWAY: streams in flight may end, new ones are refused.
  void go_away(uint32_t error_code);
  // Ends every stream with `why`; the owner hears on_closed for each.
  void abandon(const Error& why);
  // Called about every ten seconds: begins a new period for the limits on floods.
  void begin_period() { control_frames_ = resets_ = 0; }

 private:
  struct Callbacks;
  H2Stream* find(int32_t id);
  void add_stream(std::shared_ptr<H2Stream> stream, int32_t id);
  Result<void> begin_body(H2Stream& stream, std::shared_ptr<Body> body, std::optional<uint64_t> length);
  void count_frame(const nghttp2_frame_hd& header);
  bool take_field(H2Stream& stream, std::string_view name, std::string_view value);
  void complete_head(H2Stream& stream, bool ended);
  void end_remote(H2Stream& stream);
  void receive_data(H2Stream& stream, std::span<const uint8_t> bytes);
  void credit(H2Stream& stream);
  ssize_t provide(H2Stream& stream, std::span<uint8_t> into, uint32_t& flags);
  void send_trailers(H2Stream& stream);
  void close_stream(int32_t id, uint32_t error_code);
  void let_go_of_bodies(H2Stream& stream, const Error& why);

  Transport& transport_;
  const H2Settings settings_;
  Owner& owner_;
  nghttp2_session* session_ = nullptr;
  std::unordered_map<int32_t, std::shared_ptr<H2Stream>> streams_;
  std::optional<Error> error_;
  uint32_t control_frames_ = 0;
  uint32_t resets_ = 0;
  bool goaway_received_ = false;
  bool flooded_ = false;
  bool dead_ = false;  // nghttp2 has given up on its state
  bool more_input_ = false;
  std::vector<int32_t> abandoned_;  // streams whose reader has left, to be reset
};

}  // namespace wattle::http
