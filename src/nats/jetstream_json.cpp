#include "nats/jetstream_json.h"

#include <sodium.h>

namespace wattle::nats {
namespace {

using json::Object;

std::string_view retention_name(Retention retention) {
  switch (retention) {
    case Retention::interest:
      return "interest";
    case Retention::work_queue:
      return "workqueue";
    case Retention::limits:
      break;
  }
  return "limits";
}

Retention read_retention(std::string_view name) {
  if (name == "interest") return Retention::interest;
  if (name == "workqueue") return Retention::work_queue;
  return Retention::limits;
}

int64_t nanoseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
}

// The API writes "no limit" as -1, and in some places as 0.
int64_t read_limit(const Object& object, std::string_view name) {
  const int64_t limit = json::int_at(object, name, -1);
  return limit <= 0 ? -1 : limit;
}

}  // namespace

std::string to_json(const StreamConfig& config) {
  Object object;
  object["name"] = config.name;
  if (!config.description.empty()) object["description"] = config.description;
  boost::json::array subjects;
  for (const std::string& subject : config.subjects) subjects.emplace_back(subject);
  object["subjects"] = std::move(subjects);
  object["retention"] = retention_name(config.retention);
  object["storage"] = config.storage == Storage::file ? "file" : "memory";
  object["discard"] = config.discard_new ? "new" : "old";
  object["num_replicas"] = config.replicas;
  object["max_msgs"] = config.messages_max;
  object["max_bytes"] = config.bytes_max;
  object["max_msgs_per_subject"] = config.messages_per_subject_max;
  object["max_msg_size"] = config.message_bytes_max;
  object["max_consumers"] = config.consumers_max;
  object["max_age"] = nanoseconds(config.age_max);
  if (config.duplicate_window > Duration::zero())
    object["duplicate_window"] = nanoseconds(config.duplicate_window);
  object["deny_delete"] = config.deny_delete;
  object["deny_purge"] = config.deny_purge;
  object["allow_rollup_hdrs"] = config.allow_rollup;
  object["allow_direct"] = config.allow_direct;
  if (config.compress) object["compression"] = "s2";
  return boost::json::serialize(object);
}

StreamConfig read_stream_config(const Object& object) {
  StreamConfig config;
  config.name = json::string_at(object, "name");
  config.description = json::string_at(object, "description");
  config.subjects = json::strings_at(object, "subjects");
  config.retention = read_retention(json::string_at(object, "retention"));
  config.storage = json::string_at(object, "storage") == "memory" ? Storage::memory : Storage::file;
  config.discard_new = json::string_at(object, "discard") == "new";
  config.replicas = static_cast<int>(json::int_at(object, "num_replicas", 1));
  config.messages_max = read_limit(object, "max_msgs");
  config.bytes_max = read_limit(object, "max_bytes");
  config.messages_per_subject_max = read_limit(object, "max_msgs_per_subject");
  config.message_bytes_max = read_limit(object, "max_msg_size");
  config.consumers_max = read_limit(object, "max_consumers");
  config.age_max = std::chrono::nanoseconds(json::int_at(object, "max_age"));
  config.duplicate_window = std::chrono::nanoseconds(json::int_at(object, "duplicate_window"));
  config.deny_delete = json::bool_at(object, "deny_delete");
  config.deny_purge = json::bool_at(object, "deny_purge");
  config.allow_rollup = json::bool_at(object, "allow_rollup_hdrs");
  config.allow_direct = json::bool_at(object, "allow_direct");
  config.compress = json::string_at(object, "compression") == "s2";
  return config;
}

StreamInfo read_stream_info(const Object& object) {
  StreamInfo info;
  if (const Object* config = json::object_at(object, "config")) info.config = read_stream_config(*config);
  info.created_ns = json::parse_time(json::string_at(object, "created"));
  if (const Object* state = json::object_at(object, "state")) {
    info.messages = json::uint_at(*state, "messages");
    info.bytes = json::uint_at(*state, "bytes");
    info.first_sequence = json::uint_at(*state, "first_seq");
    info.last_sequence = json::uint_at(*state, "last_seq");
    info.subjects = json::uint_at(*state, "num_subjects");
    info.consumers = json::uint_at(*state, "consumer_count");
  }
  if (const Object* cluster = json::object_at(object, "cluster"))
    info.leader = json::string_at(*cluster, "leader");
  return info;
}

Result<Object> read_answer(std::string_view text) {
  WATTLE_TRY(Object object, json::parse_object(text, "JetStream's answer"));
  if (const Object* error = json::object_at(object, "error"))
    return failure(api_failure(static_cast<int>(json::int_at(*error, "code")),
                               static_cast<uint16_t>(json::uint_at(*error, "err_code")),
                               json::string_at(*error, "description")));
  return object;
}

Result<std::string> decode_base64(std::string_view text) {
  std::string bytes(text.size(), '\0');
  size_t count = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(),
                        text.size(), nullptr, &count, nullptr, sodium_base64_VARIANT_ORIGINAL) != 0)
    return failure(ErrorCode::malformed, "JetStream's answer holds something that is not base64");
  bytes.resize(count);
  return bytes;
}

std::string encode_base64_url(std::string_view bytes) {
  constexpr int kVariant = sodium_base64_VARIANT_URLSAFE;
  std::string text(sodium_base64_encoded_len(bytes.size(), kVariant), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), kVariant);
  text.resize(text.size() - 1);  // the final zero
  return text;
}

}  // namespace wattle::nats
