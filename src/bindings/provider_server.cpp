#include "bindings/provider_server.h"

#include <map>

#include "bindings/blobstore_wire.h"
#include "bindings/custom_functions.h"
#include "bindings/http_wire.h"
#include "bindings/key_value_wire.h"
#include "bindings/messaging_wire.h"
#include "bindings/postgres_codec.h"
#include "bindings/remote_http.h"
#include "wrpc/call_codec.h"

namespace wattle::bindings {
namespace {

using capability::Caller;
using capability::Provider;
using wrpc::IncomingCall;
using wrpc::Reply;
using Answered = Result<Reply>;

Caller caller_of(const IncomingCall& call) {
  return {call.source_id, call.link_name};
}

Error lacks(const IncomingCall& call) {
  return wrpc::refused(
      Error(ErrorCode::unsupported, fmt::format("this provider does not have \"{}\"", call.operation)));
}

// Reads the parameters and answers with what `serve(capability, caller, parameters...)` returns.
template <class... Parameters, class Capability, class Serve>
Answered serve_with(Capability* capability, IncomingCall& call, Serve serve) {
  if (capability == nullptr) return failure(lacks(call));
  WATTLE_TRY(auto parameters, wrpc::parameters_of<Parameters...>(call));
  return std::apply(
      [&](auto&... each) { return wrpc::reply_with(serve(*capability, caller_of(call), each...)); },
      parameters);
}

// ---- wrpc:keyvalue

namespace kv = key_value_wire;
using capability::KeyValue;
using Text = std::string;

Answered get(Provider& provider, IncomingCall& call) {
  return serve_with<Text, Text>(
      provider.key_value(), call, [](KeyValue& store, Caller caller, Text& bucket, Text& key) {
        return kv::answer_to_wire(store.get(caller, bucket, key).map(kv::value_to_wire));
      });
}
Answered set(Provider& provider, IncomingCall& call) {
  return serve_with<Text, Text, ByteString>(
      provider.key_value(), call,
      [](KeyValue& store, Caller caller, Text& bucket, Text& key, ByteString& value) {
        return kv::answer_to_wire(store.set(caller, bucket, key, value.bytes));
      });
}
Answered remove(Provider& provider, IncomingCall& call) {
  return serve_with<Text, Text>(provider.key_value(), call,
                                [](KeyValue& store, Caller caller, Text& bucket, Text& key) {
                                  return kv::answer_to_wire(store.remove(caller, bucket, key));
                                });
}
Answered exists(Provider& provider, IncomingCall& call) {
  return serve_with<Text, Text>(provider.key_value(), call,
                                [](KeyValue& store, Caller caller, Text& bucket, Text& key) {
                                  return kv::answer_to_wire(store.exists(caller, bucket, key));
                                });
}
Answered list_keys(Provider& provider, IncomingCall& call) {
  return serve_with<Text, std::optional<uint64_t>>(
      provider.key_value(), call,
      [](KeyValue& store, Caller caller, Text& bucket, std::optional<uint64_t>& cursor) {
        return kv::answer_to_wire(store.list_keys(caller, bucket, cursor).map([](capability::KeyPage page) {
          return kv::Page(std::move(page.keys), page.cursor);
        }));
      });
}
Answered increment(Provider& provider, IncomingCall& call) {
  return serve_with<Text, Text, uint64_t>(
      provider.key_value(), call,
      [](KeyValue& store, Caller caller, Text& bucket, Text& key, uint64_t delta) {
        return kv::answer_to_wire(store.increment(caller, bucket, key, delta));
      });
}
Answered get_many(Provider& provider, IncomingCall& call) {
  return serve_with<Text, std::vector<Text>>(
      provider.key_value(), call, [](KeyValue& store, Caller caller, Text& bucket, std::vector<Text>& keys) {
        return kv::answer_to_wire(
            store.get_many(caller, bucket, keys).map([&](std::vector<std::optional<Text>> values) {
              return kv::entries_of(keys, std::move(values));
            }));
      });
}
Answered set_many(Provider& provider, IncomingCall& call) {
  return serve_with<Text, kv::Entries>(
      provider.key_value(), call, [](KeyValue& store, Caller caller, Text& bucket, kv::Entries& entries) {
        return kv::answer_to_wire(store.set_many(caller, bucket, kv::pairs_of(std::move(entries))));
      });
}
Answered remove_many(Provider& provider, IncomingCall& call) {
  return serve_with<Text, std::vector<Text>>(
      provider.key_value(), call, [](KeyValue& store, Caller caller, Text& bucket, std::vector<Text>& keys) {
        return kv::answer_to_wire(store.remove_many(caller, bucket, keys));
      });
}

// ---- wrpc:blobstore

namespace blob = blobstore_wire;
using capability::Blobstore;

// Names in one answer.
constexpr uint64_t kMostNames = 100'000;

// A function of one container by its name.
template <auto method>
Answered of_container(Provider& provider, IncomingCall& call) {
  return serve_with<Text>(provider.blobstore(), call, [](Blobstore& store, Caller caller, Text& name) {
    return (store.*method)(caller, name);
  });
}
// One of an object.
template <auto method>
Answered of_object(Provider& provider, IncomingCall& call) {
  return serve_with<blob::ObjectId>(provider.blobstore(), call,
                                    [](Blobstore& store, Caller caller, blob::ObjectId& id) {
                                      return (store.*method)(caller, blob::id_from_wire(std::move(id)));
                                    });
}
// One of two objects.
template <auto method>
Answered of_objects(Provider& provider, IncomingCall& call) {
  return serve_with<blob::ObjectId, blob::ObjectId>(
      provider.blobstore(), call,
      [](Blobstore& store, Caller caller, blob::ObjectId& from, blob::ObjectId& to) {
        return (store.*method)(caller, blob::id_from_wire(std::move(from)),
                               blob::id_from_wire(std::move(to)));
      });
}
Answered container_info(Provider& provider, IncomingCall& call) {
  return serve_with<Text>(provider.blobstore(), call, [](Blobstore& store, Caller caller, Text& name) {
    return store.container_info(caller, name).map([](capability::ContainerMetadata info) {
      return blob::ContainerMetadata(info.created_at_seconds);
    });
  });
}
Answered object_info(Provider& provider, IncomingCall& call) {
  return serve_with<blob::ObjectId>(
      provider.blobstore(), call, [](Blobstore& store, Caller caller, blob::ObjectId& id) {
        return store.object_info(caller, blob::id_from_wire(std::move(id)))
            .map([](capability::ObjectMetadata info) {
              return blob::ObjectMetadata(info.created_at_seconds, info.size_bytes);
            });
      });
}
Answered list_objects(Provider& provider, IncomingCall& call) {
  using Count = std::optional<uint64_t>;
  return serve_with<Text, Count, Count>(
      provider.blobstore(), call,
      [](Blobstore& store, Caller caller, Text& container, Count& limit, Count& offset) {
        return store
            .list_objects(caller, container, offset.value_or(0),
                          std::min(limit.value_or(kMostNames), kMostNames))
            .map(blob::NameStream::of);
      });
}
Answered delete_objects(Provider& provider, IncomingCall& call) {
  return serve_with<Text, std::vector<Text>>(
      provider.blobstore(), call,
      [](Blobstore& store, Caller caller, Text& container, std::vector<Text>& names) {
        return store.delete_objects(caller, container, names);
      });
}
Answered read_object(Provider& provider, IncomingCall& call) {
  return serve_with<blob::ObjectId, uint64_t, uint64_t>(
      provider.blobstore(), call,
      [](Blobstore& store, Caller caller, blob::ObjectId& id, uint64_t first, uint64_t last) {
        const auto pipe = std::make_shared<async::Pipe>();
        return store.read_object(caller, blob::id_from_wire(std::move(id)), first, last, pipe).map([&] {
          return wrpc::ByteStream{pipe};
        });
      });
}
Answered write_object(Provider& provider, IncomingCall& call) {
  return serve_with<blob::ObjectId, wrpc::ByteStream>(
      provider.blobstore(), call,
      [](Blobstore& store, Caller caller, blob::ObjectId& id, wrpc::ByteStream& contents) {
        auto written = store.write_object(caller, blob::id_from_wire(std::move(id)), *contents.pipe);
        contents.pipe->stop_reading();
        return written;
      });
}

// ---- wasmcloud:messaging

namespace msg = messaging_wire;
using capability::Messaging;

Answered request(Provider& provider, IncomingCall& call) {
  return serve_with<Text, ByteString, uint32_t>(
      provider.messaging(), call,
      [](Messaging& messaging, Caller caller, Text& subject, ByteString& body, uint32_t timeout_ms) {
        return messaging.request(caller, subject, body.bytes, timeout_ms).map(msg::message_to_wire);
      });
}
Answered publish(Provider& provider, IncomingCall& call) {
  return serve_with<msg::Message>(
      provider.messaging(), call, [](Messaging& messaging, Caller caller, msg::Message& message) {
        return messaging.publish(caller, msg::message_from_wire(std::move(message)));
      });
}

// ---- wasmcloud:postgres

namespace pg = pg_wire;
using capability::Postgres;

template <class T, class Answer>
tl::expected<T, decltype(pg::error_to_wire(std::declval<typename Answer::error_type>()))> pg_answer(
    Answer result) {
  if (!result) return tl::make_unexpected(pg::error_to_wire(std::move(result.error())));
  if constexpr (std::is_void_v<T>)
    return {};
  else
    return std::move(*result);
}

Answered query(Provider& provider, IncomingCall& call) {
  return serve_with<Text, std::vector<pg::Value>>(
      provider.postgres(), call,
      [](Postgres& database, Caller caller, Text& text, std::vector<pg::Value>& parameters) {
        return pg_answer<std::vector<pg::Row>>(
            database.query(caller, text, pg::parameters_from_wire(std::move(parameters)))
                .map(pg::rows_to_wire));
      });
}
Answered query_batch(Provider& provider, IncomingCall& call) {
  return serve_with<Text>(provider.postgres(), call, [](Postgres& database, Caller caller, Text& text) {
    return pg_answer<void>(database.query_batch(caller, text));
  });
}
Answered prepare(Provider& provider, IncomingCall& call) {
  return serve_with<Text>(provider.postgres(), call, [](Postgres& database, Caller caller, Text& statement) {
    return database.prepare(caller, statement).map_error([](capability::StatementPrepareError error) {
      return pg::PrepareError(std::move(error.message));
    });
  });
}
Answered exec(Provider& provider, IncomingCall& call) {
  return serve_with<Text, std::vector<pg::Value>>(
      provider.postgres(), call,
      [](Postgres& database, Caller caller, Text& token, std::vector<pg::Value>& parameters) {
        return pg_answer<uint64_t>(
            database.exec(caller, token, pg::parameters_from_wire(std::move(parameters))));
      });
}

// ---- wrpc:http

Answered handle_http(Provider& provider, IncomingCall& call) {
  auto* const http = provider.outgoing_http();
  if (http == nullptr) return failure(lacks(call));
  return answer_outgoing(call, [&](const http::Request& request, std::shared_ptr<http::Body> body,
                                   const http::RequestOptions& options) {
    return http->send(caller_of(call), request, std::move(body), options);
  });
}

// ---- All of them

using Answer = Answered (*)(Provider&, IncomingCall&);
using Operations = std::map<std::string, Answer, std::less<>>;

Operations make_operations() {
  Operations all;
  const auto add = [&](std::string_view instance,
                       std::initializer_list<std::pair<const char*, Answer>> each) {
    for (const auto& [function, answer] : each) all.emplace(fmt::format("{}.{}", instance, function), answer);
  };
  add(kv::kStore,
      {{"get", get}, {"set", set}, {"delete", remove}, {"exists", exists}, {"list-keys", list_keys}});
  add(kv::kAtomics, {{"increment", increment}});
  add(kv::kBatch, {{"get-many", get_many}, {"set-many", set_many}, {"delete-many", remove_many}});
  for (std::string_view instance : {blob::kBlobstore, blob::kOlderBlobstore}) {
    add(instance, {{"create-container", of_container<&Blobstore::create_container>},
                   {"container-exists", of_container<&Blobstore::container_exists>},
                   {"delete-container", of_container<&Blobstore::delete_container>},
                   {"clear-container", of_container<&Blobstore::clear_container>},
                   {"get-container-info", container_info},
                   {"list-container-objects", list_objects},
                   {"get-container-data", read_object},
                   {"write-container-data", write_object},
                   {"has-object", of_object<&Blobstore::has_object>},
                   {"get-object-info", object_info},
                   {"delete-object", of_object<&Blobstore::delete_object>},
                   {"delete-objects", delete_objects},
                   {"copy-object", of_objects<&Blobstore::copy_object>},
                   {"move-object", of_objects<&Blobstore::move_object>}});
  }
  add(http_wire::kOutgoing, {{"handle", handle_http}});
  add(msg::kConsumer, {{"request", request}, {"publish", publish}});
  add(pg::kQuery, {{"query", query}, {"query-batch", query_batch}});
  add(pg::kPrepared, {{"prepare", prepare}, {"exec", exec}});
  return all;
}

}  // namespace

Result<Reply> answer_call(Provider& provider, IncomingCall& call) {
  static const Operations kOperations = make_operations();
  const auto found = kOperations.find(call.operation);
  if (found != kOperations.end()) return found->second(provider, call);
  const CustomFunctions* custom = provider.custom_functions();
  const auto* function = custom == nullptr ? nullptr : custom->find(call.operation);
  if (function == nullptr) return failure(lacks(call));
  return (*function)(call);
}

}  // namespace wattle::bindings
