// wRPC 0.0.1 as a peer of another make speaks it: subjects and bytes written by hand, in both roles, with
// nothing of ours on its side but the bus.
#include <deque>

#include "wrpc/test_support.h"

namespace wattle::wrpc {
namespace {

using lattice::Message;

constexpr size_t kOneMiB = 1 << 20;

class InteropTest : public TransportTest {};
INSTANTIATE_TEST_SUITE_P(, InteropTest, testing::Values(lattice::BusKind::memory, lattice::BusKind::nats),
                         bus_name);

// What a foreign peer hears, subject by subject.
class Ear {
 public:
  Ear(lattice::Bus& bus, const std::string& pattern) {
    subscription_ = must(bus.subscribe(pattern, {}, [this](Message message) {
      messages_[message.subject].push_back(std::move(message));
      changed_.notify();
    }));
  }
  Message next(const std::string& subject) {
    while (messages_[subject].empty())
      if (!changed_.wait()) {
        ADD_FAILURE() << "nothing came on " << subject;
        std::abort();
      }
    Message message = std::move(messages_[subject].front());
    messages_[subject].pop_front();
    return message;
  }
  // Everything up to the empty message that ends a sub-stream.
  std::string to_end(const std::string& subject) {
    std::string all;
    while (true) {
      const Message message = next(subject);
      EXPECT_LE(message.payload.size(), kOneMiB);
      if (message.payload.empty()) return all;
      all += message.payload;
    }
  }
  bool silent(const std::string& subject) const {
    const auto found = messages_.find(subject);
    return found == messages_.end() || found->second.empty();
  }

 private:
  std::map<std::string, std::deque<Message>> messages_;
  async::Signal changed_;
  std::unique_ptr<lattice::BusSubscription> subscription_;
};

std::string leb(size_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(0x80 | (value & 0x7f));
  return out + static_cast<char>(value);
}
std::string blob(const std::string& bytes) {
  return leb(bytes.size()) + bytes;
}

// A foreign client: R is the subject that it listens on.
class ForeignCaller {
 public:
  explicit ForeignCaller(lattice::Bus& bus)
      : bus_(bus), address_(bus.new_inbox()), ear_(bus, address_ + ".>") {
    root_ = must(bus.subscribe(address_, {}, [this](Message message) {
      accepted_.push_back(std::move(message));
      changed_.notify();
    }));
    must(bus.flush());
  }
  // Returns the callee's subject.
  std::string call(const std::string& subject, const std::string& first) {
    must(bus_.publish(subject, first, {.reply = address_}));
    while (accepted_.empty())
      if (!changed_.wait()) std::abort();
    EXPECT_EQ(accepted_.front().payload, "");
    const std::string callee = accepted_.front().reply;
    accepted_.pop_front();
    return callee;
  }
  void send(const std::string& subject, const std::string& bytes) { must(bus_.publish(subject, bytes)); }
  const std::string& address() const { return address_; }
  Ear& ear() { return ear_; }

 private:
  lattice::Bus& bus_;
  std::string address_;
  Ear ear_;
  std::unique_ptr<lattice::BusSubscription> root_;
  std::deque<Message> accepted_;
  async::Signal changed_;
};

const std::string kSubject = "default.shop-kv.wrpc.0.0.1.shop:prices/prices@0.1.0.echo";

// `test(caller)` against our server.
template <class Test>
void with_foreign_caller(lattice::Bus& theirs, lattice::Bus& ours, CallHandler handler, Test test,
                         ServerOptions options = {}) {
  const auto server = must(Server::start(ours, options));
  const auto service = must(server->serve("default.shop-kv", "default.shop-kv", std::move(handler)));
  must(ours.flush());
  ForeignCaller caller(theirs);
  test(caller);
  EXPECT_TRUE(nats::eventually([&] { return server->calls() == 0; }));
}

Result<Reply> shout(IncomingCall& call) {
  EXPECT_TRUE(call.is_foreign);
  EXPECT_EQ(call.link_name, "default");
  WATTLE_TRY(auto parameters, (parameters_of<std::string, uint16_t>(call)));
  return reply_with(std::get<0>(parameters) + "!", std::get<1>(parameters));
}

TEST_P(InteropTest, AForeignCallerIsAnsweredByHandshake) {
  with_buses([](lattice::Bus& theirs, lattice::Bus& ours) {
    with_foreign_caller(theirs, ours, shout, [](ForeignCaller& caller) {
      const std::string callee = caller.call(kSubject, blob("hey") + "\xac\x02");
      caller.send(callee + ".params", "");
      EXPECT_EQ(caller.ear().to_end(caller.address() + ".results"), blob("hey!") + "\xac\x02");
    });
  });
}

TEST_P(InteropTest, AForeignCallerNeedNotEndItsParametersFirst) {
  with_buses([](lattice::Bus& theirs, lattice::Bus& ours) {
    with_foreign_caller(theirs, ours, shout, [](ForeignCaller& caller) {
      const std::string callee = caller.call(kSubject, blob("hey").substr(0, 2));
      caller.send(callee + ".params", "ey");
      caller.send(callee + ".params", "\x07");
      EXPECT_EQ(caller.ear().to_end(caller.address() + ".results"), blob("hey!") + "\x07");
    });
  });
}

TEST_P(InteropTest, AForeignCallersLargeValuesComeAndGoInPieces) {
  with_buses([](lattice::Bus& theirs, lattice::Bus& ours) {
    const auto echo = [](IncomingCall& call) -> Result<Reply> {
      WATTLE_TRY(auto parameters, (parameters_of<Binary>(call)));
      return reply_with(std::get<0>(parameters));
    };
    with_foreign_caller(theirs, ours, echo, [](ForeignCaller& caller) {
      const std::string value = blob(pattern(3 * kOneMiB + 17));
      const std::string callee = caller.call(kSubject, value.substr(0, 1000));
      for (size_t at = 1000; at < value.size(); at += kOneMiB)
        caller.send(callee + ".params", value.substr(at, kOneMiB));
      caller.send(callee + ".params", "");
      EXPECT_TRUE(caller.ear().to_end(caller.address() + ".results") == value);
    });
  });
}

TEST_P(InteropTest, AForeignCallerStreamsBothWays) {
  with_buses([](lattice::Bus& theirs, lattice::Bus& ours) {
    const auto echo = [](IncomingCall& call) -> Result<Reply> {
      WATTLE_TRY(auto parameters, (parameters_of<std::string, ByteStream>(call)));
      return reply_with(std::tuple(uint8_t{9}, std::get<1>(parameters)));
    };
    with_foreign_caller(theirs, ours, echo, [](ForeignCaller& caller) {
      const std::string callee = caller.call(kSubject, blob("k") + std::string(1, '\0'));
      const std::string results = caller.address() + ".results";
      EXPECT_EQ(caller.ear().to_end(results), std::string("\x09\0", 2));
      // Chunks need not be messages.
      caller.send(callee + ".params.1", "\x05he");
      caller.send(callee + ".params.1", std::string("llo\x01!\0", 6));
      caller.send(callee + ".params.1", "");
      caller.send(callee + ".params", "");
      std::string contents = caller.ear().to_end(results + ".0.1");
      ChunkReader chunks;
      std::string_view rest = contents;
      std::string text;
      while (!chunks.at_end()) text += must(chunks.next(rest, 100));
      EXPECT_EQ(text, "hello!");
    });
  });
}

TEST_P(InteropTest, AForeignCallerSeesFailuresAsResultsThatEnd) {
  with_buses([](lattice::Bus& theirs, lattice::Bus& ours) {
    const auto fails = [](IncomingCall&) -> Result<Reply> { return failure(ErrorCode::trap, "trapped"); };
    with_foreign_caller(theirs, ours, fails, [](ForeignCaller& caller) {
      (void)caller.call(kSubject, "");
      EXPECT_EQ(caller.ear().to_end(caller.address() + ".results"), "");
    });
    // So it does when there is no room for its call.
    with_foreign_caller(theirs, ours, shout,
                        [](ForeignCaller& caller) {
                          (void)caller.call(kSubject, "");
                          EXPECT_EQ(caller.ear().to_end(caller.address() + ".results"), "");
                        },
                        {.calls_max = 0});
  });
}

TEST_P(InteropTest, AForeignStreamThatIsNotReadEndsAlone) {
  with_buses([](lattice::Bus& theirs, lattice::Bus& ours) {
    std::optional<Error> slow;
    std::string other;
    const auto read = [&](IncomingCall& call) -> Result<Reply> {
      WATTLE_TRY(auto parameters, (parameters_of<ByteStream, ByteStream>(call)));
      const Drained second = drain(*std::get<1>(parameters).pipe);
      EXPECT_FALSE(second.error);
      other = second.bytes;
      slow = drain(*std::get<0>(parameters).pipe).error;
      return reply_with(true);
    };
    with_foreign_caller(theirs, ours, read,
                        [&](ForeignCaller& caller) {
                          const std::string callee = caller.call(kSubject, std::string(2, '\0'));
                          for (int i = 0; i < 4; ++i)
                            caller.send(callee + ".params.0", blob(pattern(500'000)));
                          caller.send(callee + ".params.1", std::string("\x02ok\0", 4));
                          caller.send(callee + ".params.1", "");
                          EXPECT_EQ(caller.ear().to_end(caller.address() + ".results"), "\x01");
                        },
                        {.limits = {.unpaced_bytes_max = 1'000'000}});
    EXPECT_EQ(other, "ok");
    ASSERT_TRUE(slow);
    EXPECT_EQ(slow->code(), ErrorCode::overloaded);
  });
}

// A foreign server: `serve(request, S, ear)` runs for one call.
template <class Serve, class Test>
void with_foreign_callee(lattice::Bus& ours, lattice::Bus& theirs, Serve serve, Test test) {
  const std::string address = theirs.new_inbox();
  Ear ear(theirs, address + ".>");
  auto served = must(theirs.subscribe(kSubject, {.queue_group = "default.shop-kv", .fibers_max = 4},
                                      [&](Message request) { serve(request, address, ear); }));
  must(theirs.flush());
  const auto client = must(Client::start(ours));
  test(*client);
  EXPECT_TRUE(nats::eventually([&] { return client->calls() == 0; }));
  must(served->drain());
}

const Call kEcho{.prefix = "default.shop-kv", .instance = "shop:prices/prices@0.1.0", .function = "echo"};

TEST_P(InteropTest, AForeignCalleeIsCalledByHandshake) {
  with_buses([](lattice::Bus& ours, lattice::Bus& theirs) {
    with_foreign_callee(
        ours, theirs,
        [&](const Message& request, const std::string& address, Ear& ear) {
          EXPECT_EQ(request.payload, blob("hey") + "\xac\x02");
          must(theirs.publish(request.reply, "", {.reply = address}));
          EXPECT_EQ(ear.to_end(address + ".params"), "");
          must(theirs.publish(request.reply + ".results", blob("ye").substr(0, 1)));
          must(theirs.publish(request.reply + ".results", "ye"));
          must(theirs.publish(request.reply + ".results", ""));
        },
        [](Client& client) {
          EXPECT_EQ(
              std::get<0>(must(call_typed<std::string>(client, kEcho, std::string("hey"), uint16_t{300}))),
              "ye");
        });
  });
}

TEST_P(InteropTest, AForeignCalleesLargeValuesComeAndGoInPieces) {
  with_buses([](lattice::Bus& ours, lattice::Bus& theirs) {
    const std::string value = pattern(3 * kOneMiB + 5);
    with_foreign_callee(
        ours, theirs,
        [&](const Message& request, const std::string& address, Ear& ear) {
          must(theirs.publish(request.reply, "", {.reply = address}));
          const std::string all = request.payload + ear.to_end(address + ".params");
          EXPECT_TRUE(all == blob(value));
          for (size_t at = 0; at < all.size(); at += kOneMiB)
            must(theirs.publish(request.reply + ".results", all.substr(at, kOneMiB)));
          must(theirs.publish(request.reply + ".results", ""));
        },
        [&](Client& client) {
          EXPECT_TRUE(std::get<0>(must(call_typed<Binary>(client, kEcho, Binary{value}))).bytes == value);
        });
  });
}

TEST_P(InteropTest, AForeignCalleeStreamsBothWays) {
  with_buses([](lattice::Bus& ours, lattice::Bus& theirs) {
    const std::string contents = pattern(700'000);
    with_foreign_callee(
        ours, theirs,
        [&](const Message& request, const std::string& address, Ear& ear) {
          EXPECT_EQ(request.payload, std::string(1, '\0') + blob("k"));
          must(theirs.publish(request.reply, "", {.reply = address}));
          const std::string sent = ear.to_end(address + ".params.0");
          ChunkReader chunks;
          std::string_view rest = sent;
          std::string text;
          while (!chunks.at_end() && !rest.empty()) text += must(chunks.next(rest, 1 << 20));
          EXPECT_TRUE(chunks.at_end());
          EXPECT_TRUE(text == contents);
          must(theirs.publish(request.reply + ".results", std::string("\0\0", 2)));
          must(theirs.publish(request.reply + ".results", ""));
          must(theirs.publish(request.reply + ".results.0.0", std::string("\x03yes\0", 5)));
          must(theirs.publish(request.reply + ".results.0.0", ""));
          must(theirs.publish(request.reply + ".results.0.1", "\x01\x02"));
          must(theirs.publish(request.reply + ".results.0.1", ""));
        },
        [&](Client& client) {
          const auto pipe = std::make_shared<async::Pipe>();
          client_writes(pipe, contents);
          auto [result] = must(call_typed<std::tuple<ByteStream, Future<std::optional<uint8_t>>>>(
              client, kEcho, ByteStream{pipe}, std::string("k")));
          const Drained got = drain(*std::get<0>(result).pipe);
          EXPECT_FALSE(got.error);
          EXPECT_EQ(got.bytes, "yes");
          EXPECT_EQ(std::get<1>(result).get().value(), std::optional<uint8_t>(2));
        });
  });
}

TEST_P(InteropTest, AForeignCalleeThatFailsIsATypedError) {
  with_buses([](lattice::Bus& ours, lattice::Bus& theirs) {
    with_foreign_callee(
        ours, theirs,
        [&](const Message& request, const std::string& address, Ear&) {
          must(theirs.publish(request.reply, "", {.reply = address}));
          must(theirs.publish(request.reply + ".results", ""));
        },
        [](Client& client) {
          const auto result = call_typed<std::string>(client, kEcho, true);
          EXPECT_EQ(result.error().code(), ErrorCode::trap);
          EXPECT_FALSE(certainly_not_begun(result.error()));
        });
    // A stream that is cut is not taken for one that ended.
    with_foreign_callee(
        ours, theirs,
        [&](const Message& request, const std::string& address, Ear&) {
          must(theirs.publish(request.reply, "", {.reply = address}));
          must(theirs.publish(request.reply + ".results", std::string(1, '\0')));
          must(theirs.publish(request.reply + ".results.0", "\x03ye"));
          must(theirs.publish(request.reply + ".results.0", ""));
        },
        [](Client& client) {
          auto [stream] = must(call_typed<ByteStream>(client, kEcho, true));
          const Drained got = drain(*stream.pipe);
          EXPECT_EQ(got.bytes, "ye");
          ASSERT_TRUE(got.error);
          EXPECT_EQ(got.error->code(), ErrorCode::unavailable);
        });
  });
}

}  // namespace
}  // namespace wattle::wrpc
