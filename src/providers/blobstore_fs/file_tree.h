// Files beneath a folder, by names that never lead out of it. Everything here blocks.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace wattle::providers {

// A descriptor that is closed with its object.
class Descriptor {
 public:
  explicit Descriptor(int descriptor = -1) : descriptor_(descriptor) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  int get() const { return descriptor_; }
  bool open() const { return descriptor_ >= 0; }

 private:
  int descriptor_;
};

// The path of a container or an object, below the folder, as it is on the disk.
std::string path_of_container(std::string_view name);
std::string path_of_object(std::string_view name);
// Nothing: no object is written so.
std::string object_of_path(std::string_view path);

struct FileStatus {
  uint64_t size_bytes = 0;
  uint64_t changed_seconds = 0;  // since 1970
};

// A file that is being written, beside the one that it will replace.
class NewFile {
 public:
  NewFile(Descriptor folder, Descriptor file, std::string temporary, std::string name)
      : folder_(std::move(folder)),
        file_(std::move(file)),
        temporary_(std::move(temporary)),
        name_(std::move(name)) {}
  // Without commit(): nothing is left.
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  Result<void> append(std::string_view bytes);
  // Takes its name, once it is on the disk if `sync`.
  Result<void> commit(bool sync);

 private:
  Descriptor folder_;
  Descriptor file_;
  std::string temporary_;
  std::string name_;
  bool committed_ = false;
};

class FileTree {
 public:
  // Refused: not_found, permission_denied, invalid_argument (no folder).
  static Result<std::shared_ptr<const FileTree>> open(const std::string& root);

  Result<void> make_container(const std::string& container) const;
  Result<bool> has_container(const std::string& container) const;
  Result<FileStatus> container_status(const std::string& container) const;
  // With everything in it.
  Result<void> remove_container(const std::string& container) const;
  Result<void> clear_container(const std::string& container) const;
  // Of all objects, in the order of their bytes.
  Result<std::vector<std::string>> objects(const std::string& container) const;

  Result<Descriptor> open_object(const std::string& container, const std::string& object) const;
  Result<FileStatus> object_status(const std::string& container, const std::string& object) const;
  Result<std::unique_ptr<NewFile>> new_object(const std::string& container, const std::string& object) const;
  // One that is not there is no failure.
  Result<void> remove_object(const std::string& container, const std::string& object) const;

 private:
  explicit FileTree(Descriptor root) : root_(std::move(root)) {}
  Result<Descriptor> open_container(const std::string& container) const;
  // The folder that holds `path` below `from`, made if it may be.
  static Result<Descriptor> parent_of(const Descriptor& from, const std::string& path, bool make);

  Descriptor root_;
};

}  // namespace wattle::providers
