// What the servers behind the providers can send, and names that components make up: Redis's replies in one
// piece and cut at every place, PostgreSQL's texts, which must survive being written again, S3's XML, secrets
// as wasmCloud's protocol has them, and names of keys and objects, which must come back from what stands for
// them.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "providers/blobstore_fs/file_tree.h"
#include "providers/blobstore_s3/client.h"
#include "providers/blobstore_s3/store.h"
#include "providers/blobstore_s3/xml.h"
#include "providers/keyvalue_redis/address.h"
#include "providers/keyvalue_redis/layout.h"
#include "providers/keyvalue_redis/resp.h"
#include "providers/nats_names.h"
#include "providers/secrets_nats/protocol.h"
#include "providers/secrets_provider.h"
#include "providers/sqldb_postgres/database.h"
#include "providers/sqldb_postgres/text_forms.h"
#include "providers/sqldb_postgres/values.h"

namespace {

using namespace wattle::providers;

void check(bool holds) {
  if (!holds) std::abort();
}

void fuzz_replies(std::string_view input) {
  constexpr redis::ReplyLimits kLimits{.text_bytes_max = 4096, .items_max = 1024, .depth_max = 4};
  redis::Reply whole;
  const auto read = redis::read_reply(input, whole, kLimits);
  if (!read) return;
  check(read->bytes <= input.size());
  // What is incomplete says so, until all of it is there.
  for (size_t size = 0; size < read->bytes; ++size) {
    redis::Reply part;
    const auto progress = redis::read_reply(input.substr(0, size), part, kLimits);
    check(progress && progress->bytes == 0 && progress->needed_bytes > size);
    check(progress->needed_bytes <= read->bytes);
  }
}

template <class Read, class Write>
void fuzz_text_form(std::string_view input, Read read, Write write) {
  const auto value = read(input);
  if (!value) return;
  const std::string text = write(*value);
  const auto again = read(text);
  check(again.has_value() && *again == *value);
}

void fuzz_postgres(std::string_view input) {
  using namespace pg;
  const auto written = [](const auto& value) { return write(value); };
  fuzz_text_form(input, read_point, written);
  fuzz_text_form(input, read_circle, written);
  fuzz_text_form(input, read_bytes, written);
  fuzz_text_form(input, read_mac48, written);
  fuzz_text_form(input, read_mac64, written);
  fuzz_text_form(input, read_hstore, written);
  fuzz_text_form(input, read_lsn, write_lsn);
  fuzz_text_form(
      input, [](std::string_view text) { return read_segment(text, Segment::lseg); },
      [](const auto& segment) { return write(segment, Segment::lseg); });
  fuzz_text_form(
      input, [](std::string_view text) { return read_points(text); },
      [](const auto& points) { return write_points(points, false); });
  fuzz_text_form(
      input, [](std::string_view text) { return read_float(text, false); },
      [](const auto& number) { return write(number, false); });
  fuzz_text_form(
      input, [](std::string_view text) { return read_array(text); },
      [](const auto& elements) { return write_array(elements); });
  // Types by number, each with whatever text.
  for (const Oid oid : {16u,   20u,   22u,   603u,  628u,  790u,  1005u, 1006u, 1020u, 1082u, 1083u,
                        1114u, 1184u, 1266u, 1560u, 1562u, 1563u, 2970u, 3614u, 3912u, 3913u}) {
    const auto value = to_value(oid, input, "");
    if (value) (void)to_parameter(*value);
  }
  if (const auto statement = statement_of(input)) check(token_of(*statement) == input);
  check(statement_of(token_of(input)) == input);
}

void fuzz_names(std::string_view input) {
  check(key_of_nats_key(nats_key(input)) == input);
  (void)key_of_nats_key(input);
  check(!nats_bucket(input).empty());
  if (!input.empty()) {
    const std::string path = path_of_object(input);
    check(object_of_path(path) == input);
    check(!path.starts_with('/') && ("/" + path + "/").find("/../") == std::string::npos);
    check(path.find('\0') == std::string::npos);
  }
  (void)object_of_path(input);
  for (const std::string_view bucket : {std::string_view("default"), input}) {
    const redis::Layout layout(bucket);
    check(layout.key_of(layout.redis_key(input)) == input);
  }
}

void fuzz_answers(std::string_view input) {
  (void)s3::element_text(input, "Key");
  check(s3::plain_text(s3::xml_text(input)) == input);
  (void)s3::seconds_of_http_date(input);
  (void)redis::parse_address(input);
  const Settings::Map settings = {{"config_json", std::string(input)}};
  (void)s3::read_client_settings(Settings({&settings}));
  if (const auto request = secrets::read_request(input))
    (void)secrets::read_request(secrets::write_request(*request));
  if (const auto secret = secrets::read_answer(input)) {
    const auto again = secrets::read_answer(secrets::write_secret(*secret));
    check(again && again->value == secret->value);
  }
  (void)secrets::verified_subject(input, 0);
  (void)json_field(input, "a");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  fuzz_replies(input);
  fuzz_postgres(input);
  fuzz_names(input);
  fuzz_answers(input);
  return 0;
}
