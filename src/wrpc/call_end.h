// One end of one call: what has come from the peer, its sub-streams both ways, and their flow control. Used
// by Client and Server; see protocol.h for what is said between the two ends.
//
// An end hears messages in the bus's reader, which must not wait: bytes go into the pipe of their sub-stream,
// or, while nobody has asked for it or the pipe is full, into a bounded buffer. Peers with flow control never
// fill it; of others, what overflows ends with a typed failure, and only there.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "async/signal.h"
#include "lattice/bus.h"
#include "wrpc/protocol.h"
#include "wrpc/wire.h"

namespace wattle::wrpc {

class Inbox;

struct EndLimits {
  size_t message_bytes_max = 64 << 20;  // of the parameters or the result of one call
  size_t unpaced_bytes_max = 8 << 20;   // of all sub-streams of a call, from peers without flow control
};

enum class Side : uint8_t { caller, callee };

// Takes the contents of a stream<u8> out of the bytes of its sub-stream: chunks with their length before
// them, ended by one of length 0.
class ChunkReader {
 public:
  // Takes bytes off the front of `from` until it has contents, at most `most`, or needs more. Refused:
  // malformed.
  Result<std::string_view> next(std::string_view& from, size_t most);
  bool at_end() const { return at_end_; }

 private:
  uint64_t left_ = 0;    // of the present chunk
  uint64_t length_ = 0;  // as far as it was read
  unsigned shift_ = 0;
  bool at_end_ = false;
};

class CallEnd : public std::enable_shared_from_this<CallEnd> {
 public:
  CallEnd(Inbox& inbox, uint64_t id, std::string address, Side side, EndLimits limits)
      : inbox_(inbox), id_(id), address_(std::move(address)), side_(side), limits_(limits) {}

  uint64_t id() const { return id_; }
  const std::string& address() const { return address_; }  // this end's subject

  std::string callee;  // at a caller: the prefix that was called

  // ---- what the peer said. `changed` is notified at each of it.
  bool accepted = false;
  bool peer_is_wattle = false;
  std::string peer;  // the other end's subject
  std::optional<Result<std::string>> answer;
  bool answer_has_streams = false;
  std::string root;  // parameters or results that came in pieces
  bool root_ended = false;
  std::optional<Error> failure;  // nothing more will come
  async::Signal changed;

  // A message to this end; `suffix` is what follows its address, without the dot.
  void deliver(std::string_view suffix, lattice::Message&& message);

  // The pipes are filled from now on. Refused: malformed (a path twice).
  Result<void> receive(const SubStreams& streams);
  // Sends what comes out of the pipes, on fibers of their own, until `deadline`. The peer is known.
  void send(SubStreams streams, TimePoint deadline);
  // Root bytes after the handshake, cut into messages, with the end marker. From a fiber.
  Result<void> send_root(std::string_view bytes);

  // Nobody reads any more what has not come yet, nor is anything sent any more: the peer is done.
  void stop_receiving();
  void stop_sending();
  // Something that send() was given is not through.
  bool sending() const { return pumps_ > 0; }
  // No sub-stream is under way, either way.
  bool idle() const;
  // Ends everything that is under way: readers get the error, writers learn that nobody reads.
  void fail(const Error& error);

 private:
  struct Incoming {
    std::string waiting;  // came, and is not in the pipe yet
    size_t taken = 0;     // of `waiting`
    std::weak_ptr<async::Pipe> pipe;
    Flow flow = Flow::bytes;
    ChunkReader chunks;
    size_t allowed_later = 0;  // taken, and not told to the sender yet
    std::optional<Error> error;
    bool attached = false;
    bool moving = false;
    bool ended = false;     // the peer sends no more
    bool finished = false;  // the pipe has everything, or nobody wants it
  };
  struct Outgoing {
    size_t credit = kWindowBytes;
    bool stopped = false;
    async::Signal changed;
  };
  std::string_view in_word() const { return side_ == Side::caller ? kResults : kParameters; }
  std::string_view out_word() const { return side_ == Side::caller ? kParameters : kResults; }
  std::string subject(std::string_view word, std::string_view path) const;

  void on_handshake(lattice::Message message);
  void on_root(const lattice::Message& message);
  void on_data(std::string_view path, const lattice::Message& message);
  void on_credit(std::string_view path, std::string_view credit);
  bool make_room(Incoming& incoming, size_t bytes);
  void advance(const std::string& path, Incoming& incoming);
  Result<void> move_bytes(Incoming& incoming, async::Pipe& pipe);
  void finish(const std::string& path, Incoming& incoming, const std::optional<Error>& error);
  void allow(const std::string& path, Incoming& incoming);

  void pump(const std::string& to, const SubStream& stream, Outgoing& outgoing);
  Result<bool> pump_step(const std::string& to, const SubStream& stream, Outgoing& outgoing);
  Result<void> end_stream(const std::string& to, const SubStream& stream);
  void end_with(const std::string& to, const Error& error);

  Inbox& inbox_;
  const uint64_t id_;
  const std::string address_;
  const Side side_;
  const EndLimits limits_;
  // By path: "0.1".
  std::map<std::string, Incoming, std::less<>> incoming_;
  std::map<std::string, std::shared_ptr<Outgoing>, std::less<>> outgoing_;
  size_t pumps_ = 0;
  size_t unpaced_bytes_ = 0;
};

// A header block as it goes out: its size counts against the bus's limit for messages.
size_t header_bytes(const lattice::Headers& headers);

}  // namespace wattle::wrpc
