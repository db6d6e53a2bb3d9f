#include "wasi/filesystem_path.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>

namespace wattle::wasi {

namespace {

tl::unexpected<int> last_error() {
  return tl::make_unexpected(errno);
}

SystemResult<void> checked(int returned) {
  if (returned != 0) return last_error();
  return {};
}

// "a/b" has the parent "a", "b" has ".", "/b" has "/", which the kernel refuses.
std::pair<std::string, std::string> split_last(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == path.npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

// The entry is looked at only to give the right error; what acts on it does not follow it.
SystemResult<void> check_directory(const EntryName& entry) {
  if (!entry.must_be_directory) return {};
  struct stat status{};
  if (fstatat(entry.parent.get(), entry.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return last_error();
  if (!S_ISDIR(status.st_mode)) return tl::make_unexpected(ENOTDIR);
  return {};
}

}  // namespace

FileHandle::~FileHandle() {
  if (number_ >= 0) ::close(number_);
}

SystemResult<FileHandle> open_beneath(int folder, const std::string& path, int flags, mode_t mode) {
  if (path.find('\0') != path.npos) return tl::make_unexpected(EINVAL);
  open_how how{};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  // EAGAIN: something was renamed during the resolution, so that the kernel cannot tell whether ".." escaped.
  for (int attempt = 0; attempt < 64; ++attempt) {
    const long opened = syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how);
    if (opened >= 0) return FileHandle(static_cast<int>(opened));
    if (errno == EXDEV) return tl::make_unexpected(EPERM);
    if (errno != EAGAIN && errno != EINTR) return last_error();
  }
  return tl::make_unexpected(EAGAIN);
}

SystemResult<EntryName> resolve_entry(int folder, const std::string& path, int special) {
  if (path.empty()) return tl::make_unexpected(ENOENT);
  if (path.find('\0') != path.npos) return tl::make_unexpected(EINVAL);
  // A name with a slash behind it would make the kernel follow a symbolic link: the slash is taken off and
  // remembered.
  EntryName entry;
  std::string trimmed = path;
  while (trimmed.size() > 1 && trimmed.back() == '/') {
    trimmed.pop_back();
    entry.must_be_directory = true;
  }
  auto [parent, name] = split_last(trimmed);
  auto opened = open_beneath(folder, parent, O_PATH | O_DIRECTORY);
  if (!opened) return tl::make_unexpected(opened.error());
  if (name == ".." || name == "." || name.empty()) {
    // Where it would lead decides between "refused" and "exists", "busy", ...
    auto target = open_beneath(folder, trimmed, O_PATH);
    return tl::make_unexpected(target ? special : target.error());
  }
  entry.parent = std::move(*opened);
  entry.name = std::move(name);
  return entry;
}

SystemResult<struct stat> stat_beneath(int folder, const std::string& path, bool follow) {
  auto opened = open_beneath(folder, path, O_PATH | (follow ? 0 : O_NOFOLLOW));
  if (!opened) return tl::make_unexpected(opened.error());
  struct stat status{};
  if (fstat(opened->get(), &status) != 0) return last_error();
  return status;
}

SystemResult<void> set_times_beneath(int folder, const std::string& path, bool follow,
                                     const timespec times[2]) {
  auto opened = open_beneath(folder, path, O_PATH | (follow ? 0 : O_NOFOLLOW));
  if (!opened) return tl::make_unexpected(opened.error());
  return checked(utimensat(opened->get(), "", times, AT_EMPTY_PATH));
}

SystemResult<void> create_directory_beneath(int folder, const std::string& path) {
  auto entry = resolve_entry(folder, path, EEXIST);
  if (!entry) return tl::make_unexpected(entry.error());
  return checked(mkdirat(entry->parent.get(), entry->name.c_str(), 0777));
}

SystemResult<void> remove_directory_beneath(int folder, const std::string& path) {
  auto entry = resolve_entry(folder, path, EINVAL);
  if (!entry) return tl::make_unexpected(entry.error());
  return checked(unlinkat(entry->parent.get(), entry->name.c_str(), AT_REMOVEDIR));
}

SystemResult<void> unlink_beneath(int folder, const std::string& path) {
  auto entry = resolve_entry(folder, path, EISDIR);
  if (!entry) return tl::make_unexpected(entry.error());
  if (auto directory = check_directory(*entry); !directory) return directory;
  return checked(unlinkat(entry->parent.get(), entry->name.c_str(), 0));
}

SystemResult<void> rename_beneath(int old_folder, const std::string& old_path, int new_folder,
                                  const std::string& new_path) {
  auto from = resolve_entry(old_folder, old_path, EBUSY);
  if (!from) return tl::make_unexpected(from.error());
  auto to = resolve_entry(new_folder, new_path, EBUSY);
  if (!to) return tl::make_unexpected(to.error());
  from->must_be_directory = from->must_be_directory || to->must_be_directory;
  if (auto directory = check_directory(*from); !directory) return directory;
  return checked(renameat(from->parent.get(), from->name.c_str(), to->parent.get(), to->name.c_str()));
}

SystemResult<void> link_beneath(int old_folder, const std::string& old_path, int new_folder,
                                const std::string& new_path) {
  auto from = resolve_entry(old_folder, old_path, EPERM);
  if (!from) return tl::make_unexpected(from.error());
  if (auto directory = check_directory(*from); !directory) return directory;
  auto to = resolve_entry(new_folder, new_path, EEXIST);
  if (!to) return tl::make_unexpected(to.error());
  if (to->must_be_directory) return tl::make_unexpected(ENOENT);
  return checked(linkat(from->parent.get(), from->name.c_str(), to->parent.get(), to->name.c_str(), 0));
}

SystemResult<void> symlink_beneath(int folder, const std::string& target, const std::string& path) {
  if (target.find('\0') != target.npos) return tl::make_unexpected(EINVAL);
  // Not for safety, which resolution sees to: such a link could only mean a path of the host's.
  if (target.starts_with('/')) return tl::make_unexpected(EPERM);
  auto entry = resolve_entry(folder, path, EEXIST);
  if (!entry) return tl::make_unexpected(entry.error());
  if (entry->must_be_directory) return tl::make_unexpected(ENOENT);
  return checked(symlinkat(target.c_str(), entry->parent.get(), entry->name.c_str()));
}

SystemResult<std::string> readlink_beneath(int folder, const std::string& path) {
  auto opened = open_beneath(folder, path, O_PATH | O_NOFOLLOW);
  if (!opened) return tl::make_unexpected(opened.error());
  struct stat status{};
  if (fstat(opened->get(), &status) != 0) return last_error();
  if (!S_ISLNK(status.st_mode)) return tl::make_unexpected(EINVAL);
  std::string target(PATH_MAX, '\0');
  const ssize_t length = readlinkat(opened->get(), "", target.data(), target.size());
  if (length < 0) return last_error();
  target.resize(static_cast<size_t>(length));
  if (target.starts_with('/')) return tl::make_unexpected(EPERM);
  return target;
}

}  // namespace wattle::wasi
