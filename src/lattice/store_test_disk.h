// A disk for tests of the store: it counts what SQLite asks of it, ends the process at the n-th such request,
// and can be full. It keeps what each file held when it was last synced, so that a test can go on from what a
// power cut would have left.
#pragma once

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

namespace wattle::lattice {

class TestDisk {
 public:
  enum class End : uint8_t {
    before,     // the request is not carried out
    torn,       // half of a write is, other requests whole
    power_cut,  // as before, and what was not synced is lost: see lose_unsynced()
  };

  // Makes it the disk of every SQLite file that is opened from now on.
  static void install() {
    static sqlite3_vfs vfs;
    sqlite3_vfs* const real = sqlite3_vfs_find(nullptr);
    if (real == &vfs) return;
    real_ = real;
    vfs = *real;
    vfs.zName = "wattle_test_disk";
    vfs.szOsFile = static_cast<int>(sizeof(File)) + real->szOsFile;
    vfs.xOpen = open;
    vfs.xDelete = remove;
    sqlite3_vfs_register(&vfs, 1);
  }
  static void uninstall() {
    if (real_ != nullptr) sqlite3_vfs_register(real_, 1);
  }
  // The process ends at this request; 0: never.
  static void end_at(int request, End how) {
    requests = 0;
    end_at_ = request;
    how_ = how;
  }

  static inline std::atomic<int> requests = 0;
  static inline std::atomic<bool> full = false;

  // What a power cut leaves of the files in `folder`.
  static void lose_unsynced(const std::string& folder) {
    namespace fs = std::filesystem;
    for (const auto& entry : fs::directory_iterator(folder)) {
      const std::string path = entry.path();
      if (path.ends_with(kSynced)) continue;
      if (fs::exists(path + kSynced)) {
        fs::rename(path + kSynced, path);
      } else {
        fs::resize_file(path, 0);
      }
    }
  }

 private:
  static constexpr const char* kSynced = ".synced";

  struct File {
    sqlite3_file base;
    const char* path;
    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  };
  static File* file(sqlite3_file* of) { return reinterpret_cast<File*>(of); }
  static sqlite3_file* real(sqlite3_file* of) { return file(of)->real(); }
  static bool ends_here() { return ++requests == end_at_; }
  [[noreturn]] static void end() { ::_exit(9); }

  static int open(sqlite3_vfs*, const char* path, sqlite3_file* made, int flags, int* out_flags) {
    File* const opened = file(made);
    opened->path = path;
    opened->base.pMethods = nullptr;
    const int code = real_->xOpen(real_, path, opened->real(), flags, out_flags);
    if (opened->real()->pMethods != nullptr) opened->base.pMethods = &methods();
    return code;
  }
  static int remove(sqlite3_vfs*, const char* path, int sync) {
    const bool here = ends_here();
    if (here && how_ != End::torn) end();
    const int code = real_->xDelete(real_, path, sync);
    ::unlink((std::string(path) + kSynced).c_str());
    if (here) end();
    return code;
  }
  static int write(sqlite3_file* to, const void* bytes, int count, sqlite3_int64 at) {
    if (full) return SQLITE_FULL;
    if (ends_here()) {
      if (how_ == End::torn) real(to)->pMethods->xWrite(real(to), bytes, count / 2, at);
      end();
    }
    return real(to)->pMethods->xWrite(real(to), bytes, count, at);
  }
  static int truncate(sqlite3_file* of, sqlite3_int64 bytes) {
    const bool here = ends_here();
    if (here && how_ != End::torn) end();
    const int code = real(of)->pMethods->xTruncate(real(of), bytes);
    if (here) end();
    return code;
  }
  static int sync(sqlite3_file* of, int flags) {
    const bool here = ends_here();
    if (here && how_ != End::torn) end();
    const int code = real(of)->pMethods->xSync(real(of), flags);
    if (end_at_ > 0) {
      const std::string path = file(of)->path;
      std::filesystem::copy_file(path, path + kSynced, std::filesystem::copy_options::overwrite_existing);
    }
    if (here) end();
    return code;
  }

  static const sqlite3_io_methods& methods() {
    static const sqlite3_io_methods methods = [] {
      sqlite3_io_methods made{};
      made.iVersion = 1;
      made.xClose = [](sqlite3_file* of) { return real(of)->pMethods->xClose(real(of)); };
      made.xRead = [](sqlite3_file* of, void* into, int count, sqlite3_int64 at) {
        return real(of)->pMethods->xRead(real(of), into, count, at);
      };
      made.xWrite = write;
      made.xTruncate = truncate;
      made.xSync = sync;
      made.xFileSize = [](sqlite3_file* of, sqlite3_int64* bytes) {
        return real(of)->pMethods->xFileSize(real(of), bytes);
      };
      made.xLock = [](sqlite3_file* of, int lock) { return real(of)->pMethods->xLock(real(of), lock); };
      made.xUnlock = [](sqlite3_file* of, int lock) { return real(of)->pMethods->xUnlock(real(of), lock); };
      made.xCheckReservedLock = [](sqlite3_file* of, int* reserved) {
        return real(of)->pMethods->xCheckReservedLock(real(of), reserved);
      };
      made.xFileControl = [](sqlite3_file* of, int operation, void* argument) {
        return real(of)->pMethods->xFileControl(real(of), operation, argument);
      };
      made.xSectorSize = [](sqlite3_file* of) { return real(of)->pMethods->xSectorSize(real(of)); };
      // Nothing is promised: neither whole sectors nor an order.
      made.xDeviceCharacteristics = [](sqlite3_file*) { return 0; };
      return made;
    }();
    return methods;
  }

  static inline sqlite3_vfs* real_ = nullptr;
  static inline int end_at_ = 0;
  static inline End how_ = End::before;
};

}  // namespace wattle::lattice
