// Guests' paths, resolved beneath a folder by the kernel: openat2 with RESOLVE_BENEATH, so that neither "..",
// nor absolute paths, nor symbolic links, nor renames meanwhile lead out of it. No path is ever judged as
// text.
//
// What acts on a directory entry (create, unlink, rename, link) resolves the entry's parent that way, and
// then names the entry itself, without following it, to the kernel.
//
// All of this blocks: see async::offload.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>

#include "wasi/filesystem_types.h"

namespace wattle::wasi {

class FileHandle {
 public:
  FileHandle() = default;
  explicit FileHandle(int number) : number_(number) {}
  FileHandle(FileHandle&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  FileHandle& operator=(FileHandle&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~FileHandle();
  int get() const { return number_; }

 private:
  int number_ = -1;
};

// openat2 beneath `folder`. A path that would leave it is refused with EPERM.
SystemResult<FileHandle> open_beneath(int folder, const std::string& path, int flags, mode_t mode = 0);

// A directory entry: its parent and its name, which holds no slash and is neither "." nor "..".
struct EntryName {
  FileHandle parent;
  std::string name;
  bool must_be_directory = false;  // the path ended with a slash
};
// `special` is the error for a path that ends in "." or "..".
SystemResult<EntryName> resolve_entry(int folder, const std::string& path, int special);

SystemResult<struct stat> stat_beneath(int folder, const std::string& path, bool follow);
SystemResult<void> set_times_beneath(int folder, const std::string& path, bool follow,
                                     const timespec times[2]);
SystemResult<void> create_directory_beneath(int folder, const std::string& path);
SystemResult<void> remove_directory_beneath(int folder, const std::string& path);
SystemResult<void> unlink_beneath(int folder, const std::string& path);
SystemResult<void> rename_beneath(int old_folder, const std::string& old_path, int new_folder,
                                  const std::string& new_path);
SystemResult<void> link_beneath(int old_folder, const std::string& old_path, int new_folder,
                                const std::string& new_path);
// Absolute targets are refused with EPERM: both making and reading them.
SystemResult<void> symlink_beneath(int folder, const std::string& target, const std::string& path);
SystemResult<std::string> readlink_beneath(int folder, const std::string& path);

}  // namespace wattle::wasi
