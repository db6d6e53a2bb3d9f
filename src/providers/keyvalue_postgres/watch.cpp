#include "providers/keyvalue_postgres/watch.h"

#include <charconv>

#include "telemetry/log.h"

namespace wattle::providers {
namespace {

using namespace std::chrono_literals;

constexpr Duration kNextTry = 500ms;
constexpr Duration kCommandTimeout = 5s;
constexpr Duration kLook = 10s;
// A notification's payload ends at 8000 bytes; changes of longer keys are not told.
constexpr size_t kPayloadMax = 7900;

// Payload: S or D, then bucket and key in hexadecimal with a dot between them.
constexpr std::string_view kTrigger = R"(
CREATE OR REPLACE FUNCTION {0}() RETURNS trigger LANGUAGE plpgsql AS $body$
DECLARE
  changed record;
  payload text;
BEGIN
  IF TG_OP = 'DELETE' THEN changed := OLD; ELSE changed := NEW; END IF;
  payload := (CASE WHEN TG_OP = 'DELETE' THEN 'D' ELSE 'S' END)
    || encode(convert_to(changed.bucket, 'UTF8'), 'hex') || '.' || encode(changed.key, 'hex');
  IF length(payload) <= {3} THEN PERFORM pg_notify('{2}', payload); END IF;
  RETURN NULL;
END $body$;
DROP TRIGGER IF EXISTS wattle_tells_changes ON {1};
CREATE TRIGGER wattle_tells_changes AFTER INSERT OR UPDATE OR DELETE ON {1}
  FOR EACH ROW EXECUTE FUNCTION {0}())";

std::optional<std::string> from_hexadecimal(std::string_view text) {
  std::string bytes;
  if (text.size() % 2 != 0) return std::nullopt;
  for (size_t i = 0; i < text.size(); i += 2) {
    uint8_t byte = 0;
    const auto [end, problem] = std::from_chars(text.data() + i, text.data() + i + 2, byte, 16);
    if (problem != std::errc() || end != text.data() + i + 2) return std::nullopt;
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

}  // namespace

void PostgresWatch::start() {
  fiber_ = worker_.spawn([self = shared_from_this()] { self->run(); });
}

void PostgresWatch::stop() {
  stopped_ = true;
  if (fiber_ != nullptr) fiber_->cancel();
}

void PostgresWatch::run() {
  while (!stopped_) {
    auto watched = watch();
    if (stopped_) break;
    if (!watched)
      log_.debug("watching a table was interrupted", {{"reason", watched.error().full_message()}});
    if (!async::sleep_for(kNextTry)) break;
  }
  fiber_ = nullptr;
}

Result<void> PostgresWatch::watch() {
  postgres::Pool& pool = store_->pool();
  WATTLE_TRY(const auto connection, postgres::Connection::open(worker_, pool.blocking(), pool.options()));
  const std::string channel = fmt::format("wattle_{:016x}", key_position(store_->table()));
  {
    const async::DeadlineScope deadline(Clock::now() + kCommandTimeout);
    WATTLE_CHECK(store_->make_table(*connection));
    // Ends with the connection.
    const auto lock = static_cast<int64_t>(key_position(name_));
    WATTLE_TRY(const auto locked,
               connection->query(fmt::format("SELECT pg_try_advisory_lock({})", lock), {}));
    if (locked.value(0, 0) != "t") return {};
    WATTLE_CHECK(listen(*connection, channel));
  }
  while (!stopped_) {
    WATTLE_TRY(const auto payload, connection->next_notification(Clock::now() + kLook));
    if (payload) {
      WATTLE_CHECK(hear(*payload));
      continue;
    }
    // Quiet for a while: whether the server is there.
    const async::DeadlineScope deadline(Clock::now() + kCommandTimeout);
    WATTLE_CHECK(connection->query("SELECT 1", {}));
  }
  return {};
}

Result<void> PostgresWatch::listen(postgres::Connection& connection, const std::string& channel) {
  WATTLE_CHECK(connection.script("LISTEN " + channel));
  const std::string name = "wattle_tells_changes";
  const std::vector<postgres::Parameter> table{postgres::text_parameter(store_->table()),
                                               postgres::text_parameter(name)};
  const std::string look = "SELECT 1 FROM pg_trigger WHERE tgrelid = to_regclass($1) AND tgname = $2";
  WATTLE_TRY(const auto found, connection.query(look, table));
  if (found.rows() > 0) return {};
  const std::string script =
      fmt::format(fmt::runtime(kTrigger), "public." + channel, store_->table(), channel, kPayloadMax);
  // Two watchers that begin at once must not both make it.
  WATTLE_CHECK(connection.script(
      fmt::format("BEGIN; SELECT pg_advisory_xact_lock({})", static_cast<int64_t>(key_position(channel)))));
  WATTLE_CHECK(connection.script(script));
  return connection.script("COMMIT");
}

Result<void> PostgresWatch::hear(const std::string& payload) {
  const size_t dot = payload.find('.');
  if (payload.empty() || dot == std::string::npos) return {};
  const auto bucket = from_hexadecimal(std::string_view(payload).substr(1, dot - 1));
  const auto key = from_hexadecimal(std::string_view(payload).substr(dot + 1));
  if (!bucket || !key || *bucket != delivery_->rules().bucket()) return {};
  if (payload[0] == 'D') {
    delivery_->key_was_deleted(*key);
    return {};
  }
  if (!delivery_->rules().wants_set(*key)) return {};
  const async::DeadlineScope deadline(Clock::now() + kCommandTimeout);
  WATTLE_TRY(const auto value, store_->get(*bucket, *key));
  if (value) delivery_->key_was_set(*key, *value);  // else deleted since, which is told next
  return {};
}

}  // namespace wattle::providers
