#include "wasi/filesystem.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

namespace wattle::wasi {

namespace {

constexpr uint64_t kMaxReadBytes = 1 << 20;
constexpr uint64_t kMaxOffset = std::numeric_limits<int64_t>::max();

template <class Work>
auto blocking(Host& host, Work work) {
  return async::offload(context_of(host).blocking, std::move(work));
}

tl::unexpected<FileErrorCode> refused(FileErrorCode code) {
  return tl::make_unexpected(code);
}

// The outcome of system calls as the guest's: void, or what `convert` makes of the value.
FileResult<void> outcome(SystemResult<void> result) {
  if (!result) return refused(file_error_of(result.error()));
  return {};
}
template <class T, class Convert>
auto outcome(SystemResult<T> result, Convert convert) -> FileResult<decltype(convert(std::move(*result)))> {
  if (!result) return refused(file_error_of(result.error()));
  return convert(std::move(*result));
}

SystemResult<void> checked(int returned) {
  if (returned != 0) return tl::make_unexpected(errno);
  return {};
}

SystemResult<struct stat> stat_handle(int number) {
  struct stat status{};
  if (fstat(number, &status) != 0) return tl::make_unexpected(errno);
  return status;
}

// A folder given by path only (O_PATH) cannot be read or synced: it is opened anew.
SystemResult<FileHandle> reopen_folder(int number) {
  return open_beneath(number, ".", O_RDONLY | O_DIRECTORY);
}

bool follows(PathFlags flags) {
  return flags.has(kSymlinkFollow);
}

int system_flags(PathFlags follow, OpenFlags open_flags, DescriptorFlags flags) {
  // O_NONBLOCK: opening a FIFO must not wait for its other end.
  int system = O_NOCTTY | O_NONBLOCK;
  system |= flags.has(kWrite) ? (flags.has(kRead) ? O_RDWR : O_WRONLY) : O_RDONLY;
  if (!follows(follow)) system |= O_NOFOLLOW;
  if (open_flags.has(kCreate)) system |= O_CREAT;
  if (open_flags.has(kDirectory)) system |= O_DIRECTORY;
  if (open_flags.has(kExclusive)) system |= O_EXCL;
  if (open_flags.has(kTruncate)) system |= O_TRUNC;
  if (flags.has(kFileIntegritySync)) system |= O_SYNC;
  if (flags.has(kDataIntegritySync)) system |= O_DSYNC;
  if (flags.has(kRequestedWriteSync)) system |= O_RSYNC;
  return system;
}

}  // namespace

FileResult<std::unique_ptr<FileDescriptor>> FileDescriptor::create(Host& host, OpenFilePtr file) {
  std::unique_ptr<FileDescriptor> descriptor(new FileDescriptor(host, std::move(file)));
  if (!descriptor->charge_.resize(kOpenFileCharge)) return refused(FileErrorCode::insufficient_memory);
  return descriptor;
}

FileResult<std::unique_ptr<FileDescriptor>> FileDescriptor::of_preopen(Host& host, const Preopen& preopen) {
  const int own = fcntl(*preopen.descriptor, F_DUPFD_CLOEXEC, 0);
  if (own < 0) return refused(file_error_of(errno));
  OpenFilePtr file(new OpenFile);
  file->handle = FileHandle(own);
  file->type = FileType::directory;
  file->read_only_folder = preopen.access == FolderAccess::read_only;
  file->flags.bits = 1u << kRead | (file->read_only_folder ? 0 : 1u << kMutateDirectory);
  return create(host, std::move(file));
}

std::optional<FileErrorCode> FileDescriptor::check_file(DescriptorFlag needed) const {
  if (file_->is_directory()) return FileErrorCode::is_directory;
  if (!file_->flags.has(needed)) return FileErrorCode::bad_descriptor;
  return std::nullopt;
}

std::optional<FileErrorCode> FileDescriptor::check_folder(bool changes) const {
  if (!file_->is_directory()) return FileErrorCode::not_directory;
  if (changes && !file_->flags.has(kMutateDirectory)) return FileErrorCode::read_only;
  return std::nullopt;
}

// ---- files

FileResult<std::unique_ptr<InputStream>> FileDescriptor::read_via_stream(Host& host, uint64_t offset) {
  if (auto error = check_file(kRead)) return refused(*error);
  if (offset > kMaxOffset) return refused(FileErrorCode::invalid);
  return std::make_unique<InputStream>(file_source(file_, offset, context_of(host).blocking));
}

FileResult<std::unique_ptr<OutputStream>> FileDescriptor::write_via_stream(Host& host, uint64_t offset) {
  if (auto error = check_file(kWrite)) return refused(*error);
  if (offset > kMaxOffset) return refused(FileErrorCode::invalid);
  return std::make_unique<OutputStream>(file_sink(file_, offset, context_of(host).blocking));
}

FileResult<std::unique_ptr<OutputStream>> FileDescriptor::append_via_stream(Host& host) {
  if (auto error = check_file(kWrite)) return refused(*error);
  return std::make_unique<OutputStream>(file_sink(file_, std::nullopt, context_of(host).blocking));
}

FileResult<void> FileDescriptor::advise(Host& host, uint64_t offset, uint64_t length, Advice advice) {
  if (file_->is_directory()) return refused(FileErrorCode::bad_descriptor);
  if (offset > kMaxOffset || length > kMaxOffset) return refused(FileErrorCode::invalid);
  static constexpr int kAdvice[] = {POSIX_FADV_NORMAL,   POSIX_FADV_SEQUENTIAL, POSIX_FADV_RANDOM,
                                    POSIX_FADV_WILLNEED, POSIX_FADV_DONTNEED,   POSIX_FADV_NOREUSE};
  return outcome(blocking(host, [&]() -> SystemResult<void> {
    const int number = posix_fadvise(file_->number(), static_cast<off_t>(offset), static_cast<off_t>(length),
                                     kAdvice[static_cast<size_t>(advice)]);
    if (number != 0) return tl::make_unexpected(number);
    return {};
  }));
}

FileResult<void> FileDescriptor::sync_data(Host& host) {
  if (file_->is_directory()) return sync(host);
  return outcome(blocking(host, [&] { return checked(fdatasync(file_->number())); }));
}

FileResult<void> FileDescriptor::sync(Host& host) {
  return outcome(blocking(host, [&]() -> SystemResult<void> {
    if (!file_->is_directory()) return checked(fsync(file_->number()));
    auto folder = reopen_folder(file_->number());
    if (!folder) return tl::make_unexpected(folder.error());
    return checked(fsync(folder->get()));
  }));
}

FileResult<void> FileDescriptor::set_size(Host& host, uint64_t size) {
  if (auto error = check_file(kWrite)) return refused(*error);
  if (size > kMaxOffset) return refused(FileErrorCode::invalid);
  return outcome(
      blocking(host, [&] { return checked(ftruncate(file_->number(), static_cast<off_t>(size))); }));
}

FileResult<void> FileDescriptor::set_times(Host& host, NewTimestamp accessed, NewTimestamp modified) {
  if (file_->read_only_folder) return refused(FileErrorCode::read_only);
  auto first = timespec_of(accessed), second = timespec_of(modified);
  if (!first || !second) return refused(file_error_of(first ? second.error() : first.error()));
  const timespec times[2] = {*first, *second};
  return outcome(
      blocking(host, [&] { return checked(utimensat(file_->number(), "", times, AT_EMPTY_PATH)); }));
}

FileResult<std::tuple<Bytes, bool>> FileDescriptor::read(Host& host, uint64_t length, uint64_t offset) {
  if (auto error = check_file(kRead)) return refused(*error);
  if (offset > kMaxOffset) return refused(FileErrorCode::invalid);
  Bytes bytes(std::min(length, kMaxReadBytes));
  auto count = blocking(host, [&]() -> SystemResult<size_t> {
    const ssize_t got = pread(file_->number(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (got < 0) return tl::make_unexpected(errno);
    return static_cast<size_t>(got);
  });
  if (!count) return refused(file_error_of(count.error()));
  bytes.resize(*count);
  return std::tuple<Bytes, bool>(std::move(bytes), *count == 0);
}

FileResult<uint64_t> FileDescriptor::write(Host& host, std::span<const uint8_t> bytes, uint64_t offset) {
  if (auto error = check_file(kWrite)) return refused(*error);
  if (offset > kMaxOffset) return refused(FileErrorCode::invalid);
  auto count = blocking(host, [&]() -> SystemResult<uint64_t> {
    const ssize_t put = pwrite(file_->number(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0) return tl::make_unexpected(errno);
    return static_cast<uint64_t>(put);
  });
  return outcome(std::move(count), [](uint64_t written) { return written; });
}

FileResult<DescriptorStat> FileDescriptor::stat(Host& host) {
  return outcome(blocking(host, [&] { return stat_handle(file_->number()); }), stat_of);
}

FileResult<MetadataHash> FileDescriptor::metadata_hash(Host& host) {
  return outcome(blocking(host, [&] { return stat_handle(file_->number()); }), metadata_hash_of);
}

bool FileDescriptor::is_same_object(const FileDescriptor& other) const {
  auto mine = stat_handle(file_->number()), theirs = stat_handle(other.file_->number());
  return mine && theirs && mine->st_dev == theirs->st_dev && mine->st_ino == theirs->st_ino;
}

// ---- folders

FileResult<std::unique_ptr<DirectoryEntryStream>> FileDescriptor::read_directory(Host& host) {
  if (auto error = check_folder(false)) return refused(*error);
  auto folder = blocking(host, [&] { return reopen_folder(file_->number()); });
  if (!folder) return refused(file_error_of(folder.error()));
  return DirectoryEntryStream::create(host, std::move(*folder));
}

FileResult<void> FileDescriptor::create_directory_at(Host& host, const std::string& path) {
  if (auto error = check_folder(true)) return refused(*error);
  return outcome(blocking(host, [&] { return create_directory_beneath(file_->number(), path); }));
}

FileResult<DescriptorStat> FileDescriptor::stat_at(Host& host, PathFlags follow, const std::string& path) {
  if (auto error = check_folder(false)) return refused(*error);
  return outcome(blocking(host, [&] { return stat_beneath(file_->number(), path, follows(follow)); }),
                 stat_of);
}

FileResult<MetadataHash> FileDescriptor::metadata_hash_at(Host& host, PathFlags follow,
                                                          const std::string& path) {
  if (auto error = check_folder(false)) return refused(*error);
  return outcome(blocking(host, [&] { return stat_beneath(file_->number(), path, follows(follow)); }),
                 metadata_hash_of);
}

FileResult<void> FileDescriptor::set_times_at(Host& host, PathFlags follow, const std::string& path,
                                              NewTimestamp accessed, NewTimestamp modified) {
  if (auto error = check_folder(true)) return refused(*error);
  auto first = timespec_of(accessed), second = timespec_of(modified);
  if (!first || !second) return refused(file_error_of(first ? second.error() : first.error()));
  const timespec times[2] = {*first, *second};
  return outcome(
      blocking(host, [&] { return set_times_beneath(file_->number(), path, follows(follow), times); }));
}

FileResult<void> FileDescriptor::link_at(Host& host, PathFlags follow, const std::string& old_path,
                                         FileDescriptor& new_folder, const std::string& new_path) {
  // Both: a link from a read-only folder into another would make its file writable.
  if (auto error = check_folder(true)) return refused(*error);
  if (auto error = new_folder.check_folder(true)) return refused(*error);
  if (follows(follow)) return refused(FileErrorCode::invalid);
  return outcome(blocking(
      host, [&] { return link_beneath(file_->number(), old_path, new_folder.file_->number(), new_path); }));
}

FileResult<std::unique_ptr<FileDescriptor>> FileDescriptor::open_at(Host& host, PathFlags follow,
                                                                    const std::string& path,
                                                                    OpenFlags open_flags,
                                                                    DescriptorFlags flags) {
  if (auto error = check_folder(false)) return refused(*error);
  const bool changes = open_flags.has(kCreate) || open_flags.has(kTruncate) || flags.has(kWrite) ||
                       flags.has(kMutateDirectory);
  if (changes && !file_->flags.has(kMutateDirectory)) return refused(FileErrorCode::read_only);
  if (open_flags.has(kDirectory) && (open_flags.has(kCreate) || open_flags.has(kTruncate)))
    return refused(FileErrorCode::invalid);
  if (open_flags.has(kTruncate) && !flags.has(kWrite)) return refused(FileErrorCode::invalid);

  OpenFilePtr file(new OpenFile);
  file->read_only_folder = file_->read_only_folder;
  auto opened = blocking(host, [&]() -> SystemResult<void> {
    auto handle = open_beneath(file_->number(), path, system_flags(follow, open_flags, flags),
                               open_flags.has(kCreate) ? 0666 : 0);
    if (!handle) return tl::make_unexpected(handle.error());
    auto status = stat_handle(handle->get());
    if (!status) return tl::make_unexpected(status.error());
    file->handle = std::move(*handle);
    file->type = file_type_of(status->st_mode);
    return {};
  });
  if (!opened) return refused(file_error_of(opened.error()));
  // What is neither for reading nor for writing was opened for reading all the same.
  file->flags = flags;
  if (!flags.has(kWrite)) file->flags.bits |= 1u << kRead;
  if (!file->is_directory()) file->flags.bits &= ~(1u << kMutateDirectory);
  return create(host, std::move(file));
}

FileResult<std::string> FileDescriptor::readlink_at(Host& host, const std::string& path) {
  if (auto error = check_folder(false)) return refused(*error);
  auto target = blocking(host, [&] { return readlink_beneath(file_->number(), path); });
  if (!target) return refused(file_error_of(target.error()));
  if (!is_utf8(*target)) return refused(FileErrorCode::illegal_byte_sequence);
  return std::move(*target);
}

FileResult<void> FileDescriptor::remove_directory_at(Host& host, const std::string& path) {
  if (auto error = check_folder(true)) return refused(*error);
  return outcome(blocking(host, [&] { return remove_directory_beneath(file_->number(), path); }));
}

FileResult<void> FileDescriptor::rename_at(Host& host, const std::string& old_path,
                                           FileDescriptor& new_folder, const std::string& new_path) {
  if (auto error = check_folder(true)) return refused(*error);
  if (auto error = new_folder.check_folder(true)) return refused(*error);
  return outcome(blocking(
      host, [&] { return rename_beneath(file_->number(), old_path, new_folder.file_->number(), new_path); }));
}

FileResult<void> FileDescriptor::symlink_at(Host& host, const std::string& old_path,
                                            const std::string& new_path) {
  if (auto error = check_folder(true)) return refused(*error);
  return outcome(blocking(host, [&] { return symlink_beneath(file_->number(), old_path, new_path); }));
}

FileResult<void> FileDescriptor::unlink_file_at(Host& host, const std::string& path) {
  if (auto error = check_folder(true)) return refused(*error);
  return outcome(blocking(host, [&] { return unlink_beneath(file_->number(), path); }));
}

// ---- linking

namespace {

constexpr std::string_view kTypes = "wasi:filesystem/types@0.2.12";
using Self = FileDescriptor;

void add_file_functions(runtime::Linker& linker) {
  linker.function(kTypes, "[method]descriptor.read-via-stream",
                  [](Host& host, Self& self, uint64_t offset) { return self.read_via_stream(host, offset); });
  linker.function(kTypes, "[method]descriptor.write-via-stream", [](Host& host, Self& self, uint64_t offset) {
    return self.write_via_stream(host, offset);
  });
  linker.function(kTypes, "[method]descriptor.append-via-stream",
                  [](Host& host, Self& self) { return self.append_via_stream(host); });
  linker.function(kTypes, "[method]descriptor.advise",
                  [](Host& host, Self& self, uint64_t offset, uint64_t length, Advice advice) {
                    return self.advise(host, offset, length, advice);
                  });
  linker.function(kTypes, "[method]descriptor.sync-data",
                  [](Host& host, Self& self) { return self.sync_data(host); });
  linker.function(kTypes, "[method]descriptor.sync", [](Host& host, Self& self) { return self.sync(host); });
  linker.function(kTypes, "[method]descriptor.get-flags", [](Host&, Self& self) { return self.get_flags(); });
  linker.function(kTypes, "[method]descriptor.get-type", [](Host&, Self& self) { return self.get_type(); });
  linker.function(kTypes, "[method]descriptor.set-size",
                  [](Host& host, Self& self, uint64_t size) { return self.set_size(host, size); });
  linker.function(kTypes, "[method]descriptor.set-times",
                  [](Host& host, Self& self, NewTimestamp accessed, NewTimestamp modified) {
                    return self.set_times(host, accessed, modified);
                  });
  linker.function(kTypes, "[method]descriptor.read",
                  [](Host& host, Self& self, uint64_t length, uint64_t offset) {
                    return self.read(host, length, offset);
                  });
  linker.function(kTypes, "[method]descriptor.write",
                  [](Host& host, Self& self, std::span<const uint8_t> bytes, uint64_t offset) {
                    return self.write(host, bytes, offset);
                  });
  linker.function(kTypes, "[method]descriptor.stat", [](Host& host, Self& self) { return self.stat(host); });
  linker.function(kTypes, "[method]descriptor.is-same-object",
                  [](Host&, Self& self, Self& other) { return self.is_same_object(other); });
  linker.function(kTypes, "[method]descriptor.metadata-hash",
                  [](Host& host, Self& self) { return self.metadata_hash(host); });
}

void add_folder_functions(runtime::Linker& linker) {
  using Path = std::string;
  linker.function(kTypes, "[method]descriptor.read-directory",
                  [](Host& host, Self& self) { return self.read_directory(host); });
  linker.function(kTypes, "[method]descriptor.create-directory-at",
                  [](Host& host, Self& self, Path path) { return self.create_directory_at(host, path); });
  linker.function(
      kTypes, "[method]descriptor.stat-at",
      [](Host& host, Self& self, PathFlags follow, Path path) { return self.stat_at(host, follow, path); });
  linker.function(
      kTypes, "[method]descriptor.set-times-at",
      [](Host& host, Self& self, PathFlags follow, Path path, NewTimestamp accessed, NewTimestamp modified) {
        return self.set_times_at(host, follow, path, accessed, modified);
      });
  linker.function(kTypes, "[method]descriptor.link-at",
                  [](Host& host, Self& self, PathFlags follow, Path old_path, Self& folder, Path new_path) {
                    return self.link_at(host, follow, old_path, folder, new_path);
                  });
  linker.function(kTypes, "[method]descriptor.open-at",
                  [](Host& host, Self& self, PathFlags follow, Path path, OpenFlags open_flags,
                     DescriptorFlags flags) { return self.open_at(host, follow, path, open_flags, flags); });
  linker.function(kTypes, "[method]descriptor.readlink-at",
                  [](Host& host, Self& self, Path path) { return self.readlink_at(host, path); });
  linker.function(kTypes, "[method]descriptor.remove-directory-at",
                  [](Host& host, Self& self, Path path) { return self.remove_directory_at(host, path); });
  linker.function(kTypes, "[method]descriptor.rename-at",
                  [](Host& host, Self& self, Path old_path, Self& folder, Path new_path) {
                    return self.rename_at(host, old_path, folder, new_path);
                  });
  linker.function(kTypes, "[method]descriptor.symlink-at",
                  [](Host& host, Self& self, Path old_path, Path new_path) {
                    return self.symlink_at(host, old_path, new_path);
                  });
  linker.function(kTypes, "[method]descriptor.unlink-file-at",
                  [](Host& host, Self& self, Path path) { return self.unlink_file_at(host, path); });
  linker.function(kTypes, "[method]descriptor.metadata-hash-at",
                  [](Host& host, Self& self, PathFlags follow, Path path) {
                    return self.metadata_hash_at(host, follow, path);
                  });
}

// What cannot be handed over for want of room is left out: the guest then finds fewer folders.
std::vector<std::tuple<std::unique_ptr<FileDescriptor>, std::string>> preopens(Host& host) {
  std::vector<std::tuple<std::unique_ptr<FileDescriptor>, std::string>> folders;
  for (const Preopen& preopen : context_of(host).preopens)
    if (auto folder = FileDescriptor::of_preopen(host, preopen))
      folders.emplace_back(std::move(*folder), preopen.guest_path);
  return folders;
}

}  // namespace

void add_filesystem(runtime::Linker& linker) {
  linker.resource<FileDescriptor>();
  linker.resource<DirectoryEntryStream>();
  add_file_functions(linker);
  add_folder_functions(linker);
  linker.function(kTypes, "[method]directory-entry-stream.read-directory-entry",
                  [](Host& host, DirectoryEntryStream& self) { return self.read_entry(host); });
  linker.function(kTypes, "filesystem-error-code", [](Host&, IoError& error) -> std::optional<FileErrorCode> {
    if (error.origin() != IoError::Origin::file) return std::nullopt;
    return file_error_of(error.number());
  });
  linker.function("wasi:filesystem/preopens@0.2.12", "get-directories",
                  [](Host& host) { return preopens(host); });
}

}  // namespace wattle::wasi
