#include "providers/blobstore_fs/file_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace wattle::providers {
namespace {

constexpr std::string_view kTemporary = ".wattle-";
constexpr size_t kObjectsMax = 5'000'000;
constexpr int kDepthMax = 256;

tl::unexpected<Error> file_failure(int number, std::string_view doing, std::string_view what) {
  ErrorCode code = ErrorCode::io;
  if (number == ENOENT || number == ENOTDIR) code = ErrorCode::not_found;
  if (number == EACCES || number == EPERM || number == EXDEV || number == ELOOP)
    code = ErrorCode::permission_denied;
  if (number == EEXIST || number == EISDIR) code = ErrorCode::already_exists;
  return failure(code, "cannot {} \"{}\": {}", doing, what, std::strerror(number));
}

// Nothing that `path` says, nor a symbolic link on its way, leads out of `from`.
int open_beneath(int from, const char* path, int flags, mode_t mode = 0) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  for (int attempt = 0; attempt < 16; ++attempt) {
    const long descriptor = ::syscall(SYS_openat2, from, path, &how, sizeof how);
    if (descriptor >= 0 || errno != EAGAIN)
      return static_cast<int>(descriptor);  // EAGAIN: it was renamed meanwhile
  }
  return -1;
}

void append_escaped(std::string& out, char c) {
  fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<uint8_t>(c));
}

// One part of a path, which may not be empty, ".", ".." or look like a file that is being written.
void append_part(std::string& out, std::string_view part) {
  if (part.empty()) {
    out += '%';
    return;
  }
  const bool first_is_odd = part == "." || part == ".." || part.starts_with(kTemporary);
  for (size_t i = 0; i < part.size(); ++i) {
    const char c = part[i];
    if (c == '%' || c == '/' || c == '\0' || (i == 0 && first_is_odd)) {
      append_escaped(out, c);
    } else {
      out += c;
    }
  }
}

std::string unique_suffix() {
  static std::atomic<uint64_t> count{0};
  return fmt::format("{}-{}", ::getpid(), count.fetch_add(1));
}

FileStatus status_of(const struct stat& status) {
  return {.size_bytes = static_cast<uint64_t>(status.st_size),
          .changed_seconds = static_cast<uint64_t>(std::max<time_t>(status.st_mtim.tv_sec, 0))};
}

// Calls `take(folder, entry name, whether it is a folder)` for each entry of `folder`.
template <class Take>
Result<void> for_each_entry(const Descriptor& folder, Take take) {
  const int copy = ::openat(folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* stream = copy < 0 ? nullptr : ::fdopendir(copy);
  if (stream == nullptr) {
    if (copy >= 0) ::close(copy);
    return file_failure(errno, "read", "a folder");
  }
  Result<void> outcome;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    bool is_folder = entry->d_type == DT_DIR;
    bool is_file = entry->d_type == DT_REG;
    if (entry->d_type == DT_UNKNOWN) {
      struct stat status{};
      if (::fstatat(folder.get(), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
      is_folder = S_ISDIR(status.st_mode);
      is_file = S_ISREG(status.st_mode);
    }
    outcome = take(std::string(name), is_folder, is_file);
    if (!outcome) break;
  }
  ::closedir(stream);
  return outcome;
}

Result<void> collect(const Descriptor& folder, const std::string& prefix, int depth,
                     std::vector<std::string>& names) {
  if (depth > kDepthMax) return {};
  return for_each_entry(folder, [&](const std::string& name, bool is_folder, bool is_file) -> Result<void> {
    if (is_folder) {
      const Descriptor inner(open_beneath(folder.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
      if (inner.open()) return collect(inner, prefix + name + "/", depth + 1, names);
      return {};
    }
    if (!is_file || name.starts_with(kTemporary)) return {};
    if (names.size() >= kObjectsMax)
      return failure(ErrorCode::overloaded, "the container holds more than {} objects", kObjectsMax);
    names.push_back(object_of_path(prefix + name));
    return {};
  });
}

Result<void> remove_all(const Descriptor& folder, int depth) {
  if (depth > kDepthMax) return failure(ErrorCode::io, "the folders are too deep");
  return for_each_entry(folder, [&](const std::string& name, bool is_folder, bool) -> Result<void> {
    if (is_folder) {
      const Descriptor inner(open_beneath(folder.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
      if (inner.open()) WATTLE_CHECK(remove_all(inner, depth + 1));
    }
    if (::unlinkat(folder.get(), name.c_str(), is_folder ? AT_REMOVEDIR : 0) != 0 && errno != ENOENT &&
        errno != ENOTEMPTY)
      return file_failure(errno, "delete", name);
    return {};
  });
}

}  // namespace

Descriptor::~Descriptor() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

std::string path_of_container(std::string_view name) {
  std::string path;
  append_part(path, name);
  return path;
}

std::string path_of_object(std::string_view name) {
  std::string path;
  for (size_t begin = 0; begin <= name.size();) {
    const size_t end = std::min(name.find('/', begin), name.size());
    if (begin > 0) path += '/';
    append_part(path, name.substr(begin, end - begin));
    begin = end + 1;
  }
  return path;
}

std::string object_of_path(std::string_view path) {
  std::string name;
  for (size_t i = 0; i < path.size(); ++i) {
    uint8_t byte = 0;
    if (path[i] != '%') {
      name += path[i];
    } else if (i + 2 < path.size() &&
               std::from_chars(path.data() + i + 1, path.data() + i + 3, byte, 16).ptr ==
                   path.data() + i + 3) {
      name += static_cast<char>(byte);
      i += 2;
    }  // else a lone "%": an empty part
  }
  return name;
}

NewFile::~NewFile() {
  if (!committed_) ::unlinkat(folder_.get(), temporary_.c_str(), 0);
}

Result<void> NewFile::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return file_failure(errno, "write", name_);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

Result<void> NewFile::commit(bool sync) {
  if (sync && ::fdatasync(file_.get()) != 0) return file_failure(errno, "sync", name_);
  if (::renameat(folder_.get(), temporary_.c_str(), folder_.get(), name_.c_str()) != 0)
    return file_failure(errno, "write", name_);
  committed_ = true;
  if (sync && ::fsync(folder_.get()) != 0) return file_failure(errno, "sync", name_);
  return {};
}

Result<std::shared_ptr<const FileTree>> FileTree::open(const std::string& root) {
  Descriptor folder(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.open()) return file_failure(errno, "open the folder", root);
  return std::shared_ptr<const FileTree>(new FileTree(std::move(folder)));
}

Result<Descriptor> FileTree::open_container(const std::string& container) const {
  Descriptor folder(open_beneath(root_.get(), path_of_container(container).c_str(), O_RDONLY | O_DIRECTORY));
  if (folder.open()) return folder;
  if (errno == ENOENT) return failure(ErrorCode::not_found, "there is no container \"{}\"", container);
  return file_failure(errno, "open the container", container);
}

Result<void> FileTree::make_container(const std::string& container) const {
  if (::mkdirat(root_.get(), path_of_container(container).c_str(), 0777) == 0 || errno == EEXIST) return {};
  return file_failure(errno, "make the container", container);
}

Result<bool> FileTree::has_container(const std::string& container) const {
  auto folder = open_container(container);
  if (folder) return true;
  if (folder.error().code() == ErrorCode::not_found) return false;
  return failure(folder.error());
}

Result<FileStatus> FileTree::container_status(const std::string& container) const {
  WATTLE_TRY(const Descriptor folder, open_container(container));
  struct statx status{};
  if (::statx(folder.get(), "", AT_EMPTY_PATH, STATX_BTIME | STATX_MTIME, &status) != 0)
    return file_failure(errno, "look at the container", container);
  const bool born = (status.stx_mask & STATX_BTIME) != 0;
  const auto seconds = born ? status.stx_btime.tv_sec : status.stx_mtime.tv_sec;
  return FileStatus{.size_bytes = 0, .changed_seconds = static_cast<uint64_t>(std::max<int64_t>(seconds, 0))};
}

Result<void> FileTree::clear_container(const std::string& container) const {
  WATTLE_TRY(const Descriptor folder, open_container(container));
  return remove_all(folder, 0);
}

Result<void> FileTree::remove_container(const std::string& container) const {
  WATTLE_CHECK(clear_container(container));
  if (::unlinkat(root_.get(), path_of_container(container).c_str(), AT_REMOVEDIR) != 0)
    return file_failure(errno, "delete the container", container);
  return {};
}

Result<std::vector<std::string>> FileTree::objects(const std::string& container) const {
  WATTLE_TRY(const Descriptor folder, open_container(container));
  std::vector<std::string> names;
  WATTLE_CHECK(collect(folder, "", 0, names));
  std::ranges::sort(names);
  return names;
}

Result<Descriptor> FileTree::parent_of(const Descriptor& from, const std::string& path, bool make) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash);
  for (int attempt = 0;; ++attempt) {
    Descriptor opened(open_beneath(from.get(), folder.c_str(), O_RDONLY | O_DIRECTORY));
    if (opened.open()) return opened;
    // Folders may go, when their last file does, between two of our steps.
    if (errno != ENOENT || !make || attempt == 8) return file_failure(errno, "open the folder of", path);
    Descriptor at(open_beneath(from.get(), ".", O_RDONLY | O_DIRECTORY));
    for (size_t begin = 0; begin < folder.size() && at.open();) {
      const size_t end = std::min(folder.find('/', begin), folder.size());
      const std::string part = folder.substr(begin, end - begin);
      ::mkdirat(at.get(), part.c_str(), 0777);
      at = Descriptor(open_beneath(at.get(), part.c_str(), O_RDONLY | O_DIRECTORY));
      begin = end + 1;
    }
  }
}

Result<Descriptor> FileTree::open_object(const std::string& container, const std::string& object) const {
  WATTLE_TRY(const Descriptor folder, open_container(container));
  Descriptor file(open_beneath(folder.get(), path_of_object(object).c_str(), O_RDONLY | O_NONBLOCK));
  struct stat status{};
  if (!file.open() && errno != ENOENT && errno != ENOTDIR) return file_failure(errno, "open", object);
  if (!file.open() || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))
    return failure(ErrorCode::not_found, "there is no object \"{}\" in \"{}\"", object, container);
  return file;
}

Result<FileStatus> FileTree::object_status(const std::string& container, const std::string& object) const {
  WATTLE_TRY(const Descriptor file, open_object(container, object));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return file_failure(errno, "look at", object);
  return status_of(status);
}

Result<std::unique_ptr<NewFile>> FileTree::new_object(const std::string& container,
                                                      const std::string& object) const {
  WATTLE_TRY(const Descriptor folder, open_container(container));
  const std::string path = path_of_object(object);
  for (int attempt = 0;; ++attempt) {
    auto parent = parent_of(folder, path, true);
    if (!parent) {
      if (parent.error().code() != ErrorCode::not_found) return failure(parent.error());
      return failure(
          Error(ErrorCode::already_exists,
                fmt::format("\"{}\" cannot be beside the objects that are there", object), parent.error())
              .with_remedy("in a folder, an object cannot have a name that another's begins with"));
    }
    const size_t slash = path.rfind('/');
    std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
    std::string temporary = std::string(kTemporary) + unique_suffix();
    struct stat status{};
    if (::fstatat(parent->get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode))
      return failure(ErrorCode::already_exists, "there are objects whose names begin with \"{}/\"", object);
    Descriptor file(
        ::openat(parent->get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (file.open())
      return std::make_unique<NewFile>(std::move(*parent), std::move(file), std::move(temporary),
                                       std::move(name));
    if (errno != ENOENT || attempt == 8) return file_failure(errno, "write", object);
  }
}

Result<void> FileTree::remove_object(const std::string& container, const std::string& object) const {
  WATTLE_TRY(const Descriptor folder, open_container(container));
  std::string path = path_of_object(object);
  for (bool is_file = true;; is_file = false) {
    auto parent = parent_of(folder, path, false);
    if (!parent) {
      if (parent.error().code() == ErrorCode::not_found) return {};
      return failure(parent.error());
    }
    const size_t slash = path.rfind('/');
    const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
    if (::unlinkat(parent->get(), name.c_str(), is_file ? 0 : AT_REMOVEDIR) != 0) {
      // A folder is no object; one that is not empty stays.
      const bool harmless =
          errno == ENOENT || errno == ENOTDIR || errno == EISDIR || errno == ENOTEMPTY || !is_file;
      if (!harmless) return file_failure(errno, "delete", object);
      return {};
    }
    if (slash == std::string::npos) return {};
    path = path.substr(0, slash);
  }
}

}  // namespace wattle::providers
