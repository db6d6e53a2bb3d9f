// The copy of a lattice::Store that one process keeps on its disk: SQLite, written ahead and synced with each
// batch. Blocking: for async::offload. One process has it open at a time. Internal to src/lattice.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "lattice/store_record.h"

struct sqlite3;

namespace wattle::lattice {

// What a program decides on, beyond an error's code.
enum class StoreReason : uint16_t {
  disk_full = 1,       // io: the disk that holds the file is full
  not_replicated = 2,  // deadline_exceeded: written, but no other copy has confirmed it in time
  not_ready = 3,       // deadline_exceeded: the bucket has not been read, or not been made anew, in time
};
Error store_error(ErrorCode code, StoreReason reason, std::string message);
std::optional<StoreReason> store_reason_of(const Error& error);

class StoreFile {
 public:
  struct Row {
    std::string key;
    StoreVersion version;
    std::string id;
    bool deleted = false;
    std::string value;
  };
  // The bucket that was read last: when it was made, and its epoch.
  struct Source {
    int64_t bucket_created_ns = 0;
    uint64_t epoch = 0;
  };

  // Makes the file, readable by its owner alone, or opens it. Refused, with the file left as it is:
  // unsupported (of a newer format), malformed (no such file of ours, or damaged), invalid_argument (another
  // store's), already_exists (another process has it open), permission_denied, not_found (its folder), io.
  static Result<std::unique_ptr<StoreFile>> open(const std::string& path, std::string_view owner);
  ~StoreFile();
  StoreFile(const StoreFile&) = delete;
  StoreFile& operator=(const StoreFile&) = delete;

  Result<std::vector<Row>> load();
  Result<Source> source();
  // All of it is on the disk when this returns, or nothing. With `retag`, what had the epoch of the source
  // that was written last has the new one's.
  Result<void> write(const std::vector<Row>& rows, const Source& source, bool retag);

 private:
  StoreFile(std::string path, sqlite3* database) : path_(std::move(path)), database_(database) {}
  Result<void> check_or_make(std::string_view owner);
  Result<void> run(const char* sql);
  Error failed(int code) const;

  std::string path_;
  sqlite3* database_;
};

}  // namespace wattle::lattice
