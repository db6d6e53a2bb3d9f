#include "lattice/store_file.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace wattle::lattice {
namespace {

constexpr uint32_t kDetailOfStore = 0x53540000;  // "ST"
constexpr uint32_t kApplicationId = 0x77747374;  // "wtst"
constexpr int kFileFormat = 1;
constexpr size_t kHeaderBytes = 100;  // of every SQLite file; both numbers below are big-endian
constexpr size_t kUserVersionAt = 60;
constexpr size_t kApplicationIdAt = 68;

class Statement {
 public:
  Statement(sqlite3* database, const char* sql) {
    code_ = sqlite3_prepare_v2(database, sql, -1, &statement_, nullptr);
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  int step() { return code_ == SQLITE_OK ? sqlite3_step(statement_) : code_; }
  void reset() { sqlite3_reset(statement_); }
  void bind(int index, uint64_t value) {
    sqlite3_bind_int64(statement_, index, static_cast<sqlite3_int64>(value));
  }
  // Must live until reset().
  void bind_bytes(int index, std::string_view bytes) {
    // Null would be SQL's NULL.
    sqlite3_bind_blob(statement_, index, bytes.data() == nullptr ? "" : bytes.data(),
                      static_cast<int>(bytes.size()), SQLITE_STATIC);
  }
  uint64_t number(int column) const {
    return static_cast<uint64_t>(sqlite3_column_int64(statement_, column));
  }
  std::string bytes(int column) const {
    const void* data = sqlite3_column_blob(statement_, column);
    const int size = sqlite3_column_bytes(statement_, column);
    return data == nullptr ? std::string() : std::string(static_cast<const char*>(data), size);
  }

 private:
  sqlite3_stmt* statement_ = nullptr;
  int code_ = SQLITE_OK;
};

Error not_ours(const std::string& path) {
  return Error(ErrorCode::malformed, fmt::format("\"{}\" is no store of wattle's", path))
      .with_remedy("move it away, or name another file: the store's content comes back from the lattice");
}

Error newer(const std::string& path, int format) {
  return Error(ErrorCode::unsupported, fmt::format("the store \"{}\" has format {}, and this wattle reads {}",
                                                   path, format, kFileFormat))
      .with_remedy("use the wattle that wrote it, or a newer one; the file is left as it is");
}

uint32_t big_endian(const unsigned char* at) {
  return static_cast<uint32_t>(at[0]) << 24 | static_cast<uint32_t>(at[1]) << 16 |
         static_cast<uint32_t>(at[2]) << 8 | at[3];
}

// Looks before SQLite does, which may write into a file that it opens.
Result<void> check_header(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    if (errno == ENOENT) return {};
    return failure(errno == EACCES ? ErrorCode::permission_denied : ErrorCode::io,
                   "the store \"{}\" cannot be read: {}", path, std::strerror(errno));
  }
  std::array<unsigned char, kHeaderBytes> header{};
  const ssize_t count = ::read(descriptor, header.data(), header.size());
  ::close(descriptor);
  if (count == 0) return {};  // made, and ended before anything was written
  const bool sqlite =
      count == static_cast<ssize_t>(header.size()) && std::memcmp(header.data(), "SQLite format 3", 16) == 0;
  if (!sqlite) {
    // Cut off while it was made: SQLite undoes that from its journal.
    if (::access((path + "-journal").c_str(), F_OK) == 0) return {};
    return failure(not_ours(path));
  }
  const auto format = static_cast<int>(big_endian(&header[kUserVersionAt]));
  const uint32_t application = big_endian(&header[kApplicationIdAt]);
  if (application == kApplicationId && format > kFileFormat) return failure(newer(path, format));
  if (application != kApplicationId && (application != 0 || format != 0)) return failure(not_ours(path));
  return {};
}

}  // namespace

Error store_error(ErrorCode code, StoreReason reason, std::string message) {
  return Error(code, std::move(message)).with_detail(kDetailOfStore | static_cast<uint32_t>(reason));
}

std::optional<StoreReason> store_reason_of(const Error& error) {
  for (const Error* at = &error; at != nullptr; at = at->cause())
    if ((at->detail() & 0xffff0000) == kDetailOfStore) return static_cast<StoreReason>(at->detail() & 0xffff);
  return std::nullopt;
}

Error StoreFile::failed(int code) const {
  const std::string why = sqlite3_errmsg(database_);
  const bool full = (code & 0xff) == SQLITE_FULL ||
                    ((code & 0xff) == SQLITE_IOERR &&
                     (sqlite3_system_errno(database_) == ENOSPC ||
                      sqlite3_system_errno(database_) == EDQUOT || sqlite3_system_errno(database_) == EFBIG));
  if (full)
    return store_error(ErrorCode::io, StoreReason::disk_full,
                       fmt::format("the disk of the store \"{}\" is full ({})", path_, why))
        .with_remedy("make room; the store goes on by itself then");
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Error(ErrorCode::malformed, fmt::format("the store \"{}\" is damaged: {}", path_, why))
          .with_remedy("move it away: the store's content comes back from the lattice");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Error(ErrorCode::already_exists,
                   fmt::format("the store \"{}\" is in use by another process", path_));
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return Error(ErrorCode::permission_denied,
                   fmt::format("the store \"{}\" cannot be written: {}", path_, why));
    case SQLITE_CANTOPEN:
      return Error(::access(path_.c_str(), F_OK) == 0 ? ErrorCode::permission_denied : ErrorCode::not_found,
                   fmt::format("the store \"{}\" cannot be opened: {}", path_, why))
          .with_remedy("see to it that its folder is there and can be written by you");
    default:
      return Error(ErrorCode::io, fmt::format("the store \"{}\" fails: {}", path_, why));
  }
}

Result<void> StoreFile::run(const char* sql) {
  const int code = sqlite3_exec(database_, sql, nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) return {};
  return failure(failed(sqlite3_extended_errcode(database_)));
}

Result<std::unique_ptr<StoreFile>> StoreFile::open(const std::string& path, std::string_view owner) {
  WATTLE_CHECK(check_header(path));
  // Made here, so that nobody else may ever read it.
  const int made = ::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  if (made >= 0) ::close(made);
  sqlite3* database = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READWRITE, nullptr);
  auto file = std::unique_ptr<StoreFile>(new StoreFile(path, database));
  if (database == nullptr) return failure(ErrorCode::memory_exceeded, "no memory to open \"{}\"", path);
  if (code != SQLITE_OK) return failure(file->failed(sqlite3_extended_errcode(database)));
  sqlite3_extended_result_codes(database, 1);
  WATTLE_CHECK(file->check_or_make(owner));
  return file;
}

Result<void> StoreFile::check_or_make(std::string_view owner) {
  // Nothing is moved out of the log of a file that is refused.
  int on = 0;
  sqlite3_db_config(database_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, &on);
  WATTLE_CHECK(run("PRAGMA locking_mode=EXCLUSIVE"));
  int format = 0;
  {
    Statement read(database_, "PRAGMA user_version");
    if (const int code = read.step(); code != SQLITE_ROW) return failure(failed(code));
    format = static_cast<int>(read.number(0));
  }
  if (format > kFileFormat) return failure(newer(path_, format));
  if (format == 0) {
    // The numbers go in with the tables, before the log is there to keep them from the file's first bytes.
    WATTLE_CHECK(run("PRAGMA synchronous=FULL"));
    WATTLE_CHECK(run("BEGIN IMMEDIATE"));
    WATTLE_CHECK(
        run("CREATE TABLE record(key BLOB PRIMARY KEY, epoch INTEGER NOT NULL, sequence INTEGER NOT "
            "NULL, id BLOB NOT NULL, deleted INTEGER NOT NULL, value BLOB NOT NULL)"));
    WATTLE_CHECK(
        run("CREATE TABLE source(one INTEGER PRIMARY KEY CHECK(one = 1), owner BLOB NOT NULL, "
            "bucket INTEGER NOT NULL, epoch INTEGER NOT NULL)"));
    {
      Statement insert(database_, "INSERT INTO source VALUES(1, ?1, 0, 0)");
      insert.bind_bytes(1, owner);
      if (const int code = insert.step(); code != SQLITE_DONE) return failure(failed(code));
    }
    WATTLE_CHECK(run(fmt::format("PRAGMA application_id={}", kApplicationId).c_str()));
    WATTLE_CHECK(run(fmt::format("PRAGMA user_version={}", kFileFormat).c_str()));
    WATTLE_CHECK(run("COMMIT"));
  }
  {
    Statement read(database_, "SELECT owner FROM source");
    if (const int code = read.step(); code != SQLITE_ROW)
      return failure(code == SQLITE_DONE ? not_ours(path_) : failed(code));
    if (read.bytes(0) != owner)
      return failure(
          Error(ErrorCode::invalid_argument,
                fmt::format("the store \"{}\" belongs to \"{}\", not to \"{}\"", path_, read.bytes(0), owner))
              .with_remedy("give each lattice a file of its own"));
  }
  WATTLE_CHECK(run("PRAGMA journal_mode=WAL"));
  WATTLE_CHECK(run("PRAGMA synchronous=FULL"));
  sqlite3_db_config(database_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, &on);
  return {};
}

StoreFile::~StoreFile() {
  sqlite3_close(database_);
}

Result<std::vector<StoreFile::Row>> StoreFile::load() {
  std::vector<Row> rows;
  Statement read(database_, "SELECT key, epoch, sequence, id, deleted, value FROM record");
  int code = read.step();
  for (; code == SQLITE_ROW; code = read.step())
    rows.push_back({.key = read.bytes(0),
                    .version = {read.number(1), read.number(2)},
                    .id = read.bytes(3),
                    .deleted = read.number(4) != 0,
                    .value = read.bytes(5)});
  if (code != SQLITE_DONE) return failure(failed(code));
  return rows;
}

Result<StoreFile::Source> StoreFile::source() {
  Statement read(database_, "SELECT bucket, epoch FROM source");
  if (const int code = read.step(); code != SQLITE_ROW) return failure(failed(code));
  return Source{static_cast<int64_t>(read.number(0)), read.number(1)};
}

Result<void> StoreFile::write(const std::vector<Row>& rows, const Source& source, bool retag) {
  const auto write_all = [&]() -> Result<void> {
    if (retag) {
      Statement update(database_, "UPDATE record SET epoch=?1 WHERE epoch=(SELECT epoch FROM source)");
      update.bind(1, source.epoch);
      if (const int code = update.step(); code != SQLITE_DONE) return failure(failed(code));
    }
    Statement remember(database_, "UPDATE source SET bucket=?1, epoch=?2");
    remember.bind(1, static_cast<uint64_t>(source.bucket_created_ns));
    remember.bind(2, source.epoch);
    if (const int code = remember.step(); code != SQLITE_DONE) return failure(failed(code));
    Statement insert(database_, "INSERT OR REPLACE INTO record VALUES(?1, ?2, ?3, ?4, ?5, ?6)");
    for (const Row& row : rows) {
      insert.bind_bytes(1, row.key);
      insert.bind(2, row.version.epoch);
      insert.bind(3, row.version.sequence);
      insert.bind_bytes(4, row.id);
      insert.bind(5, row.deleted ? 1 : 0);
      insert.bind_bytes(6, row.value);
      if (const int code = insert.step(); code != SQLITE_DONE) return failure(failed(code));
      insert.reset();
    }
    return {};
  };
  WATTLE_CHECK(run("BEGIN IMMEDIATE"));
  Result<void> written = write_all();
  if (written) written = run("COMMIT");
  if (!written && sqlite3_get_autocommit(database_) == 0) (void)run("ROLLBACK");
  return written;
}

}  // namespace wattle::lattice
