#include "host/spied_capabilities.h"

#include <type_traits>

#include "http/client.h"

namespace wattle::host {
namespace {

using namespace capability;

// ---- Arguments and results as text: names and texts in quotes, bytes that are no text by their number

std::string shown(std::string_view text) {
  return spied_text(text);
}
std::string shown(const std::string& text) {
  return shown(std::string_view(text));
}
std::string shown(bool value) {
  return value ? "true" : "false";
}
std::string shown(uint64_t value) {
  return std::to_string(value);
}
std::string shown(const ObjectId& id) {
  return fmt::format("{}, {}", shown(id.container), shown(id.object));
}
std::string shown(const ContainerMetadata& metadata) {
  return fmt::format("{{created-at: {}}}", metadata.created_at_seconds);
}
std::string shown(const ObjectMetadata& metadata) {
  return fmt::format("{{created-at: {}, size: {}}}", metadata.created_at_seconds, metadata.size_bytes);
}
std::string shown(const BrokerMessage& message) {
  return fmt::format("{{subject: {}, body: {}}}", shown(message.subject), shown(message.body));
}
std::string shown(const std::vector<ResultRow>& rows) {
  return fmt::format("<{} rows>", rows.size());
}
template <class T>
std::string shown(const std::optional<T>& value) {
  return value ? fmt::format("some({})", shown(*value)) : "none";
}
template <class First, class Second>
std::string shown(const std::pair<First, Second>& pair) {
  return fmt::format("({}, {})", shown(pair.first), shown(pair.second));
}
template <class T>
std::string shown(const std::vector<T>& values) {
  std::string text = "[";
  for (const T& value : values) {
    if (text.size() > SpyGlass::kTextBytesMax) return text + ", ...]";
    text += fmt::format("{}{}", text.size() == 1 ? "" : ", ", shown(value));
  }
  return text + "]";
}
std::string shown(const KeyPage& page) {
  return fmt::format("{}, cursor {}", shown(page.keys), shown(page.cursor));
}

template <class... Arguments>
std::string listed(const Arguments&... arguments) {
  std::string text;
  ((text += fmt::format("{}{}", text.empty() ? "" : ", ", shown(arguments))), ...);
  return fmt::format("({})", text);
}

std::string problem(const std::string& error) {
  return error.empty() ? "an error" : error;
}
std::string problem(const PreparedStatementExecError& error) {
  return problem(error.message.empty() ? error.query.message : error.message);
}
template <class Failure>
std::string problem(const Failure& error) {
  return problem(error.message);
}

// ---- The capabilities

template <class Capability>
class Seen : public Capability {
 public:
  Seen(SpiedWay way, std::shared_ptr<Capability> through)
      : way_(std::move(way)), through_(std::move(through)) {}

 protected:
  // Goes on with `method`; what it is asked and answers is looked at.
  template <class Method, class... Arguments>
  auto look(const Caller& caller, std::string_view function, Method method, Arguments&&... arguments) {
    auto sighting = way_.glass.look(caller.source_id, way_.target, way_.interface, function);
    if (sighting == nullptr) return ((*through_).*method)(caller, std::forward<Arguments>(arguments)...);
    sighting->arguments(listed(arguments...));
    auto result = ((*through_).*method)(caller, std::forward<Arguments>(arguments)...);
    if (!result) {
      sighting->error(problem(result.error()));
    } else if constexpr (!std::is_void_v<typename decltype(result)::value_type>) {
      sighting->result(shown(*result));
    }
    return result;
  }
  SpyGlass& glass() { return way_.glass; }
  const SpiedWay& way() const { return way_; }
  Capability& through() { return *through_; }

 private:
  const SpiedWay way_;
  const std::shared_ptr<Capability> through_;
};

class SeenKeyValue final : public Seen<KeyValue> {
 public:
  using Seen::Seen;
  KeyValueResult<void> open(const Caller& caller, std::string_view bucket) override {
    return look(caller, "open", &KeyValue::open, bucket);
  }
  KeyValueResult<std::optional<std::string>> get(const Caller& caller, std::string_view bucket,
                                                 std::string_view key) override {
    return look(caller, "bucket.get", &KeyValue::get, bucket, key);
  }
  KeyValueResult<void> set(const Caller& caller, std::string_view bucket, std::string_view key,
                           std::string_view value) override {
    return look(caller, "bucket.set", &KeyValue::set, bucket, key, value);
  }
  KeyValueResult<void> remove(const Caller& caller, std::string_view bucket, std::string_view key) override {
    return look(caller, "bucket.delete", &KeyValue::remove, bucket, key);
  }
  KeyValueResult<bool> exists(const Caller& caller, std::string_view bucket, std::string_view key) override {
    return look(caller, "bucket.exists", &KeyValue::exists, bucket, key);
  }
  KeyValueResult<KeyPage> list_keys(const Caller& caller, std::string_view bucket,
                                    std::optional<uint64_t> cursor) override {
    return look(caller, "bucket.list-keys", &KeyValue::list_keys, bucket, cursor);
  }
  KeyValueResult<uint64_t> increment(const Caller& caller, std::string_view bucket, std::string_view key,
                                     uint64_t delta) override {
    return look(caller, "increment", &KeyValue::increment, bucket, key, delta);
  }
  KeyValueResult<std::vector<std::optional<std::string>>> get_many(
      const Caller& caller, std::string_view bucket, const std::vector<std::string>& keys) override {
    return look(caller, "get-many", &KeyValue::get_many, bucket, keys);
  }
  KeyValueResult<void> set_many(const Caller& caller, std::string_view bucket,
                                const std::vector<std::pair<std::string, std::string>>& values) override {
    return look(caller, "set-many", &KeyValue::set_many, bucket, values);
  }
  KeyValueResult<void> remove_many(const Caller& caller, std::string_view bucket,
                                   const std::vector<std::string>& keys) override {
    return look(caller, "delete-many", &KeyValue::remove_many, bucket, keys);
  }
};

class SeenBlobstore final : public Seen<Blobstore> {
 public:
  using Seen::Seen;
  BlobResult<void> create_container(const Caller& caller, std::string_view name) override {
    return look(caller, "create-container", &Blobstore::create_container, name);
  }
  BlobResult<bool> container_exists(const Caller& caller, std::string_view name) override {
    return look(caller, "container-exists", &Blobstore::container_exists, name);
  }
  BlobResult<void> delete_container(const Caller& caller, std::string_view name) override {
    return look(caller, "delete-container", &Blobstore::delete_container, name);
  }
  BlobResult<void> clear_container(const Caller& caller, std::string_view name) override {
    return look(caller, "container.clear", &Blobstore::clear_container, name);
  }
  BlobResult<ContainerMetadata> container_info(const Caller& caller, std::string_view name) override {
    return look(caller, "container.info", &Blobstore::container_info, name);
  }
  BlobResult<std::vector<std::string>> list_objects(const Caller& caller, std::string_view container,
                                                    uint64_t offset, uint64_t limit) override {
    return look(caller, "container.list-objects", &Blobstore::list_objects, container, offset, limit);
  }
  // Contents go by: they are not looked at.
  BlobResult<void> read_object(const Caller& caller, const ObjectId& id, uint64_t first, uint64_t last,
                               std::shared_ptr<async::Pipe> into) override {
    auto sighting = glass().look(caller.source_id, way().target, way().interface, "container.get-data");
    if (sighting != nullptr) sighting->arguments(listed(id, first, last));
    auto read = through().read_object(caller, id, first, last, std::move(into));
    if (sighting != nullptr && !read) sighting->error(problem(read.error()));
    return read;
  }
  BlobResult<void> write_object(const Caller& caller, const ObjectId& id, async::Pipe& from) override {
    auto sighting = glass().look(caller.source_id, way().target, way().interface, "container.write-data");
    if (sighting != nullptr) sighting->arguments(listed(id));
    auto written = through().write_object(caller, id, from);
    if (sighting != nullptr && !written) sighting->error(problem(written.error()));
    return written;
  }
  BlobResult<bool> has_object(const Caller& caller, const ObjectId& id) override {
    return look(caller, "container.has-object", &Blobstore::has_object, id);
  }
  BlobResult<ObjectMetadata> object_info(const Caller& caller, const ObjectId& id) override {
    return look(caller, "container.object-info", &Blobstore::object_info, id);
  }
  BlobResult<void> delete_object(const Caller& caller, const ObjectId& id) override {
    return look(caller, "container.delete-object", &Blobstore::delete_object, id);
  }
  BlobResult<void> delete_objects(const Caller& caller, std::string_view container,
                                  const std::vector<std::string>& names) override {
    return look(caller, "container.delete-objects", &Blobstore::delete_objects, container, names);
  }
  BlobResult<void> copy_object(const Caller& caller, const ObjectId& from, const ObjectId& to) override {
    return look(caller, "copy-object", &Blobstore::copy_object, from, to);
  }
  BlobResult<void> move_object(const Caller& caller, const ObjectId& from, const ObjectId& to) override {
    return look(caller, "move-object", &Blobstore::move_object, from, to);
  }
};

class SeenMessaging final : public Seen<Messaging> {
 public:
  using Seen::Seen;
  MessagingResult<BrokerMessage> request(const Caller& caller, std::string_view subject,
                                         std::string_view body, uint32_t timeout_ms) override {
    return look(caller, "request", &Messaging::request, subject, body, uint64_t{timeout_ms});
  }
  MessagingResult<void> publish(const Caller& caller, const BrokerMessage& message) override {
    return look(caller, "publish", &Messaging::publish, message);
  }
};

// Parameters of statements are counted only.
// Heads only, without fields: these carry credentials.
class SeenOutgoingHttp final : public Seen<OutgoingHttp> {
 public:
  using Seen::Seen;
  Result<http::ClientResponse> send(const Caller& caller, const http::Request& request,
                                    std::shared_ptr<http::Body> body,
                                    const http::RequestOptions& options) override {
    auto sighting = glass().look(caller.source_id, way().target, way().interface, "handle");
    if (sighting == nullptr) return through().send(caller, request, std::move(body), options);
    const std::string url =
        fmt::format("{}://{}{}", request.scheme, request.authority, request.path_with_query);
    sighting->arguments(listed(request.method, url));
    auto response = through().send(caller, request, std::move(body), options);
    if (response)
      sighting->result(std::to_string(response->head.status));
    else
      sighting->error(response.error().full_message());
    return response;
  }
};

class SeenPostgres final : public Seen<Postgres> {
 public:
  using Seen::Seen;
  tl::expected<std::vector<ResultRow>, QueryError> query(const Caller& caller, std::string_view query,
                                                         const std::vector<PgValue>& parameters) override {
    auto sighting = glass().look(caller.source_id, way().target, way().interface, "query");
    if (sighting != nullptr) sighting->arguments(with_parameters(query, parameters));
    auto rows = through().query(caller, query, parameters);
    if (sighting == nullptr) return rows;
    if (rows)
      sighting->result(shown(*rows));
    else
      sighting->error(problem(rows.error()));
    return rows;
  }
  tl::expected<void, QueryError> query_batch(const Caller& caller, std::string_view query) override {
    return look(caller, "query-batch", &Postgres::query_batch, query);
  }
  tl::expected<std::string, StatementPrepareError> prepare(const Caller& caller,
                                                           std::string_view statement) override {
    return look(caller, "prepare", &Postgres::prepare, statement);
  }
  tl::expected<uint64_t, PreparedStatementExecError> exec(const Caller& caller, std::string_view token,
                                                          const std::vector<PgValue>& parameters) override {
    auto sighting = glass().look(caller.source_id, way().target, way().interface, "exec");
    if (sighting != nullptr) sighting->arguments(with_parameters(token, parameters));
    auto count = through().exec(caller, token, parameters);
    if (sighting == nullptr) return count;
    if (count)
      sighting->result(shown(*count));
    else
      sighting->error(problem(count.error()));
    return count;
  }

 private:
  static std::string with_parameters(std::string_view statement, const std::vector<PgValue>& parameters) {
    return fmt::format("({}, <{} parameters>)", shown(statement), parameters.size());
  }
};

}  // namespace

std::shared_ptr<KeyValue> seen(SpiedWay way, std::shared_ptr<KeyValue> through) {
  return std::make_shared<SeenKeyValue>(std::move(way), std::move(through));
}
std::shared_ptr<Blobstore> seen(SpiedWay way, std::shared_ptr<Blobstore> through) {
  return std::make_shared<SeenBlobstore>(std::move(way), std::move(through));
}
std::shared_ptr<Messaging> seen(SpiedWay way, std::shared_ptr<Messaging> through) {
  return std::make_shared<SeenMessaging>(std::move(way), std::move(through));
}
std::shared_ptr<OutgoingHttp> seen(SpiedWay way, std::shared_ptr<OutgoingHttp> through) {
  return std::make_shared<SeenOutgoingHttp>(std::move(way), std::move(through));
}
std::shared_ptr<Postgres> seen(SpiedWay way, std::shared_ptr<Postgres> through) {
  return std::make_shared<SeenPostgres>(std::move(way), std::move(through));
}

}  // namespace wattle::host
