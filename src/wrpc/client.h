// Calls of functions on other hosts, over the bus: one message there and one back between wattle hosts; the
// handshake of wRPC 0.0.1 with peers of other makes, and for what does not fit into a message.
//
//   WATTLE_TRY(auto client, Client::start(bus));
//   WATTLE_TRY(Answer answer, client->invoke({.prefix = lattice::call_prefix("default", "shop-kv"),
//                                             .instance = "wrpc:keyvalue/store@0.2.0-draft",
//                                             .function = "get",
//                                             .headers = &headers,          // source-id, link-name
//                                             .parameters = bytes}));
//
// The fiber's deadline travels with the call; when the fiber is cancelled or the deadline passes, the callee
// is told. Nothing is asked twice: certainly_not_begun() of the error says whether asking another host is
// safe.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "lattice/bus.h"
#include "wrpc/call_end.h"

namespace wattle::wrpc {

// Whether these bytes are a whole message, or more must come: for peers that do not say where theirs end.
using IsWhole = std::function<bool(std::string_view)>;

struct Call {
  std::string_view prefix;    // lattice::call_prefix or host_call_prefix
  std::string_view instance;  // may be empty
  std::string_view function;  // as on the wire: lattice::wire_function
  const lattice::Headers* headers = nullptr;
  std::string_view parameters{};
  SubStreams streams{};  // Writer::streams of the parameters
  IsWhole is_whole{};    // of the result; without it, a result that comes in pieces ends with its end marker
  // What was certainly not begun leaves its streams as they were, to be sent to somebody else.
  bool keeps_streams = false;
};

// A call's result, and the streams that come with it, for as long as the call's deadline.
class Answer {
 public:
  Answer() = default;
  Answer(Answer&&) noexcept = default;
  Answer& operator=(Answer&& other) noexcept;
  ~Answer();

  std::string result;  // encoded

  // Fills these pipes, of what Reader::streams found in the result. Once.
  Result<void> receive(const SubStreams& streams);
  // Whether the callee is of another make, whose failures show as results that end early.
  bool is_foreign() const { return is_foreign_; }

 private:
  friend class Client;
  void let_go();

  std::weak_ptr<Inbox> inbox_;
  std::shared_ptr<CallEnd> end_;  // null when nothing more can come
  TimePoint deadline_ = kNever;
  bool is_foreign_ = false;
  bool is_received_ = false;
};

struct ClientOptions {
  Duration call_timeout = std::chrono::seconds(10);  // of calls on fibers without a deadline
  EndLimits limits{};
};

class Client {
 public:
  // From a fiber of the bus's worker. `bus` outlives the client.
  static Result<std::unique_ptr<Client>> start(lattice::Bus& bus, ClientOptions options = {});
  // Calls under way end with an error (Reason::closed). Not from within a call.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // From a fiber. Refused: what the callee answered; unavailable (nobody listens, connection lost, the callee
  // went away); deadline_exceeded; cancelled; overloaded; memory_exceeded (a result beyond the limit);
  // invalid_argument (subject, headers).
  Result<Answer> invoke(Call call);
  // Ends the calls under way, and their streams, whose prefix begins so: their callee is known to be gone,
  // and will not answer. Callers get `error`; it does not say that the calls were not begun.
  void abandon(std::string_view prefix, const Error& error);
  size_t calls() const;  // under way, streams included

 private:
  Client(std::shared_ptr<Inbox> inbox, ClientOptions options) : inbox_(std::move(inbox)), options_(options) {}
  Result<std::string_view> begin(const Call& call, std::string_view subject, CallEnd& end,
                                 TimePoint deadline);
  Result<std::string> follow(Call& call, std::string_view rest, CallEnd& end, TimePoint deadline);
  Error failed(const Call& call, const CallEnd& end, const Error& error);

  std::shared_ptr<Inbox> inbox_;
  ClientOptions options_;
};

}  // namespace wattle::wrpc
