#include "postgres/connection.h"

#include <array>
#include <charconv>

#include "http/connector.h"

namespace wattle::postgres {
namespace {

constexpr Oid kBytea = 17;
constexpr Oid kByteaArray = 1001;
constexpr size_t kPreparedMax = 256;

constexpr const char* kSetUp =
    "SET DateStyle TO 'ISO, YMD'; SET IntervalStyle TO 'postgres'; SET TimeZone TO 'UTC'; "
    "SET bytea_output TO 'hex'; SET extra_float_digits TO 1; SET lc_monetary TO 'C'";
// Before PostgreSQL 14 there is no such setting.
constexpr const char* kNoticeHangUps = "SET client_connection_check_interval TO '1s'";

std::string trimmed(const char* message) {
  std::string text = message != nullptr ? message : "";
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

void append_int(std::string& out, uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(number >> shift & 0xff);
}

void drop_notice(void*, const PGresult*) {}

}  // namespace

std::string Options::text() const {
  return fmt::format("postgresql://{}@{}:{}/{}", user, host, port, database);
}

Parameter text_parameter(std::string_view value) {
  return {.value = std::string(value), .type = 0, .binary = false};
}

Parameter bytes_parameter(std::string_view value) {
  return {.value = std::string(value), .type = kBytea, .binary = true};
}

Parameter bytes_array_parameter(std::span<const std::string_view> values) {
  std::string out;
  append_int(out, values.empty() ? 0 : 1);  // dimensions
  append_int(out, 0);                       // no NULL among them
  append_int(out, kBytea);
  if (!values.empty()) {
    append_int(out, static_cast<uint32_t>(values.size()));
    append_int(out, 1);  // of the first
  }
  for (const std::string_view value : values) {
    append_int(out, static_cast<uint32_t>(value.size()));
    out += value;
  }
  return {.value = std::move(out), .type = kByteaArray, .binary = true};
}

uint64_t Rows::affected() const {
  uint64_t count = 0;
  const std::string_view text = PQcmdTuples(result_.get());
  std::from_chars(text.data(), text.data() + text.size(), count);
  return count;
}

Connection::Connection(async::Worker& worker, std::string where)
    : descriptor_(worker.io()), where_(std::move(where)) {}

Connection::~Connection() {
  if (descriptor_.is_open()) descriptor_.release();
  PQfinish(connection_);
}

Result<std::unique_ptr<Connection>> Connection::open(async::Worker& worker, async::OffloadPool& blocking,
                                                     const Options& options) {
  const TimePoint timeout = Clock::now() + options.connect_timeout;
  const bool ours = timeout < async::Fiber::current().deadline();
  const async::DeadlineScope deadline(timeout);
  // libpq's own lookup would block the worker.
  WATTLE_TRY(const auto addresses, http::look_up(blocking, options.host, options.port));
  std::optional<Error> last;
  for (const auto& address : addresses) {
    std::unique_ptr<Connection> connection(new Connection(worker, options.text()));
    auto connected = connection->connect(options, address.address().to_string());
    if (connected) connected = connection->set_up();
    if (connected) return connection;
    last = connected.error();
    if (ours && last->code() == ErrorCode::deadline_exceeded)
      last = Error(ErrorCode::unavailable, "the server did not answer in time");
    if (last->code() == ErrorCode::deadline_exceeded || last->code() == ErrorCode::cancelled) break;
  }
  if (!last) last = Error(ErrorCode::unavailable, "the host has no address");
  return failure(Error(last->code(), fmt::format("cannot connect to {}", options.text()), std::move(*last)));
}

Result<void> Connection::connect(const Options& options, const std::string& address) {
  const std::string port = std::to_string(options.port);
  std::vector<const char*> keys;
  std::vector<const char*> values;
  const auto add = [&](const char* key, const std::string& value) {
    if (value.empty()) return;
    keys.push_back(key);
    values.push_back(value.c_str());
  };
  const std::string encoding = "UTF8";
  const std::string no_kerberos = "disable";
  add("host", options.host);
  add("hostaddr", address);
  add("port", port);
  add("user", options.user);
  add("password", options.password);
  add("dbname", options.database);
  add("sslmode", options.tls_mode);
  add("sslrootcert", options.ca_file);
  add("application_name", options.application);
  add("client_encoding", encoding);
  add("gssencmode", no_kerberos);  // whose library would block
  keys.push_back(nullptr);
  values.push_back(nullptr);
  connection_ = PQconnectStartParams(keys.data(), values.data(), 0);
  if (connection_ == nullptr)
    return failure(ErrorCode::memory_exceeded, "there is no memory for a connection");
  PQsetNoticeReceiver(connection_, drop_notice, nullptr);
  PostgresPollingStatusType step = PGRES_POLLING_WRITING;
  while (PQstatus(connection_) != CONNECTION_BAD) {
    if (step == PGRES_POLLING_OK) {
      boost::system::error_code problem;
      if (!descriptor_.is_open()) descriptor_.assign(PQsocket(connection_), problem);
      return {};
    }
    if (step == PGRES_POLLING_FAILED) break;
    WATTLE_CHECK(wait(step == PGRES_POLLING_WRITING));
    // libpq may go on with another socket.
    descriptor_.release();
    step = PQconnectPoll(connection_);
  }
  const std::string message = trimmed(PQerrorMessage(connection_));
  // While connecting, libpq tells an SQLSTATE to nobody.
  const bool denied =
      message.find("authentication failed") != std::string::npos ||
      message.find("no password supplied") != std::string::npos ||
      message.find("no pg_hba.conf entry") != std::string::npos ||
      (message.find("role \"") != std::string::npos && message.find("does not exist") != std::string::npos);
  return failure(denied ? ErrorCode::permission_denied : ErrorCode::unavailable, "{}", message);
}

Result<void> Connection::set_up() {
  if (PQsetnonblocking(connection_, 1) != 0)
    return failure(ErrorCode::io, "cannot make the socket non-blocking");
  WATTLE_CHECK(script(kSetUp));
  auto noticing = script(kNoticeHangUps);
  if (!noticing && broken_) return noticing;
  return {};
}

Result<void> Connection::wait(bool for_writing) {
  boost::system::error_code problem;
  if (!descriptor_.is_open()) descriptor_.assign(PQsocket(connection_), problem);
  if (problem) return failure(ErrorCode::io, "cannot watch the connection: {}", problem.message());
  using Descriptor = boost::asio::posix::stream_descriptor;
  WATTLE_TRY(const auto waited, (async::await<boost::system::error_code>(
                                    [&](auto handler) {
                                      descriptor_.async_wait(
                                          for_writing ? Descriptor::wait_write : Descriptor::wait_read,
                                          std::move(handler));
                                    },
                                    [&] {
                                      boost::system::error_code ignored;
                                      descriptor_.cancel(ignored);
                                    })));
  if (const auto failed = std::get<0>(waited))
    return failure(ErrorCode::io, "waiting for the connection failed: {}", failed.message());
  return {};
}

Error Connection::broken_error(const Error& cause) {
  broken_ = true;
  if (cause.code() == ErrorCode::deadline_exceeded)
    return {ErrorCode::deadline_exceeded, fmt::format("{} has not answered within the deadline", where_)};
  return {cause.code() == ErrorCode::io ? ErrorCode::unavailable : cause.code(),
          fmt::format("the connection to {} broke", where_), cause};
}

Result<void> Connection::flush() {
  for (;;) {
    const int left = PQflush(connection_);
    if (left == 0) return {};
    if (left < 0)
      return failure(broken_error(Error(ErrorCode::unavailable, trimmed(PQerrorMessage(connection_)))));
    if (auto waited = wait(true); !waited) return failure(broken_error(waited.error()));
  }
}

Result<PGresult*> Connection::next_result() {
  while (PQisBusy(connection_) != 0) {
    if (auto waited = wait(false); !waited) return failure(broken_error(waited.error()));
    if (PQconsumeInput(connection_) == 0)
      return failure(broken_error(Error(ErrorCode::unavailable, trimmed(PQerrorMessage(connection_)))));
  }
  return PQgetResult(connection_);
}

Result<Rows> Connection::finish(const std::function<Result<void>(const Rows&)>* each) {
  WATTLE_CHECK(flush());
  Rows rows;
  std::optional<Error> problem;
  for (;;) {
    WATTLE_TRY(PGresult * result, next_result());
    if (result == nullptr) break;
    Rows one(result);
    const auto status = PQresultStatus(result);
    if (status == PGRES_SINGLE_TUPLE && each != nullptr) {
      auto taken = (*each)(one);
      if (taken) continue;
      broken_ = true;  // the rest is on its way
      return failure(taken.error());
    }
    if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) {
      const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
      const char* primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
      if (!problem)
        problem =
            server_error(state != nullptr ? state : "",
                         primary != nullptr ? std::string(primary) : trimmed(PQresultErrorMessage(result)));
    } else if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
      broken_ = true;
      return failure(ErrorCode::unsupported, "COPY from or to a client is not possible here");
    }
    rows = std::move(one);
  }
  if (PQstatus(connection_) == CONNECTION_BAD) broken_ = true;
  if (!problem) return rows;
  if (problem->code() == ErrorCode::unavailable) broken_ = true;
  return failure(std::move(*problem));
}

Result<void> Connection::send(const std::string& statement, std::span<const Parameter> parameters,
                              bool binary) {
  std::vector<Oid> types;
  std::vector<const char*> values;
  std::vector<int> lengths;
  std::vector<int> formats;
  for (const Parameter& parameter : parameters) {
    types.push_back(parameter.type);
    values.push_back(parameter.value ? parameter.value->c_str() : nullptr);
    lengths.push_back(parameter.value ? static_cast<int>(parameter.value->size()) : 0);
    formats.push_back(parameter.binary ? 1 : 0);
  }
  if (PQsendQueryParams(connection_, statement.c_str(), static_cast<int>(parameters.size()), types.data(),
                        values.data(), lengths.data(), formats.data(), binary ? 1 : 0) == 0)
    return failure(broken_error(Error(ErrorCode::unavailable, trimmed(PQerrorMessage(connection_)))));
  return {};
}

Result<Rows> Connection::query(const std::string& statement, std::span<const Parameter> parameters,
                               bool binary) {
  WATTLE_CHECK(send(statement, parameters, binary));
  return finish();
}

Result<void> Connection::query_each(const std::string& statement, std::span<const Parameter> parameters,
                                    const std::function<Result<void>(const Rows&)>& each) {
  WATTLE_CHECK(send(statement, parameters, false));
  PQsetSingleRowMode(connection_);
  WATTLE_CHECK(finish(&each));
  return {};
}

Result<Rows> Connection::query_prepared(const std::string& statement, std::span<const Parameter> parameters,
                                        bool binary) {
  std::vector<Oid> types;
  std::string key = statement;
  for (const Parameter& parameter : parameters) {
    types.push_back(parameter.type);
    key.append(1, '\0').append(std::to_string(parameter.type));
  }
  auto found = prepared_.find(key);
  if (found == prepared_.end()) {
    if (prepared_.size() >= kPreparedMax) return query(statement, parameters, binary);
    const std::string name = "w" + std::to_string(prepared_.size());
    if (PQsendPrepare(connection_, name.c_str(), statement.c_str(), static_cast<int>(types.size()),
                      types.data()) == 0)
      return failure(broken_error(Error(ErrorCode::unavailable, trimmed(PQerrorMessage(connection_)))));
    WATTLE_CHECK(finish());
    found = prepared_.emplace(std::move(key), name).first;
  }
  std::vector<const char*> values;
  std::vector<int> lengths;
  std::vector<int> formats;
  for (const Parameter& parameter : parameters) {
    values.push_back(parameter.value ? parameter.value->c_str() : nullptr);
    lengths.push_back(parameter.value ? static_cast<int>(parameter.value->size()) : 0);
    formats.push_back(parameter.binary ? 1 : 0);
  }
  if (PQsendQueryPrepared(connection_, found->second.c_str(), static_cast<int>(parameters.size()),
                          values.data(), lengths.data(), formats.data(), binary ? 1 : 0) == 0)
    return failure(broken_error(Error(ErrorCode::unavailable, trimmed(PQerrorMessage(connection_)))));
  return finish();
}

Result<void> Connection::check(const std::string& statement) {
  if (PQsendPrepare(connection_, "", statement.c_str(), 0, nullptr) == 0)
    return failure(broken_error(Error(ErrorCode::unavailable, trimmed(PQerrorMessage(connection_)))));
  WATTLE_CHECK(finish());
  return {};
}

Result<void> Connection::script(const std::string& statements) {
  if (PQsendQuery(connection_, statements.c_str()) == 0)
    return failure(broken_error(Error(ErrorCode::unavailable, trimmed(PQerrorMessage(connection_)))));
  WATTLE_CHECK(finish());
  return {};
}

Result<std::optional<std::string>> Connection::next_notification(TimePoint until) {
  for (;;) {
    if (PGnotify* notification = PQnotifies(connection_)) {
      std::string payload = notification->extra;
      PQfreemem(notification);
      return payload;
    }
    {
      const async::DeadlineScope deadline(until);
      if (auto waited = wait(false); !waited) {
        if (waited.error().code() == ErrorCode::deadline_exceeded && Clock::now() >= until)
          return std::nullopt;
        return failure(broken_error(waited.error()));
      }
    }
    if (PQconsumeInput(connection_) == 0)
      return failure(broken_error(Error(ErrorCode::unavailable, trimmed(PQerrorMessage(connection_)))));
  }
}

bool Connection::still_there() {
  // A server that shuts down says so, unasked, before it hangs up: two things to read.
  for (int i = 0; i < 2 && !broken_; ++i) {
    if (PQconsumeInput(connection_) == 0) broken_ = true;
    (void)PQisBusy(connection_);
  }
  if (PQstatus(connection_) == CONNECTION_BAD) broken_ = true;
  return !broken_;
}

}  // namespace wattle::postgres
