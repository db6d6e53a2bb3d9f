// A hostile peer of wRPC: any messages, in any order, to the subjects that a client and a server listen on.
// Neither may crash, hang, or keep anything of the calls when they are over; an honest call still works
// afterwards.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "lattice/memory_bus.h"
#include "wrpc/call_codec.h"

namespace {

using namespace wattle;
using namespace wattle::wrpc;

constexpr std::string_view kSubject = "l.t.wrpc.0.0.1.a:b/c@0.1.0.f";
constexpr size_t kStepsMax = 64;

template <class T>
T must(Result<T> result) {
  if (!result) std::abort();
  return std::move(*result);
}

class Input {
 public:
  explicit Input(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  bool empty() const { return bytes_.empty(); }
  uint8_t byte() {
    if (bytes_.empty()) return 0;
    const uint8_t value = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return value;
  }
  std::string text(size_t most) {
    const std::span<const uint8_t> taken = bytes_.first(std::min(most, bytes_.size()));
    bytes_ = bytes_.subspan(taken.size());
    return {taken.begin(), taken.end()};
  }

 private:
  std::span<const uint8_t> bytes_;
};

// What a message says beside its payload.
lattice::Headers headers_from(Input& input) {
  switch (input.byte() % 10) {
    case 0:
      return {{std::string(kResultHeader), "ok"}};
    case 1:
      return {{std::string(kResultHeader), "accepted"}};
    case 2:
      return {{std::string(kResultHeader), "trap"}};
    case 3:
      return {{std::string(kCallHeader), "50"}};
    case 4:
      return {{std::string(kCallHeader), "50"}, {std::string(kRestHeader), std::to_string(input.byte())}};
    case 5:
      return {{std::string(kCreditHeader), std::to_string(input.byte())}};
    case 6:
      return {{std::string(kCreditHeader), "stop"}};
    case 7:
      return lattice::Headers::parse(input.byte() % 2 == 0 ? "NATS/1.0 503\r\n\r\n" : "NATS/1.0 408\r\n\r\n");
    default:
      return {};
  }
}

// `callee` and `caller`: the subjects where a server's and a client's call are, as far as they are known.
void publish_one(lattice::Bus& peer, Input& input, const std::string& own, const std::string& caller,
                 const std::string& callee) {
  static constexpr std::string_view kSuffixes[] = {
      "", ".params", ".results", ".params.0", ".results.0", ".params.0.1", ".results.0.1", ".params.x", "x"};
  const uint8_t where = input.byte();
  const std::string& root = where % 2 == 0 ? caller : callee;
  const std::string subject = where >= 0xc0 || root.empty()
                                  ? std::string(kSubject)
                                  : root + std::string(kSuffixes[where / 2 % std::size(kSuffixes)]);
  const lattice::Headers headers = headers_from(input);
  const bool asks = input.byte() % 2 == 0;
  const std::string payload = input.text(input.byte() % 80);
  (void)peer.publish(subject, payload, {.reply = asks ? std::string_view(own) : "", .headers = &headers});
}

void read_a_little(async::Pipe& pipe) {
  uint8_t buffer[64];
  (void)pipe.try_read(buffer);
}

Result<Reply> handle(IncomingCall& call) {
  auto parameters = parameters_of<uint8_t, ByteStream, Future<std::string>>(call);
  if (!parameters) return failure(parameters.error());
  read_a_little(*std::get<1>(*parameters).pipe);
  return reply_with(std::tuple(std::get<0>(*parameters), std::get<1>(*parameters)));
}

void attack(async::Worker& worker, Input input) {
  lattice::MemoryBroker broker;
  lattice::MemoryBus ours(worker, broker, {.max_payload_bytes = 4096});
  lattice::MemoryBus theirs(worker, broker, {.max_payload_bytes = 4096});
  const EndLimits limits{.message_bytes_max = 2000, .unpaced_bytes_max = 1000};
  auto server = must(Server::start(ours, {.host = "N", .calls_max = 4, .limits = limits}));
  auto service = must(server->serve("l.t", "l.t", handle));
  auto client = must(Client::start(ours, {.limits = limits}));

  // The peer: told where calls of our client come from, and where our server takes further parameters.
  const std::string own = theirs.new_inbox();
  std::string caller;
  std::string callee;
  auto served = must(theirs.subscribe("l.peer.>", {}, [&](const lattice::Message& message) {
    if (!message.reply.empty()) caller = message.reply;
  }));
  auto answers = must(theirs.subscribe(own, {}, [&](const lattice::Message& message) {
    if (!message.reply.empty()) callee = message.reply;
  }));
  const auto asking = worker.spawn([&] {
    async::Fiber::current().set_deadline(Clock::now() + std::chrono::seconds(10));
    const auto pipe = std::make_shared<async::Pipe>();
    pipe->try_write(std::array<uint8_t, 3>{1, 2, 3});
    const Call call{.prefix = "l.peer", .instance = "a:b/c", .function = "f"};
    const auto result = call_typed<std::tuple<ByteStream, Future<uint16_t>>>(*client, call, ByteStream{pipe});
    if (result) read_a_little(*std::get<0>(std::get<0>(*result)).pipe);
  });
  async::Fiber& fiber = async::Fiber::current();
  for (size_t step = 0; step < kStepsMax && !input.empty(); ++step) {
    publish_one(theirs, input, own, caller, callee);
    for (int turns = input.byte() % 4; turns > 0; --turns) fiber.yield();
  }
  fiber.yield();
  asking->cancel();
  while (!asking->finished()) fiber.yield();
  served.reset();

  client.reset();
  service.reset();
  server.reset();
  server = must(Server::start(ours, {.host = "N", .limits = limits}));
  service =
      must(server->serve("l.honest", "q", [](IncomingCall&) -> Result<Reply> { return reply_with(true); }));
  client = must(Client::start(ours));
  const Call honest{.prefix = "l.honest", .instance = "a:b/c", .function = "f"};
  if (!call_typed<bool>(*client, honest)) std::abort();
  if (client->calls() != 0) std::abort();
}

}  // namespace

// The sanitizer keeps a second stack for each fiber that Boost.Context never tells it to free.
extern "C" const char* __asan_default_options() {
  return "detect_stack_use_after_return=0";
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static async::Worker worker;
  worker.spawn([&] {
    async::Fiber::current().set_deadline(Clock::now() + std::chrono::seconds(9));
    attack(worker, Input({data, size}));
  });
  worker.run();
  return 0;
}
